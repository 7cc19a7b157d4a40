//! Quoted-printable (RFC 2045 §6.7). The lines of the body that an edit touches are
//! encoded anew, from the start of the first to the end of the last; an escape never
//! spans lines, so each line can be read and replaced by itself.

use super::{
    ENCODED_LINE_MAX, LineEnd,
    source::{Edited, Source, are_equal, drain},
};
use crate::message::edit::Edits;
use memchr::{memchr, memchr2};
use std::ops::Range;

#[cfg(test)]
mod tests;

/// All octets, for pieces of one.
static OCTETS: [u8; 256] = octets();

const fn octets() -> [u8; 256] {
    let mut octets = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
        let value = octet as u8;
        octets[octet] = value;
        octet += 1;
    }
    octets
}

/// Decodes a body. `=` that begins no escape is taken literally (§6.7, note 2).
#[derive(Debug, Clone)]
pub(super) struct Decoder<'b> {
    body: &'b [u8],
    position: usize,
    /// The piece that is given, and the one behind it.
    piece: &'b [u8],
    next: &'b [u8],
}

impl<'b> Decoder<'b> {
    pub(super) fn new(body: &'b [u8]) -> Self {
        Self { body, position: 0, piece: &[], next: &[] }
    }

    /// Goes to the next pieces, which may both be empty. False at the end.
    fn advance(&mut self) -> bool {
        let (body, start) = (self.body, self.position);
        let mut from = start;
        (self.piece, self.next) = (&[], &[]);
        while let Some(found) = memchr2(b'=', b'\n', &body[from..]) {
            let at = from + found;
            if body[at] == b'\n' {
                return self.end_line(start, at);
            }
            match body[at + 1..] {
                [b'\r', b'\n', ..] => self.position = at + 3,
                ref rest => match (escape(rest), soft_break(rest)) {
                    (Some(octet), _) => {
                        self.next = std::slice::from_ref(&OCTETS[usize::from(octet)]);
                        self.position = at + 3;
                    }
                    (None, Some(len)) => self.position = at + 1 + len,
                    (None, None) => {
                        from = at + 1;
                        continue;
                    }
                },
            }
            self.piece = &body[start..at];
            return true;
        }
        self.position = body.len();
        self.piece = trimmed(&body[start..]);
        start < body.len()
    }

    /// Gives the rest of a line that ends in a hard line break, without white space that
    /// a transport may have added.
    fn end_line(&mut self, start: usize, newline: usize) -> bool {
        let body = self.body;
        let line = &body[start..newline];
        let visible = line.strip_suffix(b"\r").unwrap_or(line);
        let content = trimmed(visible);
        self.position = newline + 1;
        if content.len() == visible.len() {
            self.piece = &body[start..self.position];
        } else {
            self.piece = content;
            self.next = &body[start + visible.len()..self.position];
        }
        true
    }
}

impl Source for Decoder<'_> {
    fn piece(&mut self) -> &[u8] {
        while self.piece.is_empty() {
            self.piece = std::mem::take(&mut self.next);
            if self.piece.is_empty() && !self.advance() {
                break;
            }
        }
        self.piece
    }

    fn pass(&mut self, octets: usize) {
        self.piece = &self.piece[octets..];
    }
}

/// White space at the end of a line is no content (§6.7, rule 3).
fn trimmed(line: &[u8]) -> &[u8] {
    let is_space = |octet: &&u8| matches!(octet, b' ' | b'\t');
    &line[..line.len() - line.iter().rev().take_while(is_space).count()]
}

/// How long the rest of a soft line break is behind its `=`, if it is one.
fn soft_break(rest: &[u8]) -> Option<usize> {
    let spaces = rest.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    match rest[spaces..] {
        [] => Some(spaces),
        [b'\n', ..] => Some(spaces + 1),
        [b'\r', b'\n', ..] => Some(spaces + 2),
        _ => None,
    }
}

/// The octet that an escape stands for, behind its `=`.
fn escape(rest: &[u8]) -> Option<u8> {
    let &[high, low, ..] = rest else { return None };
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// Where a line starts, in the body and in the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LineStart {
    body: usize,
    content: usize,
}

