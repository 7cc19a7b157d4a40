//! Lines of quoted-printable in, content out: as octets, or only held against octets.

use crate::marks::marks;
use std::ops::Range;

/// Decodes a body, and tells where some of its lines start. `=` that begins no escape is
/// taken literally (§6.7, note 2).
pub(in super::super) fn decode(body: &[u8]) -> (Vec<u8>, LineStarts) {
    let mut content = vec![0; body.len() + STRIDE];
    let mut line_starts = LineStarts {
        places: Vec::with_capacity(body.len() / LINE_STARTS_APART + 1),
        wanted_from: LINE_STARTS_APART,
    };
    let mut copied = Copied { content: &mut content, len: 0 };
    decode_to(body, &mut copied, |start| line_starts.take(start));
    let len = copied.len;
    content.truncate(len);
    (content, line_starts)
}

/// Does a body decode to these pieces, one behind the other, and to nothing besides?
pub(super) fn is<'a>(body: &[u8], pieces: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let mut compared = Compared::with(pieces);
    decode_to(body, &mut compared, |_| {});
    compared.is_same && compared.piece.is_empty() && compared.pieces.all(<[u8]>::is_empty)
}

/// How many octets a body decodes to, if content starts with all of them.
pub(super) fn prefix_len(body: &[u8], content: &[u8]) -> Option<usize> {
    let mut compared = Compared::with([content]);
    decode_to(body, &mut compared, |_| {});
    compared.is_same.then_some(compared.len)
}

/// What takes the content of a body, from its start to its end.
trait Sink {
    /// Takes a range of the body as it is.
    fn copy(&mut self, body: &[u8], range: Range<usize>);
    /// Takes an octet, if `len` is 1 and not 0.
    fn put(&mut self, octet: u8, len: usize);
    /// How many octets it has taken.
    fn len(&self) -> usize;
}

/// Gives the content of a body to a sink, and tells where each line but the first starts.
#[inline(always)]
fn decode_to(body: &[u8], sink: &mut impl Sink, mut starts_line: impl FnMut(LineStart)) {
    // What stands before it is decoded.
    let mut position = 0;
    for at in marks(body, [b'=', b'\n']) {
        if at < position {
            // The line end of a soft line break.
            continue;
        }
        let is_soft_break = match body[at..] {
            // Escapes and nearly all soft line breaks are three octets, and stand for one or
            // none: one way for both.
            [b'=', high, low, ..] if is_escape(high, low) || [high, low] == *b"\r\n" => {
                let is_escape = high != b'\r';
                sink.copy(body, position..at);
                sink.put(octet(high, low), usize::from(is_escape));
                position = at + 3;
                !is_escape
            }
            [b'=', ref rest @ ..] => match soft_break(rest) {
                Some(len) => {
                    sink.copy(body, position..at);
                    position = at + 1 + len;
                    rest[..len].ends_with(b"\n")
                }
                None => false,
            },
            // A line end is content like what stands around it.
            _ => {
                if let Some(padding) = padding(&body[position..at]) {
                    sink.copy(body, position..position + padding.start);
                    position += padding.end;
                }
                let content = sink.len() + (at + 1 - position);
                starts_line(LineStart { body: at + 1, content });
                false
            }
        };
        if is_soft_break {
            starts_line(LineStart { body: position, content: sink.len() });
        }
    }
    sink.copy(body, position..position + trimmed(&body[position..]).len());
}

/// Octets that are copied at a time, more than a line has. What is copied too far is
/// written over by what comes behind it.
const STRIDE: usize = 80;

/// Content as octets. There is room for as many as the body has, and for a stride more.
struct Copied<'a> {
    content: &'a mut [u8],
    len: usize,
}

