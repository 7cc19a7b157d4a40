//! Where octets of a few values stand, found 64 at a time: what is cheaper than a search
//! for each of them where they stand close together.

use wide::u8x16;

/// Octets that are looked at together, one bit for each.
const BLOCK: usize = 64;

/// Gives the places of octets that have one of these values, in order.
#[derive(Debug, Clone)]
pub(crate) struct Marks<'a, const N: usize> {
    octets: &'a [u8],
    values: [u8; N],
    /// Where the block starts.
    block: usize,
    /// A bit for each mark in the block that was not given yet, the lowest for the first
    /// octet.
    marks: u64,
}

impl<'a, const N: usize> Marks<'a, N> {
    /// The marks of all these octets.
    pub(crate) fn new(octets: &'a [u8], values: [u8; N]) -> Self {
        let mut marks = Self { octets, values, block: 0, marks: 0 };
        marks.look();
        marks
    }

    /// Finds the marks of the block.
    #[inline(always)]
    fn look(&mut self) {
        let rest = &self.octets[self.block..];
        self.marks = match rest.first_chunk() {
            Some(block) => marks(block, self.values),
            None => {
                let mut block = [0; BLOCK];
                block[..rest.len()].copy_from_slice(rest);
                let inside = (1 << rest.len()) - 1;
                marks(&block, self.values) & inside
            }
        };
    }
}

impl<const N: usize> Iterator for Marks<'_, N> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.marks == 0 {
            if self.octets.len() - self.block <= BLOCK {
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

/// A bit for each octet that has one of the values.
#[inline(always)]
fn marks<const N: usize>(block: &[u8; BLOCK], values: [u8; N]) -> u64 {
    let values = values.map(u8x16::splat);
    let (lanes, _) = block.as_chunks();
    lanes.iter().rev().fold(0, |marks, lane| {
        let lane = u8x16::new(*lane);
        let equal =
            values.iter().fold(u8x16::splat(0), |equal, value| equal | lane.simd_eq(*value));
        marks << 16 | u64::from(equal.to_bitmask())
    })
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
                prop_assert_eq!(Marks::new(&octets, values).collect::<Vec<_>>(), expected);
            }
        }
    }

    #[test]
    fn blocks_end_where_the_octets_do() {
        for len in [0, 1, 63, 64, 65, 127, 128, 129] {
            let octets = vec![b'='; len];
            assert!(Marks::new(&octets, [b'=']).eq(0..len), "{len}");
        }
    }
}