/// Where some of the lines of a body start.
#[derive(Debug, Clone, Default)]
pub(super) struct LineStarts {
    /// In the body and in the content. Those behind the first 4 GB are not remembered.
    places: Vec<[u32; 2]>,
}

impl LineStarts {
    fn push(&mut self, start: LineStart) {
        if let (Ok(body), Ok(content)) = (start.body.try_into(), start.content.try_into()) {
            self.places.push([body, content]);
        }
    }

    /// The last known start of a line that lies before this place of the content.
    fn before(&self, content: usize) -> Option<LineStart> {
        let behind = self.places.partition_point(|[_, known]| (*known as usize) < content);
        let [body, content] = self.places[behind.checked_sub(1)?];
        Some(LineStart { body: body as usize, content: content as usize })
    }
}

/// Lines of which the start is remembered are at least so many octets apart, so that
/// they never take more than a fraction of the body.
const LINE_STARTS_APART: usize = 64;

/// Decodes a body, and tells where some of its lines start.
pub(super) fn decode(body: &[u8]) -> (Vec<u8>, LineStarts) {
    let mut content = Vec::with_capacity(body.len());
    let mut line_starts =
        LineStarts { places: Vec::with_capacity(body.len() / LINE_STARTS_APART + 1) };
    let mut wanted_from = LINE_STARTS_APART;
    let mut decoder = Decoder::new(body);
    while decoder.advance() {
        content.extend_from_slice(decoder.piece);
        content.extend_from_slice(decoder.next);
        let position = decoder.position;
        if position >= wanted_from && body[position - 1] == b'\n' {
            line_starts.push(LineStart { body: position, content: content.len() });
            wanted_from = position + LINE_STARTS_APART;
        }
    }
    (content, line_starts)
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
    /// The line that starts here; `None` at the end of the body.
    fn at(body: &[u8], start: usize) -> Option<Self> {
        let rest = body.get(start..).filter(|rest| !rest.is_empty())?;
        let newline = memchr(b'\n', rest);
        let end = newline.map_or(body.len(), |newline| start + newline + 1);
        let line = &rest[..end - start];
        let visible = line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l));
        let trimmed = trimmed(visible);
        let soft = trimmed.strip_suffix(b"=");
        Some(Self {
            content: start..start + soft.unwrap_or(trimmed).len(),
            visible_end: start + visible.len(),
            end,
            is_soft: soft.is_some(),
        })
    }

    /// How many octets its line end has in the content.
    fn hard_end_len(&self) -> usize {
        if self.is_soft { 0 } else { self.end - self.visible_end }
    }

    /// How many octets of content it decodes to, without the line end.
    fn decoded_len(&self, body: &[u8]) -> usize {
        let mut rest = &body[self.content.clone()];
        let mut len = rest.len();
        while let Some(equals) = memchr(b'=', rest) {
            let is_escape = escape(&rest[equals + 1..]).is_some();
            len -= if is_escape { 2 } else { 0 };
            rest = &rest[equals + if is_escape { 3 } else { 1 }..];
        }
        len
    }
}

/// Lines of a body that are encoded anew as one, since an edit joins them or lies in
/// both. The line end of the last is not a part of it, unless it is edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lines {
    /// Where they stand in the body.
    pub(super) body: Range<usize>,
    /// Where what they hold stands in the content.
    pub(super) content: Range<usize>,
    is_soft: bool,
}

