//! Edits of octets: what is taken out, where, and what comes in its place.

use super::splice::Splicer;
use std::{mem, ops::Range};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// One range of the original and the octets that take its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit<'a> {
    /// What is taken out; empty for an insertion.
    pub range: Range<usize>,
    /// What comes in; empty for a deletion.
    pub replacement: &'a [u8],
}

/// Why an edit does not fit into a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EditError {
    /// It starts before the end of the one before it.
    #[error("edit starts before the end of the edit before it")]
    OutOfOrder,
    /// It ends behind the original, or before its own start.
    #[error("edit lies outside the original")]
    OutOfRange,
}

/// Edits of one original, in order and without overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditList {
    spans: Vec<Span>,
    /// All that comes in, one replacement behind the other.
    replacements: Vec<u8>,
    original_len: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    range: Range<usize>,
    replacement_end: usize,
}

impl EditList {
    /// An empty list of edits for an original of that many octets.
    pub fn new(original_len: usize) -> Self {
        Self { spans: Vec::new(), replacements: Vec::new(), original_len }
    }

    /// Gives back what it has taken in advance for edits that did not come.
    pub fn shrink_to_fit(&mut self) {
        self.spans.shrink_to_fit();
        self.replacements.shrink_to_fit();
    }

    /// Adds an edit behind all others. Several insertions at one place keep their order.
    pub fn push(&mut self, range: Range<usize>, replacement: &[u8]) -> Result<(), EditError> {
        if range.start > range.end || range.end > self.original_len {
            return Err(EditError::OutOfRange);
        }
        if self.spans.last().is_some_and(|last| last.range.end > range.start) {
            return Err(EditError::OutOfOrder);
        }
        self.replacements.extend_from_slice(replacement);
        self.spans.push(Span { range, replacement_end: self.replacements.len() });
        Ok(())
    }

    /// Is there nothing to edit?
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// How many edits there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Where the last edit ends in the original.
    pub fn last_end(&self) -> Option<usize> {
        self.spans.last().map(|last| last.range.end)
    }

    /// How many octets come in with all of them.
    pub fn replacement_octets(&self) -> usize {
        self.replacements.len()
    }

    /// The edits, in order.
    pub fn iter(&self) -> Edits<'_> {
        Edits { list: self, places: 0..self.spans.len() }
    }

    /// The original with the edits made.
    ///
    /// # Panics
    /// If the original is not as long as the list was made for.
    pub fn apply(&self, original: &[u8]) -> Vec<u8> {
        assert_eq!(original.len(), self.original_len, "edits of another original");
        let mut splicer =
            Splicer::new(original, original.len() + self.replacements.len(), self.len());
        for Edit { range, replacement } in self {
            splicer
                .replace(range, |result| result.extend_from_slice(replacement))
                .expect("the edits of a list are in order");
        }
        splicer.finish().0
    }
}

impl<'a> IntoIterator for &'a EditList {
    type Item = Edit<'a>;
    type IntoIter = Edits<'a>;

    fn into_iter(self) -> Edits<'a> {
        self.iter()
    }
}

/// Edits that stand next to each other in a list.
#[derive(Debug, Clone)]
pub struct Edits<'a> {
    list: &'a EditList,
    places: Range<usize>,
}

impl<'a> Edits<'a> {
    /// Takes those off the front that start before `end`.
    pub fn split_before(&mut self, end: usize) -> Self {
        let rest = &self.list.spans[self.places.clone()];
        let count = rest.partition_point(|span| span.range.start < end);
        let middle = self.places.start + count;
        let front = Self { list: self.list, places: self.places.start..middle };
        self.places.start = middle;
        front
    }

    /// The pieces of a stretch of the original, which starts at `start` there, with these
    /// edits made.
    pub fn made_in(self, stretch: &'a [u8], start: usize) -> Pieces<'a> {
        Pieces { rest: stretch, position: start, replacement: None, edits: self }
    }
}

/// Gives the pieces of octets with edits made: what is kept and what comes in, in turns.
#[derive(Debug, Clone)]
pub struct Pieces<'a> {
    /// What is behind the last edit, and where that ends.
    rest: &'a [u8],
    position: usize,
    /// What comes in with it, if it was not given yet.
    replacement: Option<&'a [u8]>,
    edits: Edits<'a>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if let Some(replacement) = self.replacement.take() {
            return Some(replacement);
        }
        let Some(Edit { range, replacement }) = self.edits.next() else {
            let rest = mem::take(&mut self.rest);
            return (!rest.is_empty()).then_some(rest);
        };
        let kept = range.start.saturating_sub(self.position).min(self.rest.len());
        let (kept, rest) = self.rest.split_at(kept);
        self.rest = &rest[range.len().min(rest.len())..];
        self.position = range.end;
        self.replacement = Some(replacement);
        Some(kept)
    }
}

impl<'a> Iterator for Edits<'a> {
    type Item = Edit<'a>;

    #[inline]
    fn next(&mut self) -> Option<Edit<'a>> {
        let place = self.places.next()?;
        let Span { range, replacement_end } = &self.list.spans[place];
        let start = match place.checked_sub(1) {
            Some(before) => self.list.spans[before].replacement_end,
            None => 0,
        };
        let replacement = &self.list.replacements[start..*replacement_end];
        Some(Edit { range: range.clone(), replacement })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }
}

impl ExactSizeIterator for Edits<'_> {}
