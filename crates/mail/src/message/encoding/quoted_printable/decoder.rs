//! Lines of quoted-printable in, content out: as octets, or only held against octets.

use crate::{
    marks::{BLOCK, marks_of_block, marks_within},
    message::header::line_end,
};
use std::{cmp::Ordering, ops::Range};

/// Decodes a body, and tells where some of its lines start. `=` that begins no escape is
/// taken literally (§6.7, note 2).
pub(in super::super) fn decode(body: &[u8]) -> (Vec<u8>, LineStarts) {
    let mut content = vec![0; body.len() + STRIDE];
    let mut line_starts = LineStarts::of_body(body.len());
    let mut start = LineStart { body: 0, content: 0 };
    while start.body < body.len() {
        let stop;
        (start, stop) = decode_usual(body, start, &mut content, &mut line_starts);
        // Up to the end of the line with what is unusual, which may be lines away: so no line
        // is looked at again.
        let end = line_end(body, stop);
        let mut copied = Copied { content: &mut content, len: start.content };
        decode_to(body, start.body..end, &mut copied, |start| line_starts.take(start));
        start = LineStart { body: end, content: copied.len };
    }
    content.truncate(start.content);
    line_starts.finish();
    (content, line_starts)
}

/// Decodes a body from this place on, up to something that is not usual, or near the end,
/// and tells how far it came and where that is. What is usual are escapes, soft line breaks without white
/// space, and line ends without any before them. No function is called on the way, so that
/// all of the state stays in registers.
#[inline(never)]
fn decode_usual(
    body: &[u8],
    start: LineStart,
    content: &mut [u8],
    line_starts: &mut LineStarts,
) -> (LineStart, usize) {
    let LineStart { body: mut position, content: mut len } = start;
    let mut block = position;
    // What is copied or looked at behind a mark in a block.
    let last = body.len().min(u32::MAX as usize).saturating_sub(BLOCK + STRIDE);
    while block < last
        && let Some(octets) = body[block..].first_chunk()
    {
        let mut marks = marks_of_block(octets, [b'=', b'\n']);
        while marks != 0 {
            let at = block + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            if at < position {
                // The line end of a soft line break.
                continue;
            }
            let Some(&[mark, high, low]) = body[at..].first_chunk() else { break };
            if mark == b'=' {
                let octet = escaped(high, low);
                let is_escape = octet < NO_ESCAPE;
                if !is_escape && [high, low] != *b"\r\n" {
                    return (LineStart { body: position, content: len }, at);
                }
                let behind = len + (at - position);
                while let Some(octets) = body[position..].first_chunk::<STRIDE>()
                    && let Some(room) = content[len..].first_chunk_mut::<STRIDE>()
                {
                    *room = *octets;
                    (position, len) = (position + STRIDE, len + STRIDE);
                    if position >= at {
                        break;
                    }
                }
                len = behind;
                content[len] = octet.to_le_bytes()[0];
                len += usize::from(is_escape);
                position = at + 3;
                if is_escape {
                    continue;
                }
                line_starts.take(LineStart { body: position, content: len });
            } else {
                // A line end is content like what stands around it.
                let before = match at.checked_sub(2).and_then(|from| body[from..].first_chunk()) {
                    Some([before, b'\r']) | Some([_, before]) => *before,
                    None => b' ',
                };
                if matches!(before, b' ' | b'\t') {
                    return (LineStart { body: position, content: len }, at);
                }
                line_starts.take(LineStart { body: at + 1, content: len + (at + 1 - position) });
            }
        }
        block += BLOCK;
    }
    (LineStart { body: position, content: len }, body.len())
}

/// Does a range of octets decode to these pieces, one behind the other, and to nothing
/// besides?
pub(super) fn is<'a>(
    octets: &[u8],
    range: Range<usize>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> bool {
    let mut compared = Compared::with(pieces);
    decode_to(octets, range, &mut compared, |_| {});
    compared.compare();
    compared.is_same && compared.piece.is_empty() && compared.pieces.all(<[u8]>::is_empty)
}