/// The lines that must be encoded anew when these ranges of the content are edited. The
/// ranges are in the order of their starts.
pub(super) fn lines(
    body: &[u8],
    content_len: usize,
    line_starts: &LineStarts,
    mut edited: &[Range<usize>],
) -> Vec<Lines> {
    let mut found: Vec<Lines> = Vec::with_capacity(edited.len());
    let mut open: Option<LineStart> = None;
    let mut start = LineStart { body: 0, content: 0 };
    while let Some(first) = edited.first() {
        if open.is_none() {
            // Lines between this one and those with the edit hold no edit.
            let known = line_starts.before(first.start);
            start = known.filter(|known| known.body > start.body).unwrap_or(start);
        }
        let Some(line) = Line::at(body, start.body) else { break };
        let content_end = start.content + line.decoded_len(body);
        let decoded_end = content_end + line.hard_end_len();
        let is_last = line.end == body.len();
        // What is put in behind a last line that has no line end belongs to that line.
        let reach = decoded_end + usize::from(is_last && content_end == decoded_end);
        if open.is_none() && first.start < reach {
            open = Some(start);
        }
        if let Some(opened) = open {
            let count = edited.iter().take_while(|range| range.start < reach).count();
            let last_end = edited[..count].iter().map(|range| range.end).max();
            let is_inside = last_end.is_some_and(|end| end <= content_end);
            if is_inside || is_last {
                // An edit of the very last line end makes what is left of it content, and
                // what is put in behind it stands in the same line.
                let (body_end, content_end, count) = if is_inside {
                    (line.visible_end, content_end, count)
                } else {
                    (line.end, decoded_end, edited.len())
                };
                found.push(Lines {
                    body: opened.body..body_end,
                    content: opened.content..content_end,
                    is_soft: line.is_soft,
                });
                edited = &edited[count..];
                open = None;
            }
        }
        start = LineStart { body: line.end, content: decoded_end };
    }
    if !edited.is_empty() {
        // What is put in behind the last line end becomes a line of its own.
        let (body, content) = (body.len()..body.len(), content_len..content_len);
        found.push(Lines { body, content, is_soft: false });
    }
    found
}

impl Lines {
    /// Writes lines that hold the content of these with edits made.
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
        encoder.finish(self.is_soft);
    }

    /// Do lines of a copy of the body hold this content in the place of these? What is
    /// compared goes to the end of the line.
    pub(super) fn are_held_by(
        &self,
        body: &[u8],
        (copy, place): (&[u8], Range<usize>),
        edits: Edits<'_>,
    ) -> bool {
        let (Some(before), Some(after)) =
            (whole_lines(body, self.body.clone()), whole_lines(copy, place))
        else {
            return false;
        };
        let mut edited = Edited::new(Decoder::new(before), self.content.start, edits);
        are_equal(&mut edited, &mut Decoder::new(after))
    }

    /// By how many octets they grow when they are encoded anew, for what they should have
    /// encoded and did not.
    pub(super) fn growth(&self, content: &[u8]) -> usize {
        let content = content.get(self.content.clone()).unwrap_or_default();
        let escaped = content.iter().filter(|octet| !LITERAL[usize::from(**octet)]).count();
        let octets = content.len() + 2 * escaped;
        (octets + octets / (ENCODED_LINE_MAX - 2) * 3).saturating_sub(self.body.len())
    }

    /// Do these lines decode to what stands in the content?
    pub(super) fn hold(&self, body: &[u8], content: &[u8]) -> bool {
        let Some(mut content) = content.get(self.content.clone()) else { return false };
        are_equal(&mut Decoder::new(&body[self.body.clone()]), &mut content)
    }
}

/// A range of octets with the line end behind it, if it starts and ends as lines do.
fn whole_lines(octets: &[u8], range: Range<usize>) -> Option<&[u8]> {
    let (before, rest) = octets.split_at_checked(range.start)?;
    let behind = octets.get(range.end..)?;
    let line_end = memchr(b'\n', behind).map_or(behind.len(), |newline| newline + 1);
    let is_line_end = matches!(&behind[..line_end], b"" | b"\n" | b"\r\n");
    let is_line_start = matches!(before.last(), None | Some(b'\n'));
    (is_line_start && is_line_end).then(|| &rest[..range.len() + line_end])
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
struct Encoder<'o> {
    octets: &'o mut Vec<u8>,
    line_end: LineEnd,
    column: usize,
}

impl<'o> Encoder<'o> {
    fn new(line_end: LineEnd, octets: &'o mut Vec<u8>) -> Self {
        Self { octets, line_end, column: 0 }
    }

    fn push(&mut self, mut content: &[u8]) {
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
    fn finish(mut self, is_soft: bool) {
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
    let is_escaped = |octet: u8| !(b' '..=b'~').contains(&octet) | (octet == b'=');
    let has_escaped = octets.iter().fold(false, |found, octet| found | is_escaped(*octet));
    if !has_escaped {
        return octets.len();
    }
    octets.iter().position(|octet| !LITERAL[usize::from(*octet)]).unwrap_or(octets.len())
}

fn escaped(octet: u8) -> [u8; 3] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [b'=', DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]
}
