//! Eight octets at a time: how far a name or a run goes, without a branch for each octet.

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

    /// How many octets stand before the first of this value; eight if there is none.
    pub(crate) fn until(self, octet: u8) -> usize {
        let difference = self.0 ^ (u64::from(octet) * ONES);
        // The high bit of the first octet of this value, and perhaps of some behind it.
        let equal = difference.wrapping_sub(ONES) & !difference & HIGH_BITS;
        equal.trailing_zeros() as usize / 8
    }

    /// How many ASCII letters and digits it starts with, and these as a number with the
    /// letters in lower case.
    pub(crate) fn name(self) -> (usize, u64) {
        let low = self.0 & !HIGH_BITS;
        // The high bit of each octet that is at least `octet`. Octets have seven bits here,
        // so that no sum carries into the next.
        let at_least = |octets: u64, octet: u8| octets + (0x80 - u64::from(octet)) * ONES;
        let lower = low | (0x20 * ONES);
        let letters = at_least(lower, b'a') & !at_least(lower, b'z' + 1) & !self.0 & HIGH_BITS;
        let digits = at_least(low, b'0') & !at_least(low, b'9' + 1) & !self.0 & HIGH_BITS;
        let others = !(letters | digits) & HIGH_BITS;
        let len = others.trailing_zeros() as usize / 8;
        let kept = if len == 8 { u64::MAX } else { (1 << (len * 8)) - 1 };
        (len, (self.0 | letters >> 2) & kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn name_is_what_letters_and_digits_it_starts_with(octets: [u8; 8]) {
            let expected = octets.iter().take_while(|octet| octet.is_ascii_alphanumeric()).count();
            let mut lower = [0; 8];
            lower[..expected].copy_from_slice(&octets[..expected].to_ascii_lowercase());
            let found = Word::at(&octets, 0).expect("there are eight").name();
            prop_assert_eq!(found, (expected, u64::from_le_bytes(lower)));
        }

        #[test]
        fn run_ends_at_the_first_of_a_value(picks: [u8; 8]) {
            let octets = picks.map(|pick| b"=\n<>\x00\x7f\xbd\x80"[usize::from(pick) % 8]);
            let word = Word::at(&octets, 0).expect("there are eight");
            let expected = octets.iter().position(|octet| *octet == b'=').unwrap_or(8);
            prop_assert_eq!(word.until(b'='), expected);
        }

        #[test]
        fn octets_next_to_letters_are_none(octets in "[@A-Z\\[`a-z{/0-9:]{8}") {
            let expected = octets.bytes().take_while(u8::is_ascii_alphanumeric).count();
            let found = Word::at(octets.as_bytes(), 0).expect("there are eight").name();
            prop_assert_eq!(found.0, expected);
        }
    }

    #[test]
    fn fewer_than_eight_octets_are_no_word() {
        assert!(Word::at(b"12345678", 1).is_none() && Word::at(b"", 1).is_none());
    }
}
