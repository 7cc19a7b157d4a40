//! Quoted-printable (RFC 2045 §6.7). The lines of the body that an edit touches are
//! encoded anew, from the start of the first to the end of the last; an escape never
//! spans lines, so each line can be read and replaced by itself.

use super::{ENCODED_LINE_MAX, LineEnd};
use crate::message::edit::{Edit, EditList};
use memchr::memchr;
use std::ops::Range;

#[cfg(test)]
mod tests;

/// Decodes a body. `=` that begins no escape is taken literally (§6.7, note 2).
pub(super) fn decode(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len());
    for line in (Lines { body, position: 0 }) {
        let mut rest = &body[line.content.clone()];
        while let Some(equals) = memchr(b'=', rest) {
            decoded.extend_from_slice(&rest[..equals]);
            let (octet, len) = match escape(&rest[equals..]) {
                Some(octet) => (octet, 3),
                None => (b'=', 1),
            };
            decoded.push(octet);
            rest = &rest[equals + len..];
        }
        decoded.extend_from_slice(rest);
        decoded.extend_from_slice(line.hard_end(body));
    }
    decoded
}

/// The octet that an escape at the start stands for.
fn escape(octets: &[u8]) -> Option<u8> {
    let &[_, high, low, ..] = octets else { return None };
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// One line of a body.
#[derive(Debug, Clone)]
struct Line {
    /// What is decoded: without the white space that transports may have added at the
    /// end, and without the `=` of a soft line break.
    content: Range<usize>,
    /// Where its line end starts, and where the next line does.
    visible_end: usize,
    end: usize,
    is_soft: bool,
}

impl Line {
    /// The line end, if it is one of the content.
    fn hard_end<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        if self.is_soft { &[] } else { &body[self.visible_end..self.end] }
    }

    /// How many octets of content it decodes to, without the line end.
    fn decoded_len(&self, body: &[u8]) -> usize {
        let mut rest = &body[self.content.clone()];
        let mut len = rest.len();
        while let Some(equals) = memchr(b'=', rest) {
            let is_escape = escape(&rest[equals..]).is_some();
            len -= if is_escape { 2 } else { 0 };
            rest = &rest[equals + if is_escape { 3 } else { 1 }..];
        }
        len
    }
}

struct Lines<'a> {
    body: &'a [u8],
    position: usize,
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let start = self.position;
        let rest = self.body.get(start..).filter(|rest| !rest.is_empty())?;
        let newline = memchr(b'\n', rest);
        let end = newline.map_or(self.body.len(), |newline| start + newline + 1);
        let line = &rest[..end - start];
        let visible = line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l));
        let trailing = visible.iter().rev().take_while(|octet| matches!(octet, b' ' | b'\t'));
        let trimmed = &visible[..visible.len() - trailing.count()];
        let soft = trimmed.strip_suffix(b"=");
        self.position = end;
        Some(Line {
            content: start..start + soft.unwrap_or(trimmed).len(),
            visible_end: start + visible.len(),
            end,
            is_soft: soft.is_some(),
        })
    }
}

/// Turns edits of the decoded octets into edits of the body.
pub(super) fn encode_edits(
    body: &[u8],
    decoded: &[u8],
    edits: &EditList,
    line_end: LineEnd,
) -> EditList {
    let mut encoded = EditList::new(body.len());
    for group in groups(body, decoded.len(), edits.as_slice()) {
        let room = group.decoded.len() * 5 / 4 + 16;
        let added: usize = group.edits.iter().map(|edit| edit.replacement.len()).sum();
        let mut encoder = Encoder::new(line_end, room + added * 5 / 4);
        let mut position = group.decoded.start;
        for Edit { range, replacement } in group.edits {
            encoder.push(&decoded[position..range.start]);
            encoder.push(replacement);
            position = range.end;
        }
        encoder.push(&decoded[position..group.decoded.end]);
        let edit = Edit { range: group.raw, replacement: encoder.finish(group.is_soft) };
        encoded.push(edit).expect("groups of lines are in order");
    }
    encoded
}

/// Lines that are encoded anew as one, since an edit joins them or lies in both, and
/// the edits in them. The line end of the last is not a part of it.
struct Group<'a> {
    raw: Range<usize>,
    decoded: Range<usize>,
    edits: &'a [Edit],
    is_soft: bool,
}

fn groups<'a>(body: &[u8], decoded_len: usize, mut edits: &'a [Edit]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::with_capacity(edits.len());
    let mut open: Option<(usize, usize)> = None;
    let mut line_start = 0;
    for line in (Lines { body, position: 0 }) {
        let Some(first) = edits.first() else { break };
        let content_end = line_start + line.decoded_len(body);
        let decoded_end = content_end + line.hard_end(body).len();
        let is_last = line.end == body.len();
        // What is put in behind a last line that has no line end belongs to that line.
        let reach = decoded_end + usize::from(is_last && content_end == decoded_end);
        if open.is_none() && first.range.start < reach {
            open = Some((line.content.start, line_start));
        }
        if let Some((raw_start, decoded_start)) = open {
            let count = edits.iter().take_while(|edit| edit.range.start < reach).count();
            let is_inside =
                count.checked_sub(1).is_some_and(|at| edits[at].range.end <= content_end);
            if is_inside || is_last {
                let (these, others) = edits.split_at(count);
                // An edit of the very last line end makes what is left of it content.
                let (raw_end, decoded_end) = if is_inside {
                    (line.visible_end, content_end)
                } else {
                    (line.end, decoded_end)
                };
                groups.push(Group {
                    raw: raw_start..raw_end,
                    decoded: decoded_start..decoded_end,
                    edits: these,
                    is_soft: line.is_soft,
                });
                edits = others;
                open = None;
            }
        }
        line_start = decoded_end;
    }
    if !edits.is_empty() {
        // What is put in behind the last line end becomes a line of its own.
        let (raw, decoded) = (body.len()..body.len(), decoded_len..decoded_len);
        groups.push(Group { raw, decoded, edits, is_soft: false });
    }
    groups
}

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
struct Encoder {
    octets: Vec<u8>,
    line_end: LineEnd,
    column: usize,
}

impl Encoder {
    fn new(line_end: LineEnd, capacity: usize) -> Self {
        Self { octets: Vec::with_capacity(capacity), line_end, column: 0 }
    }

    fn push(&mut self, mut content: &[u8]) {
        while let Some(&first) = content.first() {
            let is_escaped = |octet: &u8| !LITERAL[usize::from(*octet)];
            let room = (ENCODED_LINE_MAX - 1).saturating_sub(self.column).clamp(1, content.len());
            let run = content[..room].iter().position(is_escaped).unwrap_or(room);
            if run == 0 {
                self.put(&escaped(first));
                content = &content[1..];
            } else {
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
    fn finish(mut self, is_soft: bool) -> Vec<u8> {
        if is_soft {
            self.octets.push(b'=');
        } else if let Some(&space @ (b' ' | b'\t')) = self.octets.last() {
            self.octets.pop();
            self.column -= 1;
            self.put(&escaped(space));
        }
        self.octets
    }
}

fn escaped(octet: u8) -> [u8; 3] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [b'=', DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]
}
