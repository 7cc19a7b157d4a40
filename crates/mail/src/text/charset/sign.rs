//! What octets say of their charset by themselves, whatever their label says. Readers
//! believe a byte order mark before any label (Encoding standard, "decode").

use memchr::memchr_iter;

/// In UTF-16 and UTF-32 the octets of ASCII stand beside NUL. Text holds none otherwise,
/// so this share of the octets is far from both.
const NUL_SHARE: usize = 8;

/// A sign in a text of its charset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// A byte order mark in UTF-8.
    Utf8,
    /// UTF-16 or UTF-32, in which ASCII octets mean something else.
    NotAscii,
}

impl Sign {
    /// The sign in these octets, if there is one.
    pub(super) fn of(octets: &[u8]) -> Option<Self> {
        let is_wide = || {
            let nuls = memchr_iter(0, octets).count();
            nuls > 0 && nuls >= octets.len().div_ceil(NUL_SHARE)
        };
        match octets {
            [0xEF, 0xBB, 0xBF, ..] => Some(Self::Utf8),
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some(Self::NotAscii),
            _ => is_wide().then_some(Self::NotAscii),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(octets: &[u8], expected: Option<Sign>) {
        assert_eq!(Sign::of(octets), expected, "{}", octets.escape_ascii());
    }

    #[test]
    fn byte_order_marks_are_signs() {
        check(b"\xEF\xBB\xBFx", Some(Sign::Utf8));
        check(b"\xFF\xFEx\0", Some(Sign::NotAscii));
        check(b"\xFE\xFF\0x", Some(Sign::NotAscii));
        check(b"\xFF\xFE\0\0x\0\0\0", Some(Sign::NotAscii));
        check(b"\0\0\xFE\xFF\0\0\0x", Some(Sign::NotAscii));
        check(b"x\xFF\xFE", None);
        check(b"\xEF\xBB", None);
    }

    #[test]
    fn wide_characters_are_told_by_their_nuls() {
        check(b"<\0p\0>\0", Some(Sign::NotAscii));
        check(b"\0<\0p\0>", Some(Sign::NotAscii));
        check(b"\0\0\0<\0\0\0p", Some(Sign::NotAscii));
        check(b"a text with \0 in it, and no more", None);
        check(b"", None);
    }
}
