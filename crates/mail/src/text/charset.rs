//! Charsets of text parts. The syntax that edits look for is ASCII, so only charsets
//! count in which ASCII octets stand for themselves; of those that are read by
//! encoding_rs, text can be decoded, too.

use crate::html::prescan;
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE,
    WINDOWS_1252, X_USER_DEFINED,
};
use std::borrow::Cow;

mod sign;
#[cfg(test)]
mod tests;

use sign::Sign;

/// Charsets with ASCII in the lower half that encoding_rs does not know. What of them
/// is not ASCII is left alone.
#[rustfmt::skip]
const ASCII_SUPERSETS: [&str; 23] = [
    "cp437", "cp737", "cp775", "cp850", "cp852", "cp855", "cp857", "cp858", "cp860", "cp861",
    "cp862", "cp863", "cp864", "cp865", "cp869", "hp-roman8", "ibm437", "ibm850", "ibm852",
    "iso-8859-12", "koi8-t", "unknown-8bit", "x-mac-ce",
];

/// ASCII. Other octets in it are mostly UTF-8, so this is where characters begin and end,
/// and windows-1252 in browsers (Encoding standard, 4.2). Nobody knows which, so they are no
/// text.
const ASCII: [&str; 3] = ["ansi_x3.4-1968", "ascii", "us-ascii"];

/// A charset in which ASCII octets outside of longer characters are ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charset {
    encoding: Option<&'static Encoding>,
    /// Only ASCII is text for sure.
    is_ascii: bool,
}

impl Charset {
    /// UTF-8, which is also what a part without a charset is read as.
    pub const UTF_8: Self = Self::of(UTF_8);

    const fn of(encoding: &'static Encoding) -> Self {
        Self { encoding: Some(encoding), is_ascii: false }
    }

    /// The charset of this label. `None` for one that is unknown, or in which ASCII
    /// octets may mean something else: UTF-16, UTF-7, ISO-2022, HZ, EBCDIC.
    pub fn of_label(label: &[u8]) -> Option<Self> {
        let label = label.trim_ascii();
        let label = label.strip_prefix(b"'").and_then(|l| l.strip_suffix(b"'")).unwrap_or(label);
        let is_one_of = |labels: &[&str]| {
            labels.iter().any(|known| label.eq_ignore_ascii_case(known.as_bytes()))
        };
        if is_one_of(&ASCII) {
            return Some(Self { encoding: Some(UTF_8), is_ascii: true });
        }
        if let Some(encoding) = Encoding::for_label(label) {
            return encoding.is_ascii_compatible().then_some(Self::of(encoding));
        }
        is_one_of(&ASCII_SUPERSETS).then_some(Self { encoding: None, is_ascii: true })
    }

    /// The charset that readers take a text for, with what its label says, if it has
    /// one. `None` where the octets say that ASCII is not ASCII in them.
    pub fn of_text(text: &[u8], label: Option<Self>) -> Option<Self> {
        match Sign::of(text) {
            Some(Sign::Utf8) => Some(Self::UTF_8),
            Some(Sign::NotAscii) => None,
            None => Some(label.unwrap_or(Self::UTF_8)),
        }
    }

    /// The same for HTML, which may declare its charset itself. What is said outside of it
    /// goes before that (HTML standard, 13.2.3.2).
    pub fn of_html(html: &[u8], label: Option<Self>) -> Option<Self> {
        let declared = if label.is_none() { prescan::charset_label(html) } else { None };
        match declared.filter(|_| Sign::of(html).is_none()) {
            Some(declared) => Self::of_declared(declared),
            None => Self::of_text(html, label),
        }
    }

    /// The charset of a label that was read from ASCII: so it is not UTF-16.
    fn of_declared(label: &[u8]) -> Option<Self> {
        match Encoding::for_label(label) {
            Some(wide) if wide == UTF_16BE || wide == UTF_16LE => Some(Self::UTF_8),
            Some(own) if own == X_USER_DEFINED => Some(Self::of(WINDOWS_1252)),
            _ => Self::of_label(label),
        }
    }

    /// Decodes octets. `None` if they are no text in this charset.
    pub fn decode(self, octets: &[u8]) -> Option<Cow<'_, str>> {
        if self.is_ascii && !octets.is_ascii() {
            return None;
        }
        self.read(octets)
    }

    /// The same, with what ASCII mostly is where it is none.
    fn read(self, octets: &[u8]) -> Option<Cow<'_, str>> {
        let encoding = self.encoding.or(octets.is_ascii().then_some(UTF_8))?;
        // What nearly all mail is in, and faster here for what is as short as a link.
        if encoding == UTF_8 {
            return str::from_utf8(octets).ok().map(Cow::Borrowed);
        }
        encoding.decode_without_bom_handling_and_without_replacement(octets)
    }

    /// The character at the start and how many octets it has, at least one. Octets that
    /// are no character come one by one, as `None`.
    pub fn first_char(self, octets: &[u8]) -> (Option<char>, usize) {
        let Some(&first) = octets.first() else { return (None, 1) };
        if first.is_ascii() {
            return (Some(char::from(first)), 1);
        }
        let len = self.char_len(octets);
        let text = octets.get(..len).and_then(|octets| self.read(octets));
        match text.as_deref().and_then(|text| text.chars().next()) {
            Some(character) => (Some(character), len),
            None => (None, 1),
        }
    }

    /// May an octet below 0x80 be the end of a longer character?
    pub fn has_ascii_trails(self) -> bool {
        self.encoding.is_some_and(|encoding| {
            [SHIFT_JIS, GBK, GB18030, BIG5, EUC_KR, EUC_JP].contains(&encoding)
        })
    }

    /// How many octets the character has whose first is this one, not ASCII.
    fn char_len(self, octets: &[u8]) -> usize {
        let first = octets[0];
        let Some(encoding) = self.encoding else { return 1 };
        if encoding == UTF_8 {
            return match first {
                0xC2..=0xDF => 2,
                0xE0..=0xEF => 3,
                0xF0..=0xF4 => 4,
                _ => 1,
            };
        }
        if !self.has_ascii_trails() || matches!(first, 0x80 | 0xFF) {
            return 1;
        }
        match (encoding, octets.get(1)) {
            // Half-width katakana.
            (encoding, _) if encoding == SHIFT_JIS && matches!(first, 0xA0..=0xDF) => 1,
            (encoding, _) if encoding == EUC_JP && first == 0x8F => 3,
            (encoding, Some(b'0'..=b'9')) if encoding == GBK || encoding == GB18030 => 4,
            _ => 2,
        }
    }
}
