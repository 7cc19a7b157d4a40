//! Content in, lines of quoted-printable out.

use super::{ENCODED_LINE_MAX, LineEnd};
use crate::marks::Marks;
use wide::u8x16;

/// Encodes content as the lines between two line ends.
pub(super) struct Encoder<'o> {
    octets: &'o mut Vec<u8>,
    line_end: LineEnd,
    column: usize,
}

impl<'o> Encoder<'o> {
    pub(super) fn new(line_end: LineEnd, octets: &'o mut Vec<u8>) -> Self {
        Self { octets, line_end, column: 0 }
    }

    pub(super) fn push(&mut self, content: &[u8]) {
        let mut position = 0;
        for at in Marks::new(content, are_escaped) {
            self.put_literals(&content[position..], at - position);
            self.put_escape(content[at]);
            position = at + 1;
        }
        self.put_literals(&content[position..], content.len() - position);
    }

    /// Puts so many octets, which stand for themselves, from the start of these. One octet of
    /// each line is kept for the `=` of a soft line break.
    #[inline(always)]
    fn put_literals(&mut self, mut octets: &[u8], mut len: usize) {
        loop {
            let room = ENCODED_LINE_MAX - 1 - self.column;
            if len <= room {
                break;
            }
            self.append(octets, room);
            self.break_line();
            (octets, len) = (&octets[room..], len - room);
        }
        self.append(octets, len);
        self.column += len;
    }

    /// Appends so many octets from the start of these, at most a line. A known number of them
    /// is quicker to copy, so some are appended too many where there is room, and taken off.
    #[inline(always)]
    fn append(&mut self, octets: &[u8], len: usize) {
        let end = self.octets.len() + len;
        match octets.first_chunk::<ENCODED_LINE_MAX>() {
            Some(line) if self.octets.capacity() - self.octets.len() >= ENCODED_LINE_MAX => {
                self.octets.extend_from_slice(line);
                self.octets.truncate(end);
            }
            _ => self.octets.extend_from_slice(&octets[..len]),
        }
    }

    /// Puts the escape of an octet, which must not be torn apart.
    fn put_escape(&mut self, octet: u8) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        if self.column + 3 >= ENCODED_LINE_MAX {
            self.break_line();
        }
        let digits = [DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]];
        self.octets.extend_from_slice(&[b'=', digits[0], digits[1]]);
        self.column += 3;
    }

    fn break_line(&mut self) {
        self.octets.push(b'=');
        self.octets.extend_from_slice(self.line_end.octets());
        self.column = 0;
    }

    /// The lines. §6.7, rule 3: white space before a line end is encoded, since a
    /// transport may take it away.
    pub(super) fn finish(mut self, is_soft: bool) {
        if is_soft {
            self.octets.push(b'=');
        } else if self.column > 0
            && let Some(&space @ (b' ' | b'\t')) = self.octets.last()
        {
            self.octets.pop();
            self.column -= 1;
            self.put_escape(space);
        }
    }
}

/// Which octets do not stand for themselves (§6.7, rules 2 and 3).
#[inline(always)]
fn are_escaped(octets: u8x16) -> u8x16 {
    let is_at_least = |octet| octets.max(u8x16::splat(octet)).simd_eq(octets);
    let is_at_most = |octet| octets.min(u8x16::splat(octet)).simd_eq(octets);
    let is = |octet| octets.simd_eq(u8x16::splat(octet));
    !(is_at_least(b' ') & is_at_most(b'~') & !is(b'=') | is(b'\t'))
}

/// By about how many octets content grows over `encoded` when it is encoded, seldom less.
pub(in super::super) fn growth(content: &[u8], encoded: usize) -> usize {
    let octets = content.len() + 2 * Marks::new(content, are_escaped).count();
    (octets + octets / (ENCODED_LINE_MAX - 2) * 3).saturating_sub(encoded)
}
