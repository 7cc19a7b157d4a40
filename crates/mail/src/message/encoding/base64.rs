//! Base64 (RFC 2045 §6.8). Three octets of content are four of the body, so an edit
//! moves all that follows it: the body is encoded anew from the line of the first edit.

use super::{DecodeError, ENCODED_LINE_MAX, LineEnd};
use crate::message::edit::{Edit, EditList};

#[cfg(test)]
mod tests;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// What the table gives for white space, which is passed over, and for other octets.
const SPACE: u8 = 64;
const FOREIGN: u8 = 65;
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let mut values = [FOREIGN; 256];
    let mut value = 0;
    while value < 64 {
        values[ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    values[b' ' as usize] = SPACE;
    values[b'\t' as usize] = SPACE;
    values[b'\r' as usize] = SPACE;
    values[b'\n' as usize] = SPACE;
    values
}

/// Decodes a body. White space may stand anywhere and the padding may be missing; any
/// other octet makes it an error, where §6.8 would let a reader pass over it.
pub(super) fn decode(body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut decoded = Vec::with_capacity(body.len() / 4 * 3 + 3);
    let (mut bits, mut digits) = (0_u32, 0_usize);
    let mut position = 0;
    while position < body.len() {
        if digits == 0 {
            position += decode_run(&body[position..], &mut decoded);
        }
        let Some(&octet) = body.get(position) else { break };
        match VALUES[usize::from(octet)] {
            SPACE => {}
            FOREIGN if octet == b'=' => break,
            FOREIGN => return Err(DecodeError::NoBase64 { offset: position }),
            value => {
                bits = bits << 6 | u32::from(value);
                digits += 1;
                if digits == 4 {
                    decoded.extend_from_slice(&bits.to_be_bytes()[1..]);
                    (bits, digits) = (0, 0);
                }
            }
        }
        position += 1;
    }
    let padding = padding(body, position)?;
    match (digits, padding) {
        (0, 0) => {}
        (2, 0 | 2) => decoded.push(bits.to_be_bytes()[2] << 4 | bits.to_be_bytes()[3] >> 4),
        (3, 0 | 1) => decoded.extend_from_slice(&(bits << 6).to_be_bytes()[1..3]),
        _ => return Err(DecodeError::Padding),
    }
    Ok(decoded)
}

/// Decodes whole groups of four digits up to the first octet that is none, and tells
/// how many octets of the body they are.
fn decode_run(body: &[u8], decoded: &mut Vec<u8>) -> usize {
    let mut len = 0;
    for digits in body.chunks_exact(4) {
        let [a, b, c, d] = [0, 1, 2, 3].map(|at: usize| VALUES[usize::from(digits[at])]);
        if (a | b | c | d) >= SPACE {
            break;
        }
        let bits = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
        decoded.extend_from_slice(&bits.to_be_bytes()[1..]);
        len += 4;
    }
    len
}

/// How many `=` there are from here on. Only white space may stand with them.
fn padding(body: &[u8], from: usize) -> Result<usize, DecodeError> {
    let mut padding = 0;
    for (offset, octet) in body.iter().enumerate().skip(from) {
        match (octet, VALUES[usize::from(*octet)]) {
            (b'=', _) => padding += 1,
            (_, SPACE) => {}
            _ => return Err(DecodeError::NoBase64 { offset }),
        }
    }
    Ok(padding)
}

/// Turns edits of the decoded octets into one edit of the body.
pub(super) fn encode_edits(
    body: &[u8],
    decoded: &[u8],
    edits: &EditList,
    line_end: LineEnd,
) -> EditList {
    let mut encoded = EditList::new(body.len());
    let Some(first) = edits.as_slice().first() else { return encoded };
    let (raw_start, decoded_start) = untouched(body, first.range.start);
    // Blank lines behind the content stay.
    let is_line_end = |octet: &&u8| matches!(octet, b'\r' | b'\n');
    let raw_end = body.len() - body[raw_start..].iter().rev().take_while(is_line_end).count();
    let mut encoder = Encoder::new(line_end, edits.result_len() - decoded_start);
    let mut position = decoded_start;
    for Edit { range, replacement } in edits.as_slice() {
        encoder.push(&decoded[position..range.start]);
        encoder.push(replacement);
        position = range.end;
    }
    encoder.push(&decoded[position..]);
    let edit = Edit { range: raw_start..raw_end, replacement: encoder.finish() };
    encoded.push(edit).expect("one edit within the body");
    encoded
}

/// How much of the body can stay, and how many octets it decodes to: the lines before
/// the first edit that are well-formed and hold whole groups of four.
fn untouched(body: &[u8], first_edit: usize) -> (usize, usize) {
    let (mut raw, mut digits, mut kept) = (0, 0, (0, 0));
    for line in body.split_inclusive(|octet| *octet == b'\n') {
        let visible = line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l));
        let is_clean = visible.iter().all(|octet| VALUES[usize::from(*octet)] < SPACE);
        raw += line.len();
        digits += visible.len();
        let has_end = visible.len() < line.len();
        if !is_clean || !has_end || visible.len() > ENCODED_LINE_MAX || digits / 4 * 3 > first_edit
        {
            break;
        }
        if digits % 4 == 0 {
            kept = (raw, digits / 4 * 3);
        }
    }
    kept
}

/// Encodes content in lines of 76 digits, without a line end behind the last.
struct Encoder {
    octets: Vec<u8>,
    line_end: LineEnd,
    column: usize,
    carry: [u8; 3],
    carried: usize,
}

impl Encoder {
    fn new(line_end: LineEnd, content_len: usize) -> Self {
        let digits = content_len.div_ceil(3) * 4;
        let line_ends = digits / ENCODED_LINE_MAX * line_end.octets().len();
        let octets = Vec::with_capacity(digits + line_ends);
        Self { octets, line_end, column: 0, carry: [0; 3], carried: 0 }
    }

    fn push(&mut self, mut content: &[u8]) {
        if self.carried > 0 {
            let taken = content.len().min(3 - self.carried);
            self.carry[self.carried..][..taken].copy_from_slice(&content[..taken]);
            self.carried += taken;
            content = &content[taken..];
            if self.carried < 3 {
                return;
            }
            self.put(self.carry, 4);
        }
        let mut groups = content.chunks_exact(3);
        for group in &mut groups {
            self.put([group[0], group[1], group[2]], 4);
        }
        let rest = groups.remainder();
        self.carry[..rest.len()].copy_from_slice(rest);
        self.carried = rest.len();
    }

    fn put(&mut self, octets: [u8; 3], digits: usize) {
        if self.column == ENCODED_LINE_MAX {
            self.octets.extend_from_slice(self.line_end.octets());
            self.column = 0;
        }
        let bits = u32::from_be_bytes([0, octets[0], octets[1], octets[2]]);
        let digit = |shift: u32| ALPHABET[(bits >> shift & 63) as usize];
        let mut group = [digit(18), digit(12), digit(6), digit(0)];
        group[digits..].fill(b'=');
        self.octets.extend_from_slice(&group);
        self.column += 4;
    }

    fn finish(mut self) -> Vec<u8> {
        if self.carried > 0 {
            self.carry[self.carried..].fill(0);
            self.put(self.carry, self.carried + 1);
        }
        self.octets
    }
}
