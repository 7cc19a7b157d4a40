//! RFC 5322 §2.1.1: a line has at most 998 octets. Text that is not encoded is edited
//! in place, so an edit may make its line too long.

use crate::message::edit::Edit;
use memchr::{memchr, memrchr};

#[cfg(test)]
mod tests;

/// The longest line of a message, without its line end (RFC 5322 §2.1.1).
const LINE_MAX: usize = 998;

/// Watches the lengths of lines while edits are made, from first to last. A line that
/// was too long before may stay so.
#[derive(Debug, Clone)]
pub struct LineLimit<'a> {
    octets: &'a [u8],
    /// The line of the original that the last edit ended in.
    line_end: usize,
    was_too_long: bool,
    /// Where that edit ended, and how long its line has become up to there.
    position: usize,
    column: usize,
}

impl<'a> LineLimit<'a> {
    /// Watches the lines of these octets.
    pub fn new(octets: &'a [u8]) -> Self {
        let mut limit = Self { octets, line_end: 0, was_too_long: false, position: 0, column: 0 };
        limit.enter(0);
        limit
    }

    /// Does this edit keep its lines within the limit, with so many octets to spare? Then
    /// it counts as made. Edits come in order, and none reaches behind the octets.
    pub fn allows(&mut self, edit: &Edit<'_>, spare: usize) -> bool {
        if edit.range.start > self.line_end {
            self.enter(edit.range.start);
        }
        let mut after = Self { position: edit.range.end, ..self.clone() };
        if edit.range.end > self.line_end {
            // The edit takes a line break out: what follows it moves up.
            after.enter(edit.range.end);
            after.was_too_long |= self.was_too_long;
            after.position = edit.range.end;
        }
        let prefix = self.column + (edit.range.start - self.position);
        let suffix = self.visible_len(after.position, after.line_end);
        let mut lines = edit.replacement.split(|octet| *octet == b'\n').map(<[u8]>::len);
        after.column = prefix + lines.next().unwrap_or(0);
        let mut longest = 0;
        for line in lines {
            longest = longest.max(after.column);
            after.column = line;
        }
        let is_allowed =
            after.was_too_long || longest.max(after.column + suffix) + spare <= LINE_MAX;
        if is_allowed {
            *self = after;
        }
        is_allowed
    }

    /// Goes to the line of the original that this offset is in.
    fn enter(&mut self, offset: usize) {
        let start = memrchr(b'\n', &self.octets[..offset]).map_or(0, |newline| newline + 1);
        let rest = &self.octets[offset..];
        self.line_end = memchr(b'\n', rest).map_or(self.octets.len(), |newline| offset + newline);
        self.was_too_long = self.visible_len(start, self.line_end) > LINE_MAX;
        self.position = start;
        self.column = 0;
    }

    /// How long a stretch is that ends with its line, without the CR of a line end.
    fn visible_len(&self, start: usize, end: usize) -> usize {
        let stretch = &self.octets[start..end];
        stretch.len() - usize::from(stretch.ends_with(b"\r"))
    }
}
