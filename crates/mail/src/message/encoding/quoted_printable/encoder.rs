//! Content in, lines of quoted-printable out.

use super::{ENCODED_LINE_MAX, LineEnd};

/// What stands for itself (§6.7, rules 2 and 3).
const LITERAL: [bool; 256] = literal();

const fn literal() -> [bool; 256] {
    let mut literal = [false; 256];
    let mut octet = b' ';
    while octet <= b'~' {
        literal[octet as usize] = octet != b'=';
        octet += 1;
    }
    literal[b'\t' as usize] = true;
    literal
}

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

    pub(super) fn push(&mut self, mut content: &[u8]) {
        while let Some(&first) = content.first() {
            if !LITERAL[usize::from(first)] {
                self.put(&escaped(first));
                content = &content[1..];
            } else {
                let room = (ENCODED_LINE_MAX - 1).saturating_sub(self.column);
                let run = literal_run(&content[..room.clamp(1, content.len())]);
                // Either it fits, or it is one octet that begins the next line.
                self.put(&content[..run]);
                content = &content[run..];
            }
        }
    }

    /// Puts octets that must not be torn apart; one octet of the line is kept for the
    /// `=` of a soft line break.
    fn put(&mut self, octets: &[u8]) {
        if self.column + octets.len() >= ENCODED_LINE_MAX {
            self.octets.push(b'=');
            self.octets.extend_from_slice(self.line_end.octets());
            self.column = 0;
        }
        self.octets.extend_from_slice(octets);
        self.column += octets.len();
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
            self.put(&escaped(space));
        }
    }
}

/// How many octets from the start on stand for themselves.
fn literal_run(octets: &[u8]) -> usize {
    // Without an early end, so that the compiler takes many octets at a time: most of
    // what is encoded are the letters of a link.
    if !octets.iter().fold(false, |found, octet| found | is_escaped(*octet)) {
        return octets.len();
    }
    octets.iter().position(|octet| !LITERAL[usize::from(*octet)]).unwrap_or(octets.len())
}

/// Is this escaped, but for the tab?
fn is_escaped(octet: u8) -> bool {
    !(b' '..=b'~').contains(&octet) | (octet == b'=')
}

/// By about how many octets content grows over `encoded` when it is encoded, seldom less.
pub(super) fn growth(content: &[u8], encoded: usize) -> usize {
    // As many as an octet can count.
    let counted =
        |octets: &[u8]| octets.iter().map(|octet| u8::from(is_escaped(*octet))).sum::<u8>();
    let escaped: usize = content.chunks(255).map(|octets| usize::from(counted(octets))).sum();
    let octets = content.len() + 2 * escaped;
    (octets + octets / (ENCODED_LINE_MAX - 2) * 3).saturating_sub(encoded)
}

fn escaped(octet: u8) -> [u8; 3] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [b'=', DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]
}
