//! Lines of quoted-printable in, content out.

use super::super::source::Source;
use crate::marks::marks;
use memchr::memrchr;
use std::ops::Range;

/// Decodes a body, and tells where some of its lines start. `=` that begins no escape is
/// taken literally (§6.7, note 2).
pub(in super::super) fn decode(body: &[u8]) -> (Vec<u8>, LineStarts) {
    let mut content = vec![0; body.len() + STRIDE];
    let mut line_starts = LineStarts {
        places: Vec::with_capacity(body.len() / LINE_STARTS_APART + 1),
        wanted_from: LINE_STARTS_APART,
    };
    let len = decode_into(body, &mut content, |start| line_starts.take(start));
    content.truncate(len);
    (content, line_starts)
}

/// Puts the content of a body into `content`, which has room for as many octets as the
/// body and [`STRIDE`] more, and tells how many octets it is and where each line but the
/// first starts.
#[inline(always)]
fn decode_into(body: &[u8], content: &mut [u8], mut starts_line: impl FnMut(LineStart)) -> usize {
    let mut copied = Copied { body, content, len: 0 };
    // What stands before it is decoded.
    let mut position = 0;
    for at in marks(body, [b'=', b'\n']) {
        if at < position {
            // The line end of a soft line break.
            continue;
        }
        let soft_break = match body[at..] {
            // Escapes and nearly all soft line breaks are three octets, and stand for one or
            // none: one way for both.
            [b'=', high, low, ..] if is_escape(high, low) || [high, low] == *b"\r\n" => {
                let is_escape = high != b'\r';
                copied.copy(position, at);
                copied.put(octet(high, low), usize::from(is_escape));
                position = at + 3;
                !is_escape
            }
            [b'=', ref rest @ ..] => match soft_break(rest) {
                Some(len) => {
                    copied.copy(position, at);
                    position = at + 1 + len;
                    rest[..len].ends_with(b"\n")
                }
                None => false,
            },
            // A line end is content like what stands around it.
            _ => {
                if let Some(padding) = padding(&body[position..at]) {
                    copied.copy(position, position + padding.start);
                    position += padding.end;
                }
                let content = copied.len + (at + 1 - position);
                starts_line(LineStart { body: at + 1, content });
                false
            }
        };
        if soft_break {
            starts_line(LineStart { body: position, content: copied.len });
        }
    }
    copied.copy(position, position + trimmed(&body[position..]).len());
    copied.len
}

/// Octets that are copied at a time, more than a line has. What is copied too far is
/// written over by what comes behind it.
const STRIDE: usize = 80;

/// Pieces of a body, copied one behind the other.
struct Copied<'a> {
    body: &'a [u8],
    content: &'a mut [u8],
    len: usize,
}

impl Copied<'_> {
    /// Appends a range of the body.
    #[inline(always)]
    fn copy(&mut self, start: usize, end: usize) {
        let (source, place) = (&self.body[start..], &mut self.content[self.len..]);
        let len = end - start;
        match (source.first_chunk::<STRIDE>(), place.first_chunk_mut::<STRIDE>()) {
            (Some(octets), Some(room)) if len <= STRIDE => *room = *octets,
            _ => copy(&source[..len], place),
        }
        self.len += len;
    }

    /// Appends an octet, if `len` is 1 and not 0.
    #[inline(always)]
    fn put(&mut self, octet: u8, len: usize) {
        self.content[self.len] = octet;
        self.len += len;
    }
}

/// What is longer, or stands near the end.
#[cold]
#[inline(never)]
fn copy(octets: &[u8], place: &mut [u8]) {
    place[..octets.len()].copy_from_slice(octets);
}

/// Where white space stands that a transport may have added, at the end of a line that ends
/// in a hard line break. Most lines have none.
#[inline(always)]
fn padding(line: &[u8]) -> Option<Range<usize>> {
    let visible = line.strip_suffix(b"\r").unwrap_or(line);
    let content = trimmed(visible);
    (content.len() < visible.len()).then_some(content.len()..visible.len())
}

/// White space at the end of a line is no content (§6.7, rule 3).
pub(super) fn trimmed(line: &[u8]) -> &[u8] {
    let is_space = |octet: &&u8| matches!(octet, b' ' | b'\t');
    &line[..line.len() - line.iter().rev().take_while(is_space).count()]
}

