//! Where octets of a few values stand, found 64 at a time: what is cheaper than a search
//! for each of them where they stand close together.

use memchr::memchr;
use std::ops::Range;
use wide::u8x16;

/// Octets that are looked at together, one bit for each.
pub(crate) const BLOCK: usize = 64;
/// Octets that one instruction looks at.
const LANE: usize = 16;
/// How far a search goes by itself: a style attribute has seldom more.
const NEAR: usize = 192;

/// How far the first octet of this value is. A general search takes longer to begin than it
/// takes here to pass over the few octets that stand before most quotes and tags.
#[inline(always)]
pub(crate) fn find_near(value: u8, octets: &[u8]) -> Option<usize> {
    let is_value = |lane: &[u8; LANE]| u8x16::new(*lane).simd_eq(u8x16::splat(value));
    let mut from = 0;
    if let Some(lane) = octets.first_chunk() {
        let equal = is_value(lane).to_bitmask();
        if equal != 0 {
            return Some(equal.trailing_zeros() as usize);
        }
        from = LANE;
    }
    while from < NEAR
        && let Some(block) = octets[from..].first_chunk::<BLOCK>()
    {
        let (lanes, _) = block.as_chunks();
        let equal = lanes
            .iter()
            .rev()
            .fold(0, |equal, lane| equal << LANE | u64::from(is_value(lane).to_bitmask()));
        if equal != 0 {
            return Some(from + equal.trailing_zeros() as usize);
        }
        from += BLOCK;
    }
    memchr(value, &octets[from..]).map(|found| found + from)
}

/// Gives the places of marks, in order.
#[derive(Debug, Clone)]
pub(crate) struct Marks<'a, F> {
    octets: &'a [u8],
    /// Tells the marks of a lane: all bits of an octet that is one.
    is_mark: F,
    /// Where the block starts.
    block: usize,
    /// A bit for each mark in the block that was not given yet, the lowest for the first
    /// octet.
    marks: u64,
    /// No mark behind it is given.
    end: usize,
}

/// The octets in a range that have one of these values.
#[inline(always)]
pub(crate) fn marks_within<const N: usize>(
    octets: &[u8],
    range: Range<usize>,
    values: [u8; N],
) -> impl Iterator<Item = usize> {
    let values = values.map(u8x16::splat);
    Marks::within(octets, range, move |lane| {
        values.iter().fold(u8x16::splat(0), |equal, value| equal | lane.simd_eq(*value))
    })
}

/// The octets that have one of these values.
#[inline(always)]
pub(crate) fn marks<const N: usize>(octets: &[u8], values: [u8; N]) -> impl Iterator<Item = usize> {
    marks_within(octets, 0..octets.len(), values)
}

impl<'a, F: Fn(u8x16) -> u8x16> Marks<'a, F> {
    /// The marks of all these octets.
    #[inline(always)]
    pub(crate) fn new(octets: &'a [u8], is_mark: F) -> Self {
        Self::within(octets, 0..octets.len(), is_mark)
    }

    /// The marks in a range. What stands behind it is looked at, where there is something,
    /// since that is cheaper than to look at few octets.
    #[inline(always)]
    fn within(octets: &'a [u8], range: Range<usize>, is_mark: F) -> Self {
        let Range { start, end } = range;
        let mut marks = Self { octets, is_mark, block: start, marks: 0, end };
        marks.look();
        marks
    }

    /// Finds the marks of the block.
    #[inline(always)]
    fn look(&mut self) {
        let rest = &self.octets[self.block..];
        let marks = match (rest.first_chunk(), self.octets.last_chunk()) {
            (Some(block), _) => bits(block, &self.is_mark),
            // The last octets were looked at before, but for the rest. To look again is
            // cheaper than to copy the rest, which the processor cannot load again at once.
            (None, Some(block)) => {
                let looked_at = BLOCK - rest.len();
                bits(block, &self.is_mark).unbounded_shr(looked_at as u32)
            }
            (None, None) => self.marks_of_few(rest),
        };
        let left = self.end - self.block;
        self.marks = if left < BLOCK { marks & ((1 << left) - 1) } else { marks };
    }

