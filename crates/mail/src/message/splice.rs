//! Octets made from an original by putting others in the place of some of its ranges.
//! Where that was done is remembered, so that the rest can be held against the original.

use super::edit::{EditError, Edits};
use std::ops::Range;

#[cfg(test)]
mod tests;

/// A range of the original, and what stands in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// What was taken out of the original.
    pub original: Range<usize>,
    /// What stands there in the result.
    pub result: Range<usize>,
}

/// Makes a result from an original, from its start to its end.
#[derive(Debug)]
pub struct Splicer<'o> {
    original: &'o [u8],
    position: usize,
    result: Vec<u8>,
    splices: Vec<Splice>,
}

impl<'o> Splicer<'o> {
    /// Begins a result that will have about so many octets, with at most so many splices.
    pub fn new(original: &'o [u8], result_len: usize, splices: usize) -> Self {
        let result = Vec::with_capacity(result_len);
        Self { original, position: 0, result, splices: Vec::with_capacity(splices) }
    }

    /// What the result is made from.
    pub fn original(&self) -> &'o [u8] {
        self.original
    }

    /// Puts what `write` appends to the result in the place of a range that lies behind
    /// all others.
    pub fn replace(
        &mut self,
        range: Range<usize>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), EditError> {
        if range.start > range.end || range.end > self.original.len() {
            return Err(EditError::OutOfRange);
        }
        if range.start < self.position {
            return Err(EditError::OutOfOrder);
        }
        self.result.extend_from_slice(&self.original[self.position..range.start]);
        let start = self.result.len();
        write(&mut self.result);
        self.position = range.end;
        self.splices.push(Splice { original: range, result: start..self.result.len() });
        Ok(())
    }

    /// The result, and where it differs from the original.
    pub fn finish(mut self) -> (Vec<u8>, Splices) {
        self.result.extend_from_slice(&self.original[self.position..]);
        (self.result, Splices { splices: self.splices })
    }
}

/// Where a result differs from its original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splices {
    splices: Vec<Splice>,
}

impl Splices {
    /// Does the result have all that stands between the splices in the original, and
    /// nothing besides? It walks both and takes nothing from how they were made.
    pub fn keep_the_rest(&self, original: &[u8], result: &[u8]) -> bool {
        let (mut in_original, mut in_result) = (0, 0);
        for splice in &self.splices {
            let kept = original.get(in_original..splice.original.start);
            if kept.is_none() || kept != result.get(in_result..splice.result.start) {
                return false;
            }
            (in_original, in_result) = (splice.original.end, splice.result.end);
        }
        let kept = original.get(in_original..);
        kept.is_some() && kept == result.get(in_result..)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.splices.len()
    }

    /// Is the result the very original?
    pub fn is_empty(&self) -> bool {
        self.splices.is_empty()
    }

    /// Where a range of the original is in the result, with what was put in at its ends.
    pub fn place_of(&self, range: Range<usize>) -> Range<usize> {
        let inside = self.places_within(&range);
        self.behind(inside.start, range.start)..self.behind(inside.end, range.end)
    }

    /// The splices of a range of the original, with those at its ends.
    pub fn within(&self, range: Range<usize>) -> &[Splice] {
        &self.splices[self.places_within(&range)]
    }

    fn places_within(&self, range: &Range<usize>) -> Range<usize> {
        let is_before = |splice: &Splice| {
            splice.original.end <= range.start && splice.original.start < range.start
        };
        let start = self.splices.partition_point(is_before);
        let end = self.splices.partition_point(|splice| splice.original.end <= range.end);
        start..end.max(start)
    }

    /// Where an offset of the original is in the result, behind so many splices.
    fn behind(&self, splices: usize, offset: usize) -> usize {
        match splices.checked_sub(1).map(|last| &self.splices[last]) {
            Some(last) => (last.result.end + offset).saturating_sub(last.original.end),
            None => offset,
        }
    }
}

/// Are these splices just these edits, made at `offset` of the original?
pub fn are_edits(splices: &[Splice], result: &[u8], edits: Edits<'_>, offset: usize) -> bool {
    splices.len() == edits.len()
        && splices.iter().zip(edits).all(|(splice, edit)| {
            splice.original == (edit.range.start + offset..edit.range.end + offset)
                && result.get(splice.result.clone()) == Some(edit.replacement)
        })
}
