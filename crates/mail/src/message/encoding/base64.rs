//! Base64 (RFC 2045 §6.8). Three octets of content are four of the body, so an edit
//! moves all that follows it: the body is encoded anew from the line of the first edit.

use super::{
    DecodeError, ENCODED_LINE_MAX, LineEnd, line_end_len,
    source::{Edited, Source, are_equal, drain},
};
use crate::message::edit::Edits;
use base64::{
    Engine as _,
    engine::{Simd, general_purpose::NO_PAD},
};
use memchr::memchr2;
use std::ops::Range;

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
    let mut content = Vec::with_capacity(body.len() / 4 * 3 + 3);
    Digits::of(body).decode(usize::MAX, &mut content)?;
    Ok(content)
}

/// Decodes and encodes whole groups of four digits, many of them at once where the processor can.
fn engine() -> Simd {
    Simd::standard(NO_PAD)
}

/// Digits that are decoded or encoded together: those of some lines. To begin takes as long as
/// all the digits of one.
const TOGETHER: usize = 16 * ENCODED_LINE_MAX;

/// Octets of content that are decoded at a time where not all are wanted at once.
const PIECE: usize = TOGETHER / 4 * 3;

/// Octets that are copied at a time, a line and what ends it.
const STRIDE: usize = ENCODED_LINE_MAX + 4;

/// The digits of a body that were not decoded yet.
#[derive(Debug, Clone)]
struct Digits<'b> {
    body: &'b [u8],
    position: usize,
    engine: Simd,
    /// Digits of some lines, without what stands between them.
    gathered: [u8; TOGETHER + STRIDE],
    /// Up to here the body has something else among its digits, and is read octet by octet.
    mixed_end: usize,
}

impl<'b> Digits<'b> {
    fn of(body: &'b [u8]) -> Self {
        let gathered = [0; TOGETHER + STRIDE];
        Self { body, position: 0, engine: engine(), gathered, mixed_end: 0 }
    }

    /// Appends content, at least so many octets if there are so many, and little more.
    fn decode(&mut self, octets: usize, content: &mut Vec<u8>) -> Result<(), DecodeError> {
        let wanted = content.len().saturating_add(octets);
        let (mut bits, mut digits) = (0_u32, 0_usize);
        while content.len() < wanted || digits > 0 {
            if digits == 0 {
                let groups = (wanted - content.len()).div_ceil(3);
                self.decode_run(groups, content);
                if content.len() >= wanted {
                    break;
                }
            }
            let Some(&octet) = self.body.get(self.position) else { break };
            match VALUES[usize::from(octet)] {
                SPACE => {}
                FOREIGN if octet == b'=' => break,
                FOREIGN => return Err(DecodeError::NoBase64 { offset: self.position }),
                value => {
                    bits = bits << 6 | u32::from(value);
                    digits += 1;
                    if digits == 4 {
                        content.extend_from_slice(&bits.to_be_bytes()[1..]);
                        (bits, digits) = (0, 0);
                    }
                }
            }
            self.position += 1;
        }
        if content.len() >= wanted && digits == 0 {
            return Ok(());
        }
        let padding = padding(self.body, self.position)?;
        self.position = self.body.len();
        match (digits, padding) {
            (0, 0) => {}
            (2, 0 | 2) => content.push(bits.to_be_bytes()[2] << 4 | bits.to_be_bytes()[3] >> 4),
            (3, 0 | 1) => content.extend_from_slice(&(bits << 6).to_be_bytes()[1..3]),
            _ => return Err(DecodeError::Padding),
        }
        Ok(())
    }

    /// Decodes whole groups of four digits, about so many if there are so many: those of lines that
    /// are as long as the first and have nothing but digits. Others it leaves as they are.
    fn decode_run(&mut self, groups: usize, content: &mut Vec<u8>) {
        if self.position < self.mixed_end {
            return;
        }
        let rest = &self.body[self.position..];
        let near = &rest[..rest.len().min(ENCODED_LINE_MAX + 1)];
        let line = memchr2(b'\r', b'\n', near).unwrap_or(near.len());
        let line = (line / 4).min(groups) * 4;
        if line == 0 {
            return;
        }
        let (digits, octets) = self.gather(line, groups);
        let start = content.len();
        content.resize(start + digits / 4 * 3, 0);
        let decoded = self.engine.decode_slice(&self.gathered[..digits], &mut content[start..]);
        if decoded.is_ok() {
            self.position += octets;
        } else {
            content.truncate(start);
            self.mixed_end = self.position + line;
        }
    }

    /// Gathers a line of so many digits, and those behind it that are as long, up to about so many
    /// groups. Tells how many digits they have, and how many octets of the body they are. Whether
    /// they are digits is not looked at.
    fn gather(&mut self, line: usize, groups: usize) -> (usize, usize) {
        let rest = &self.body[self.position..];
        let (mut digits, mut octets) = (0, 0);
        while digits < TOGETHER.min(groups.saturating_mul(4))
            && let Some(next) = rest[octets..].first_chunk::<STRIDE>()
            && let Some(line_end) = line_end_len(&next[line..])
            && let Some(room) = self.gathered[digits..].first_chunk_mut::<STRIDE>()
        {
            *room = *next;
            (digits, octets) = (digits + line, octets + line + line_end);
        }
        if digits == 0 {
            self.gathered[..line].copy_from_slice(&rest[..line]);
            return (line, line);
        }
        (digits, octets)
    }
}

