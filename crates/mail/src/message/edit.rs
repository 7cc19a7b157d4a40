//! Edits of octets: what is taken out, where, and what comes in its place. A list of
//! edits turns an original into a result, and tells whether a result is the original
//! with just these edits made. The octets between the edits are never looked at.

use std::ops::Range;
use thiserror::Error;

#[cfg(test)]
mod tests;

/// One range of the original and the octets that take its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is taken out; empty for an insertion.
    pub range: Range<usize>,
    /// What comes in; empty for a deletion.
    pub replacement: Vec<u8>,
}

impl Edit {
    /// Puts octets in before the octet at `at`.
    pub fn insert(at: usize, octets: impl Into<Vec<u8>>) -> Self {
        Self { range: at..at, replacement: octets.into() }
    }

    /// Takes a range out.
    pub fn delete(range: Range<usize>) -> Self {
        Self { range, replacement: Vec::new() }
    }
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
    edits: Vec<Edit>,
    original_len: usize,
}

impl EditList {
    /// An empty list of edits for an original of that many octets.
    pub fn new(original_len: usize) -> Self {
        Self { edits: Vec::new(), original_len }
    }

    /// Adds an edit behind all others. Several insertions at one place keep their order.
    pub fn push(&mut self, edit: Edit) -> Result<(), EditError> {
        if edit.range.start > edit.range.end || edit.range.end > self.original_len {
            return Err(EditError::OutOfRange);
        }
        if self.edits.last().is_some_and(|last| last.range.end > edit.range.start) {
            return Err(EditError::OutOfOrder);
        }
        self.edits.push(edit);
        Ok(())
    }

    /// Adds the edits of a stretch of the original that starts at `offset`.
    pub fn append(&mut self, offset: usize, inner: Self) -> Result<(), EditError> {
        self.edits.reserve(inner.edits.len());
        inner.edits.into_iter().try_for_each(|Edit { range, replacement }| {
            self.push(Edit { range: range.start + offset..range.end + offset, replacement })
        })
    }

    /// Is there nothing to edit?
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The edits, in order.
    pub fn as_slice(&self) -> &[Edit] {
        &self.edits
    }

    /// How long the result is.
    pub fn result_len(&self) -> usize {
        self.edits
            .iter()
            .fold(self.original_len, |len, edit| len - edit.range.len() + edit.replacement.len())
    }

    /// Makes the edits: one allocation, of the exact size.
    ///
    /// # Panics
    /// If the original is not as long as the list was made for.
    pub fn apply(&self, original: &[u8]) -> Vec<u8> {
        assert_eq!(original.len(), self.original_len, "edits of another original");
        let mut result = Vec::with_capacity(self.result_len());
        let mut position = 0;
        for edit in &self.edits {
            result.extend_from_slice(&original[position..edit.range.start]);
            result.extend_from_slice(&edit.replacement);
            position = edit.range.end;
        }
        result.extend_from_slice(&original[position..]);
        result
    }

    /// Is `result` the original with these edits made, and with no other difference?
    /// It walks both and takes nothing from how [`EditList::apply`] works.
    pub fn is_undone_to(&self, original: &[u8], result: &[u8]) -> bool {
        let mut expected = original;
        let mut rest = result;
        let mut position = 0;
        for edit in &self.edits {
            let kept = edit.range.start - position;
            let undone = expected.split_at_checked(kept).zip(rest.split_at_checked(kept));
            let Some(((kept_octets, behind), (same_octets, tail))) = undone else { return false };
            let Some(tail) = tail.strip_prefix(edit.replacement.as_slice()) else { return false };
            if kept_octets != same_octets || behind.len() < edit.range.len() {
                return false;
            }
            expected = &behind[edit.range.len()..];
            rest = tail;
            position = edit.range.end;
        }
        expected == rest
    }

    /// Where places of the original stand in the result.
    pub fn places(&self) -> Places<'_> {
        let mut delta = 0;
        let deltas = self.edits.iter().map(|edit| {
            delta += edit.replacement.len().cast_signed() - edit.range.len().cast_signed();
            delta
        });
        Places { deltas: deltas.collect(), edits: &self.edits }
    }
}

/// Finds places of an original in the result of its edits.
#[derive(Debug, Clone)]
pub struct Places<'a> {
    edits: &'a [Edit],
    deltas: Vec<isize>,
}

impl Places<'_> {
    /// Where a range of the original is in the result, with what was put in at its ends.
    pub fn of(&self, range: Range<usize>) -> Range<usize> {
        let before = self.edits.partition_point(|edit| {
            edit.range.end <= range.start && edit.range.start < range.start
        });
        let through = self.edits.partition_point(|edit| edit.range.end <= range.end);
        self.behind(before, range.start)..self.behind(through, range.end)
    }

    fn behind(&self, edits: usize, offset: usize) -> usize {
        let delta = edits.checked_sub(1).map_or(0, |last| self.deltas[last]);
        offset.saturating_add_signed(delta)
    }
}
