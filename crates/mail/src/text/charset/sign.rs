//! What octets say of their charset by themselves, whatever their label says. Readers
//! believe a byte order mark before any label (Encoding standard, "decode"), and some
//! take escape sequences for ISO-2022 where there is no label, or a wrong one.

use memchr::{memchr_iter, memchr2};

const ESCAPE: u8 = 0x1B;
/// In UTF-16 and UTF-32 the octets of ASCII stand beside NUL. Text holds none otherwise,
/// so this share of the octets is far from both.
const NUL_SHARE: usize = 8;

/// A sign in a text of its charset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// A byte order mark in UTF-8.
    Utf8,
    /// UTF-16, UTF-32 or ISO-2022, in which ASCII octets mean something else.
    NotAscii,
}

impl Sign {
    /// The sign in these octets. Most have none, and are passed over once.
    pub(super) fn of(octets: &[u8]) -> Option<Self> {
        match octets {
            [0xEF, 0xBB, 0xBF, ..] => return Some(Self::Utf8),
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => return Some(Self::NotAscii),
            _ => {}
        }
        let first = memchr2(0, ESCAPE, octets)?;
        let is_wide = memchr_iter(0, octets).count() >= octets.len().div_ceil(NUL_SHARE);
        (is_wide || is_shifted(&octets[first..])).then_some(Self::NotAscii)
    }
}

/// Does an escape sequence call for a charset of ISO-2022? Those of several octets begin
/// with `ESC $`; the others are the Roman set and the katakana of ISO-2022-JP (RFC 1468).
/// `ESC ( B` alone, as terminals write it, calls for ASCII.
fn is_shifted(octets: &[u8]) -> bool {
    memchr_iter(ESCAPE, octets).any(|at| {
        matches!(
            octets[at + 1..],
            [b'$', b'@' | b'A' | b'B', ..]
                | [b'$', b'('..=b'/', b'0'..=b'~', ..]
                | [b'(', b'I' | b'J', ..]
        )
    })
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
        check(b"\xEF\xBB\xBF\x1B$B", Some(Sign::Utf8));
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

    #[test]
    fn escapes_of_iso_2022_are_signs() {
        for sequence in ["$B", "$@", "$A", "(J", "(I", "$(D", "$)C", "$)A", "$*H", "$(Q"] {
            check(format!("a text \x1B{sequence}!!").as_bytes(), Some(Sign::NotAscii));
        }
        for sequence in ["(B", "(0", "[0m", "$", "$(", "", "]8;;"] {
            check(format!("a text with \x1B{sequence}").as_bytes(), None);
        }
    }
}