/// How long the rest of a soft line break is behind its `=`, if it is one.
#[inline(always)]
fn soft_break(rest: &[u8]) -> Option<usize> {
    let spaces = rest.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    match rest[spaces..] {
        [] => Some(spaces),
        [b'\n', ..] => Some(spaces + 1),
        [b'\r', b'\n', ..] => Some(spaces + 2),
        _ => None,
    }
}

/// What an octet is as a hexadecimal digit; 0xFF for those that are none.
static DIGITS: [u8; 256] = {
    let mut digits = [0xFF; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789ABCDEF"[value as usize] as usize] = value;
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

/// Are these the digits of an escape?
#[inline(always)]
pub(super) fn is_escape(high: u8, low: u8) -> bool {
    (DIGITS[usize::from(high)] | DIGITS[usize::from(low)]) < 16
}

/// The octet that an escape with these digits stands for.
#[inline(always)]
fn octet(high: u8, low: u8) -> u8 {
    DIGITS[usize::from(high)] << 4 | DIGITS[usize::from(low)]
}

/// Where a line starts, in the body and in the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineStart {
    pub(super) body: usize,
    pub(super) content: usize,
}

/// Where some of the lines of a body start.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct LineStarts {
    /// In the body and in the content. Those behind the first 4 GB are not remembered.
    places: Vec<[u32; 2]>,
    /// From where on in the body the next is remembered.
    wanted_from: usize,
}

/// Lines of which the start is remembered are at least so many octets apart, so that
/// they never take more than a fraction of the body.
const LINE_STARTS_APART: usize = 64;

impl LineStarts {
    #[inline(always)]
    fn take(&mut self, start: LineStart) {
        if start.body >= self.wanted_from
            && let (Ok(body), Ok(content)) = (start.body.try_into(), start.content.try_into())
        {
            self.places.push([body, content]);
            self.wanted_from = start.body + LINE_STARTS_APART;
        }
    }

    /// The last known start of a line that lies before this place of the content.
    pub(super) fn before(&self, content: usize) -> Option<LineStart> {
        let behind = self.places.partition_point(|[_, known]| (*known as usize) < content);
        let [body, content] = self.places[behind.checked_sub(1)?];
        Some(LineStart { body: body as usize, content: content as usize })
    }
}

/// Octets of a body that are decoded together.
const PIECE: usize = 4_096;

/// Gives the content of a body in pieces.
#[derive(Debug)]
pub(super) struct Decoder<'b, 's> {
    /// What was not decoded yet.
    rest: &'b [u8],
    /// Where it is decoded to, and what of that is content that was not passed over.
    room: &'s mut Vec<u8>,
    piece: Range<usize>,
}

impl<'b, 's> Decoder<'b, 's> {
    /// Decodes into `room`, piece by piece. What that holds does not matter.
    pub(super) fn new(body: &'b [u8], room: &'s mut Vec<u8>) -> Self {
        Self { rest: body, room, piece: 0..0 }
    }

    #[cold]
    fn enlarge(&mut self, octets: usize) {
        self.room.resize(octets, 0);
    }

    fn decode_piece(&mut self) {
        let (piece, rest) = self.rest.split_at(piece_len(self.rest));
        let wanted = piece.len() + STRIDE;
        if self.room.len() < wanted {
            self.enlarge(wanted);
        }
        self.piece = 0..decode_into(piece, self.room, |_| {});
        self.rest = rest;
    }
}

impl Source for Decoder<'_, '_> {
    #[inline]
    fn piece(&mut self) -> &[u8] {
        while self.piece.is_empty() && !self.rest.is_empty() {
            self.decode_piece();
        }
        &self.room[self.piece.clone()]
    }

    #[inline]
    fn pass(&mut self, octets: usize) {
        self.piece.start += octets;
    }
}

/// How many octets can be decoded without those behind them: some lines, or a part of one
/// that is far too long.
fn piece_len(body: &[u8]) -> usize {
    let Some(piece) = body.get(..PIECE) else { return body.len() };
    if let Some(newline) = memrchr(b'\n', piece) {
        return newline + 1;
    }
    // Between two octets that are neither white space nor of an escape.
    let is_inside = |end: &usize| {
        let visible = |octet: u8| !matches!(octet, b' ' | b'\t' | b'\r' | b'\n' | b'=');
        visible(piece[end - 2]) && visible(piece[end - 1]) && visible(piece[*end])
    };
    let line_len = || memchr::memchr(b'\n', body).map_or(body.len(), |newline| newline + 1);
    (2..PIECE).rev().find(is_inside).unwrap_or_else(line_len)
}
