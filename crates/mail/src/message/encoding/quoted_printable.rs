//! Quoted-printable (RFC 2045 §6.7). The lines of the body that an edit touches are
//! encoded anew, from the start of the first to the end of the last; an escape never
//! spans lines, so each line can be read and replaced by itself.

use super::{ENCODED_LINE_MAX, LineEnd, line_end_len};
use crate::message::edit::Edits;
use memchr::memchr;
use std::ops::Range;

mod decoder;
mod encoder;
#[cfg(test)]
mod tests;

use decoder::{LineStart, trimmed};
pub(super) use decoder::{LineStarts, decode};
use encoder::Encoder;
pub(super) use encoder::growth;

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

    /// Where what it decodes to ends in the content, without the line end and with it, if it
    /// starts there. It is read for that, unless it is known where the next line starts; then
    /// whether it is that content is still to be seen.
    fn content_end(
        &self,
        body: &[u8],
        (content, start): (&[u8], usize),
        next: Option<usize>,
    ) -> Option<(usize, usize)> {
        let line_end = if self.is_soft { 0 } else { self.end - self.visible_end };
        if let Some(next) = next {
            return Some((next.checked_sub(line_end)?, next));
        }
        // With its `=`, before which white space is content.
        let line = self.content.start..self.content.end + usize::from(self.is_soft);
        let len = decoder::prefix_len(body, line, content.get(start..)?)?;
        Some((start + len, start + len + line_end))
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
/// ranges are in the order of their starts. `None` if one of these lines does not decode to
/// what stands in the content.
pub(super) fn lines(
    body: &[u8],
    content: &[u8],
    line_starts: &LineStarts,
    mut edited: &[Range<usize>],
) -> Option<Vec<Lines>> {
    let mut found: Vec<Lines> = Vec::with_capacity(edited.len());
    let mut line_starts = line_starts.search();
    let mut open: Option<LineStart> = None;
    let mut start = LineStart { body: 0, content: 0 };
    while let Some(first) = edited.first() {
        if open.is_none() {
            // Lines between this one and those with the edit hold no edit.
            let known = line_starts.before(first.start);
            start = known.filter(|known| known.body > start.body).unwrap_or(start);
        }
        let Some(line) = Line::at(body, start.body) else { break };
        let next = line_starts.content_at(line.end);
        let (content_end, decoded_end) = line.content_end(body, (content, start.content), next)?;
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
                let held = content.get(opened.content..decoded_end)?;
                decoder::is(body, opened.body..line.end, [held]).then_some(())?;
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
        let (body, content) = (body.len()..body.len(), content.len()..content.len());
        found.push(Lines { body, content, is_soft: false });
    }
    Some(found)
}

impl Lines {
    /// Writes lines that hold the content of these with edits made.
    pub(super) fn encode(
        &self,
        content: &[u8],
        edits: Edits<'_>,
        line_end: LineEnd,
        out: &mut Vec<u8>,
    ) {
        let mut encoder = Encoder::new(line_end, out);
        edits.made_in(content, self.content.start).for_each(|piece| encoder.push(piece));
        encoder.finish(self.is_soft);
    }

    /// Do lines of a copy of the body hold this content, with edits made, in the place of
    /// these? What is compared goes to the end of the line.
    pub(super) fn are_held_by(
        &self,
        (body, content): (&[u8], &[u8]),
        (copy, place): (&[u8], Range<usize>),
        edits: Edits<'_>,
    ) -> bool {
        let (Some(before), Some(after)) =
            (whole_lines(body, self.body.clone()), whole_lines(copy, place))
        else {
            return false;
        };
        let line_end = if self.is_soft { &[] } else { &body[self.body.end..before.end] };
        let edited = edits.made_in(content, self.content.start);
        decoder::is(copy, after, edited.chain([line_end]))
    }
}

/// A range of octets with the line end behind it, if it starts and ends as lines do.
fn whole_lines(octets: &[u8], Range { start, end }: Range<usize>) -> Option<Range<usize>> {
    let behind = octets.get(end..)?;
    let line_end = if behind.is_empty() { 0 } else { line_end_len(behind)? };
    let is_line_start = matches!(octets.get(..start)?.last(), None | Some(b'\n'));
    (is_line_start && start <= end).then_some(start..end + line_end)
}