    /// A bit for each mark of octets that are no block. Lanes are read where they stand, the
    /// last back from the end; only what is no lane has to be copied.
    #[inline(always)]
    fn marks_of_few(&self, octets: &[u8]) -> u64 {
        let (lanes, rest) = octets.as_chunks();
        let marks = lanes.iter().rev().fold(0, |marks, lane| {
            marks << LANE | u64::from((self.is_mark)(u8x16::new(*lane)).to_bitmask())
        });
        let of_rest = match octets.last_chunk() {
            Some(lane) => {
                let marks = (self.is_mark)(u8x16::new(*lane)).to_bitmask();
                u64::from(marks) >> (LANE - rest.len())
            }
            None => {
                let mut lane = [0; LANE];
                lane[..rest.len()].copy_from_slice(rest);
                let marks = (self.is_mark)(u8x16::new(lane)).to_bitmask();
                u64::from(marks) & ((1 << rest.len()) - 1)
            }
        };
        marks | of_rest.unbounded_shl((octets.len() - rest.len()) as u32)
    }
}

/// A bit for each octet of a block that has one of these values, the lowest for the first.
#[inline(always)]
pub(crate) fn marks_of_block<const N: usize>(block: &[u8; BLOCK], values: [u8; N]) -> u64 {
    let values = values.map(u8x16::splat);
    bits(block, |lane| {
        values.iter().fold(u8x16::splat(0), |equal, value| equal | lane.simd_eq(*value))
    })
}

/// A bit for each mark.
#[inline(always)]
fn bits(block: &[u8; BLOCK], is_mark: impl Fn(u8x16) -> u8x16) -> u64 {
    let (lanes, _) = block.as_chunks();
    lanes
        .iter()
        .rev()
        .fold(0, |marks, lane| marks << LANE | u64::from(is_mark(u8x16::new(*lane)).to_bitmask()))
}

impl<F: Fn(u8x16) -> u8x16> Iterator for Marks<'_, F> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.marks == 0 {
            if self.end - self.block <= BLOCK {
                return None;
            }
            self.block += BLOCK;
            self.look();
        }
        let place = self.block + self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_mark_is_found_once(picks in prop::collection::vec(0usize..6, 0..200)) {
            let octets: Vec<_> = picks.iter().map(|pick| b"=\n\0az\xBD"[*pick]).collect();
            for values in [[b'=', b'\n'], [b'\0', b'\xBD']] {
                let expected = octets.iter().enumerate().filter(|(_, octet)| values.contains(octet));
                let expected: Vec<_> = expected.map(|(place, _)| place).collect();
                prop_assert_eq!(marks(&octets, values).collect::<Vec<_>>(), expected);
            }
        }
    }

    proptest! {
        #[test]
        fn marks_of_a_range_are_found(
            picks in prop::collection::vec(0usize..4, 0..300),
            (start, len) in (0usize..200, 0usize..300),
        ) {
            let octets: Vec<_> = picks.iter().map(|pick| b"=abc"[*pick]).collect();
            let start = start.min(octets.len());
            let end = octets.len().min(start + len);
            let expected: Vec<_> = (start..end).filter(|at| octets[*at] == b'=').collect();
            let found: Vec<_> = marks_within(&octets, start..end, [b'=']).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn near_octets_are_found_like_others() {
        for len in [0, 1, 15, 16, 17, 63, 64, 65, 200] {
            let mut octets = vec![b' '; len];
            assert_eq!(find_near(b'<', &octets), None, "{len}");
            octets.extend_from_slice(b"<<");
            assert_eq!(find_near(b'<', &octets), Some(len));
        }
    }

    #[test]
    fn blocks_end_where_the_octets_do() {
        for len in [0, 1, 63, 64, 65, 127, 128, 129] {
            let octets = vec![b'='; len];
            assert!(marks(&octets, [b'=']).eq(0..len), "{len}");
        }
    }
}
