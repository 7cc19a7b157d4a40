//! Eight octets at a time: how far a name goes, without a branch for each octet.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x80 * ONES;

/// Eight octets as one number, the first of them the lowest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word(u64);

impl Word {
    /// The octets that stand here, if there are eight.
    pub(crate) fn at(octets: &[u8], from: usize) -> Option<Self> {
        octets.get(from..)?.first_chunk().map(|eight| Self(u64::from_le_bytes(*eight)))
    }

    /// How many octets of a name it starts with: up to the first that may end one, which is
    /// any below `0` and `<`, `=`, `>` and `?`.
    pub(crate) fn name_len(self) -> usize {
        // The high bit of the first that is found, and perhaps of some behind it.
        let below = self.0.wrapping_sub(0x30 * ONES) & !self.0;
        let other = (self.0 ^ (0x3C * ONES)) & (0xFC * ONES);
        let equal = other.wrapping_sub(ONES) & !other;
        ((below | equal) & HIGH_BITS).trailing_zeros() as usize / 8
    }

    /// Its first octets, which are of a name, with letters in lower case. No other octets of a
    /// name become letters or digits by this, so names of these are told by it.
    pub(crate) fn lower_case(self, len: usize) -> u64 {
        let kept = if len == 8 { u64::MAX } else { (1 << (len * 8)) - 1 };
        (self.0 | (0x20 * ONES)) & kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn name_goes_up_to_what_may_end_it(octets: [u8; 8]) {
            let goes_on = |octet: &&u8| **octet >= b'0' && !matches!(octet, b'<'..=b'?');
            let expected = octets.iter().take_while(goes_on).count();
            let word = Word::at(&octets, 0).expect("there are eight");
            prop_assert_eq!(word.name_len(), expected);
            let lower = word.lower_case(expected).to_le_bytes();
            for (lower, octet) in lower.iter().zip(octets).take(expected) {
                let is_plain = |octet: u8| octet.is_ascii_alphanumeric();
                prop_assert_eq!(is_plain(*lower), is_plain(octet));
                prop_assert!(!is_plain(octet) || *lower == octet.to_ascii_lowercase());
            }
            prop_assert!(lower[expected..].iter().all(|octet| *octet == 0));
        }
    }

    #[test]
    fn fewer_than_eight_octets_are_no_word() {
        assert!(Word::at(b"12345678", 1).is_none() && Word::at(b"", 1).is_none());
    }
}