/// How many octets a range of a body decodes to, if content starts with all of them.
pub(super) fn prefix_len(body: &[u8], range: Range<usize>, content: &[u8]) -> Option<usize> {
    let mut compared = Compared::with([content]);
    decode_to(body, range, &mut compared, |_| {});
    compared.compare();
    compared.is_same.then_some(compared.compared)
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

/// Gives the content of a range of a body to a sink, and tells where each line but the
/// first starts. Octets behind the range are not decoded, but it is quicker where there are
/// some.
#[inline(always)]
fn decode_to(
    body: &[u8],
    range: Range<usize>,
    sink: &mut impl Sink,
    mut starts_line: impl FnMut(LineStart),
) {
    let octets = &body[..range.end];
    // What stands before it is decoded.
    let mut position = range.start;
    for at in marks_within(body, range, [b'=', b'\n']) {
        if at < position {
            // The line end of a soft line break.
            continue;
        }
        let is_soft_break = match octets[at..] {
            // Escapes and nearly all soft line breaks are three octets, and stand for one or
            // none: one way for both.
            [b'=', high, low, ..] if escaped(high, low) < NO_ESCAPE || [high, low] == *b"\r\n" => {
                let octet = escaped(high, low);
                let is_escape = octet < NO_ESCAPE;
                sink.copy(body, position..at);
                sink.put(octet.to_le_bytes()[0], usize::from(is_escape));
                position = at + 3;
                !is_escape
            }
            [b'=', ref rest @ ..] => {
                let Some(len) = soft_break(rest) else { continue };
                sink.copy(body, position..at);
                position = at + 1 + len;
                rest[..len].ends_with(b"\n")
            }
            // A line end is content like what stands around it.
            _ => {
                if let Some(padding) = padding(&octets[position..at]) {
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
    sink.copy(body, position..position + trimmed(&octets[position..]).len());
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
        let len = range.len();
        copy(body, range, &mut self.content[self.len..]);
        self.len += len;
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

/// Copies a range of a body to the start of a place with room for it.
#[inline(always)]
fn copy(body: &[u8], range: Range<usize>, place: &mut [u8]) {
    let source = &body[range.start..];
    match (source.first_chunk::<STRIDE>(), place.first_chunk_mut::<STRIDE>()) {
        (Some(octets), Some(room)) if range.len() <= STRIDE => *room = *octets,
        _ => copy_all(&source[..range.len()], place),
    }
}

/// What is longer, or stands near the end.
#[cold]
#[inline(never)]
fn copy_all(octets: &[u8], place: &mut [u8]) {
    place[..octets.len()].copy_from_slice(octets);
}

/// Content that is held against octets in pieces. It is gathered first, as far as there is
/// room: to compare many octets costs no more than to compare few.
struct Compared<'a, P> {
    /// What was decoded and not compared yet, and its length.
    gathered: [u8; GATHERED_MAX + STRIDE],
    len: usize,
    /// How many octets were compared before.
    compared: usize,
    /// What the next octets should be, and what is behind it.
    piece: &'a [u8],
    pieces: P,
    is_same: bool,
}

/// Octets that are compared at a time: some lines.
const GATHERED_MAX: usize = 320;

impl<'a, P: Iterator<Item = &'a [u8]>> Compared<'a, P> {
    fn with(pieces: impl IntoIterator<IntoIter = P>) -> Self {
        Self {
            gathered: [0; GATHERED_MAX + STRIDE],
            len: 0,
            compared: 0,
            piece: &[],
            pieces: pieces.into_iter(),
            is_same: true,
        }
    }

    /// Compares what was gathered.
    fn compare(&mut self) {
        let Self { gathered, len, piece, pieces, is_same, .. } = self;
        *is_same &= begin_with(piece, pieces, &gathered[..*len]);
        self.compared += *len;
        *len = 0;
    }

    /// Takes more octets than are gathered.
    #[cold]
    #[inline(never)]
    fn take_all(&mut self, octets: &[u8]) {
        self.is_same &= begin_with(&mut self.piece, &mut self.pieces, octets);
        self.compared += octets.len();
    }
}

/// Do pieces begin with these octets? They are taken off.
fn begin_with<'a>(
    piece: &mut &'a [u8],
    pieces: &mut impl Iterator<Item = &'a [u8]>,
    mut octets: &[u8],
) -> bool {
    while !octets.is_empty() {
        if piece.is_empty() {
            let Some(next) = pieces.next() else { return false };
            *piece = next;
            continue;
        }
        let len = octets.len().min(piece.len());
        if octets[..len] != piece[..len] {
            return false;
        }
        (octets, *piece) = (&octets[len..], &piece[len..]);
    }
    true
}

impl<'a, P: Iterator<Item = &'a [u8]>> Sink for Compared<'a, P> {
    #[inline(always)]
    fn copy(&mut self, body: &[u8], range: Range<usize>) {
        let len = range.len();
        if self.len + len > GATHERED_MAX {
            self.compare();
            if len > GATHERED_MAX {
                return self.take_all(&body[range]);
            }
        }
        copy(body, range, &mut self.gathered[self.len..]);
        self.len += len;
    }

    /// There is room for it behind what was copied before.
    #[inline(always)]
    fn put(&mut self, octet: u8, len: usize) {
        self.gathered[self.len] = octet;
        self.len += len;
    }

    #[inline(always)]
    fn len(&self) -> usize {
        self.compared + self.len
    }
}

/// Where white space stands that a transport may have added, at the end of a line that ends
/// in a hard line break. Most lines have none.
#[inline(always)]
fn padding(line: &[u8]) -> Option<Range<usize>> {
    // Nothing below stands at the end of most.
    if let [.., b'!'..=0xFF] | [.., b'!'..=0xFF, b'\r'] = line {
        return None;
    }
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

/// What is added for an octet that is no hexadecimal digit.
const NO_ESCAPE: u16 = 0x100;

/// What octets stand for as the first and the second digit of an escape.
static DIGITS: [[u16; 256]; 2] = {
    let mut digits = [[NO_ESCAPE; 256]; 2];
    let mut value = 0;
    while value < 16 {
        let upper = b"0123456789ABCDEF"[value as usize] as usize;
        let lower = b"0123456789abcdef"[value as usize] as usize;
        (digits[0][upper], digits[0][lower]) = (value << 4, value << 4);
        (digits[1][upper], digits[1][lower]) = (value, value);
        value += 1;
    }
    digits
};

/// The octet that an escape with these digits stands for, if they are digits.
#[inline(always)]
fn escaped(high: u8, low: u8) -> u16 {
    DIGITS[0][usize::from(high)] | DIGITS[1][usize::from(low)]
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
    count: usize,
    /// From where on in the body the next is remembered.
    wanted_from: usize,
}

/// Lines of which the start is remembered are at least so many octets apart, so that
/// they never take more than a fraction of the body.
const LINE_STARTS_APART: usize = 64;

impl LineStarts {
    /// Room for those of a body of so many octets.
    fn of_body(octets: usize) -> Self {
        let places = vec![[0; 2]; octets / LINE_STARTS_APART + 1];
        Self { places, count: 0, wanted_from: LINE_STARTS_APART }
    }

    #[inline(always)]
    fn take(&mut self, start: LineStart) {
        if start.body >= self.wanted_from
            && let (Ok(body), Ok(content)) = (start.body.try_into(), start.content.try_into())
            && let Some(place) = self.places.get_mut(self.count)
        {
            *place = [body, content];
            self.count += 1;
            self.wanted_from = start.body + LINE_STARTS_APART;
        }
    }

    /// Gives back the room that is left.
    fn finish(&mut self) {
        self.places.truncate(self.count);
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
    /// Where the content of the line stands that starts at this place of the body, if that is
    /// known. The place is not before that of the last call.
    pub(super) fn content_at(&mut self, place: usize) -> Option<usize> {
        while let [[body, content], rest @ ..] = self.rest {
            match (*body as usize).cmp(&place) {
                Ordering::Less => (self.last, self.rest) = (Some([*body, *content]), rest),
                Ordering::Equal => return Some(*content as usize),
                Ordering::Greater => return None,
            }
        }
        None
    }

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
