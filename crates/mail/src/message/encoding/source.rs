//! Content that is read piece by piece, so that none of it has to be held as a whole.

use crate::message::edit::{Edit, Edits};

/// Gives content in pieces, each where it already stands.
pub(super) trait Source {
    /// The next piece, or all that is left of it; empty at the end alone.
    fn piece(&mut self) -> &[u8];
    /// Passes over so many octets of the piece.
    fn pass(&mut self, octets: usize);
}

/// Feeds all of a source to `sink`.
pub(super) fn drain(source: &mut impl Source, mut sink: impl FnMut(&[u8])) {
    loop {
        let piece = source.piece();
        let octets = piece.len();
        if octets == 0 {
            return;
        }
        sink(piece);
        source.pass(octets);
    }
}

/// Do both give the same content?
pub(super) fn are_equal(left: &mut impl Source, right: &mut impl Source) -> bool {
    loop {
        let (of_left, of_right) = (left.piece(), right.piece());
        let octets = of_left.len().min(of_right.len());
        if octets == 0 {
            return of_left.is_empty() && of_right.is_empty();
        }
        if of_left[..octets] != of_right[..octets] {
            return false;
        }
        left.pass(octets);
        right.pass(octets);
    }
}

/// Octets as they stand.
impl Source for &[u8] {
    fn piece(&mut self) -> &[u8] {
        self
    }

    fn pass(&mut self, octets: usize) {
        *self = &self[octets..];
    }
}

/// Content with edits made.
pub(super) struct Edited<'a, S> {
    content: S,
    /// Where the content stands, in the octets that the edits are made for.
    position: usize,
    /// The next edit, and those behind it.
    next: Option<Edit<'a>>,
    edits: Edits<'a>,
    replacement: &'a [u8],
}

impl<'a, S: Source> Edited<'a, S> {
    /// The content from `position` on, with these edits made.
    pub(super) fn new(content: S, position: usize, mut edits: Edits<'a>) -> Self {
        Self { content, position, next: edits.next(), edits, replacement: &[] }
    }

    /// Passes over what an edit takes out.
    fn take_out(&mut self, mut octets: usize) {
        self.position += octets;
        while octets > 0 {
            let passed = self.content.piece().len().min(octets);
            if passed == 0 {
                return;
            }
            self.content.pass(passed);
            octets -= passed;
        }
    }
}

impl<S: Source> Source for Edited<'_, S> {
    fn piece(&mut self) -> &[u8] {
        while self.replacement.is_empty() {
            let Some(edit) = &self.next else { return self.content.piece() };
            let kept = edit.range.start.saturating_sub(self.position);
            // An edit may stand at the very end of the content.
            if kept > 0 && !self.content.piece().is_empty() {
                let piece = self.content.piece();
                return &piece[..piece.len().min(kept)];
            }
            self.replacement = edit.replacement;
            let taken = edit.range.len();
            self.next = self.edits.next();
            self.take_out(taken);
        }
        self.replacement
    }

    fn pass(&mut self, octets: usize) {
        if self.replacement.is_empty() {
            self.content.pass(octets);
            self.position += octets;
        } else {
            self.replacement = &self.replacement[octets..];
        }
    }
}