/// Gives the content of a body in pieces. One that does not decode ends there.
struct Decoder<'b> {
    digits: Digits<'b>,
    content: Vec<u8>,
    passed: usize,
    is_broken: bool,
}

impl<'b> Decoder<'b> {
    fn new(body: &'b [u8]) -> Self {
        let content = Vec::with_capacity(PIECE + STRIDE);
        Self { digits: Digits::of(body), content, passed: 0, is_broken: false }
    }
}

impl Source for Decoder<'_> {
    fn piece(&mut self) -> &[u8] {
        if self.passed == self.content.len() && !self.is_broken {
            self.content.clear();
            self.passed = 0;
            self.is_broken = self.digits.decode(PIECE, &mut self.content).is_err();
        }
        &self.content[self.passed..]
    }

    fn pass(&mut self, octets: usize) {
        self.passed += octets;
    }
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

/// What of a body is encoded anew: all from the line of the first edit on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tail {
    /// Where it stands in the body.
    pub(super) body: Range<usize>,
    /// Where what it holds stands in the content.
    pub(super) content: Range<usize>,
}

/// The tail of a body whose content is edited from `first_edit` on.
pub(super) fn tail(body: &[u8], content_len: usize, first_edit: usize) -> Tail {
    let (start, content_start) = untouched(body, first_edit);
    // Blank lines behind the content stay.
    let is_line_end = |octet: &&u8| matches!(octet, b'\r' | b'\n');
    let end = body.len() - body[start..].iter().rev().take_while(is_line_end).count();
    Tail { body: start..end, content: content_start..content_len }
}

impl Tail {
    /// Writes a tail that holds the content of this one with edits made.
    pub(super) fn encode(
        &self,
        body: &[u8],
        edits: Edits<'_>,
        line_end: LineEnd,
        out: &mut Vec<u8>,
    ) {
        let content = Decoder::new(&body[self.body.clone()]);
        let mut encoder = Encoder::new(line_end, out);
        drain(&mut Edited::new(content, self.content.start, edits), |piece| encoder.push(piece));
        encoder.finish();
    }

    /// Do these octets decode to what stands in the content?
    pub(super) fn holds(&self, body: &[u8], content: &[u8]) -> bool {
        let Some(mut content) = content.get(self.content.clone()) else { return false };
        are_equal(&mut Decoder::new(&body[self.body.clone()]), &mut content)
    }
}

/// Does a copy of a body hold its content with these edits made? Both are read from
/// their start.
pub(super) fn is_edited(body: &[u8], copy: &[u8], edits: Edits<'_>) -> bool {
    let mut copied = Decoder::new(copy);
    are_equal(&mut Edited::new(Decoder::new(body), 0, edits), &mut copied) && !copied.is_broken
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
struct Encoder<'o> {
    octets: &'o mut Vec<u8>,
    line_end: LineEnd,
    column: usize,
    carry: [u8; 3],
    carried: usize,
    engine: Simd,
    digits: [u8; TOGETHER],
}

impl<'o> Encoder<'o> {
    fn new(line_end: LineEnd, octets: &'o mut Vec<u8>) -> Self {
        let (engine, digits) = (engine(), [0; TOGETHER]);
        Self { octets, line_end, column: 0, carry: [0; 3], carried: 0, engine, digits }
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
            self.put(self.carry.len());
        }
        let (groups, rest) = content.split_at(content.len() / 3 * 3);
        for octets in groups.chunks(TOGETHER / 4 * 3) {
            let written = self.engine.encode_slice(octets, &mut self.digits);
            let digits = written.expect("there is room for so many");
            let mut put = 0;
            while put < digits {
                self.begin_line();
                let of_line = (ENCODED_LINE_MAX - self.column).min(digits - put);
                self.octets.extend_from_slice(&self.digits[put..][..of_line]);
                self.column += of_line;
                put += of_line;
            }
        }
        self.carry[..rest.len()].copy_from_slice(rest);
        self.carried = rest.len();
    }

    /// Ends a line that is full.
    fn begin_line(&mut self) {
        if self.column == ENCODED_LINE_MAX {
            self.octets.extend_from_slice(self.line_end.octets());
            self.column = 0;
        }
    }

    /// Puts the group of so many octets that were carried.
    fn put(&mut self, octets: usize) {
        self.begin_line();
        let mut group = [b'='; 4];
        let written = self.engine.encode_slice(&self.carry[..octets], &mut group);
        written.expect("three octets are four digits");
        self.octets.extend_from_slice(&group);
        self.column += group.len();
    }

    fn finish(mut self) {
        if self.carried > 0 {
            self.put(self.carried);
        }
    }
}