impl Sink for Copied<'_> {
    #[inline(always)]
    fn copy(&mut self, body: &[u8], range: Range<usize>) {
        let (source, place) = (&body[range.start..], &mut self.content[self.len..]);
        match (source.first_chunk::<STRIDE>(), place.first_chunk_mut::<STRIDE>()) {
            (Some(octets), Some(room)) if range.len() <= STRIDE => *room = *octets,
            _ => copy(&source[..range.len()], place),
        }
        self.len += range.len();
    }

    #[inline(always)]
    fn put(&mut self, octet: u8, len: usize) {
        self.content[self.len] = octet;
        self.len += len;
    }

    #[inline(always)]
    fn len(&self) -> usize {
        self.len
    }
}

/// What is longer, or stands near the end.
#[cold]
#[inline(never)]
fn copy(octets: &[u8], place: &mut [u8]) {
    place[..octets.len()].copy_from_slice(octets);
}

/// Content that is held against octets in pieces, and is written nowhere.
struct Compared<'a, P> {
    /// What the next octets should be, and what is behind it.
    piece: &'a [u8],
    pieces: P,
    len: usize,
    is_same: bool,
}

impl<'a, P: Iterator<Item = &'a [u8]>> Compared<'a, P> {
    fn with(pieces: impl IntoIterator<IntoIter = P>) -> Self {
        Self { piece: &[], pieces: pieces.into_iter(), len: 0, is_same: true }
    }

    #[inline(always)]
    fn take(&mut self, octets: &[u8]) {
        self.len += octets.len();
        match self.piece.split_at_checked(octets.len()) {
            _ if octets.is_empty() => {}
            Some((expected, rest)) => {
                self.is_same &= octets == expected;
                self.piece = rest;
            }
            None => self.take_over_pieces(octets),
        }
    }

    /// Takes more octets than are left of the piece.
    #[inline(never)]
    fn take_over_pieces(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() && self.is_same {
            if self.piece.is_empty() {
                let next = self.pieces.next();
                self.is_same = next.is_some();
                self.piece = next.unwrap_or_default();
                continue;
            }
            let len = octets.len().min(self.piece.len());
            self.is_same = octets[..len] == self.piece[..len];
            (octets, self.piece) = (&octets[len..], &self.piece[len..]);
        }
    }
}

impl<'a, P: Iterator<Item = &'a [u8]>> Sink for Compared<'a, P> {
    #[inline(always)]
    fn copy(&mut self, body: &[u8], range: Range<usize>) {
        self.take(&body[range]);
    }

    #[inline(always)]
    fn put(&mut self, octet: u8, len: usize) {
        match self.piece.split_first() {
            Some((first, rest)) if len == 1 && *first == octet => {
                self.piece = rest;
                self.len += 1;
            }
            // The start of a piece, or another octet.
            _ => self.take(&[octet][..len]),
        }
    }

    #[inline(always)]
    fn len(&self) -> usize {
        self.len
    }
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
fn is_escape(high: u8, low: u8) -> bool {
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

    /// The known starts, for places of the content that come in order.
    pub(super) fn search(&self) -> LineStartSearch<'_> {
        LineStartSearch { last: None, rest: &self.places }
    }
}

/// Finds starts of lines, from the first to the last.
pub(super) struct LineStartSearch<'a> {
    last: Option<[u32; 2]>,
    rest: &'a [[u32; 2]],
}

impl LineStartSearch<'_> {
    /// The last known start of a line that lies before this place of the content, which is
    /// not before the one of the last call. To go on from there takes fewer turns that the
    /// processor cannot foresee than to halve all of them again.
    pub(super) fn before(&mut self, content: usize) -> Option<LineStart> {
        let is_behind = |[_, known]: &[u32; 2]| *known as usize >= content;
        let count = self.rest.iter().position(is_behind).unwrap_or(self.rest.len());
        let (before, rest) = self.rest.split_at(count);
        self.last = before.last().copied().or(self.last);
        self.rest = rest;
        let [body, content] = self.last?;
        Some(LineStart { body: body as usize, content: content as usize })
    }
}
