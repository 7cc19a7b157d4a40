//! Bodies whose content is edited. What of a body has to be encoded anew is found when
//! it was decoded; of the content only that is kept.

use super::{DecodeError, ENCODED_LINE_MAX, LineEnd, base64, quoted_printable};
use crate::message::{
    content_type::TransferEncoding,
    edit::{EditError, EditList, Edits},
    splice::{Splice, Splicer, are_edits},
};
use std::{borrow::Cow, ops::Range};

#[cfg(test)]
mod tests;

/// A body that was decoded.
#[derive(Debug, Clone)]
pub struct Decoded<'b> {
    body: &'b [u8],
    encoding: TransferEncoding,
    content: Cow<'b, [u8]>,
    line_starts: quoted_printable::LineStarts,
}

impl<'b> Decoded<'b> {
    /// Decodes a body. An identity encoding copies nothing. Quoted-printable always
    /// decodes: what is no escape is taken literally. Base64 may lack its padding.
    pub fn new(body: &'b [u8], encoding: TransferEncoding) -> Result<Self, DecodeError> {
        let (content, line_starts) = match encoding {
            TransferEncoding::QuotedPrintable => {
                let (content, line_starts) = quoted_printable::decode(body);
                (content.into(), line_starts)
            }
            _ => (super::decode(body, encoding)?, Default::default()),
        };
        Ok(Self { body, encoding, content, line_starts })
    }

    /// The content.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// Gets the body ready for edits of these ranges of the content, which are in the
    /// order of their starts. `None` if what would be encoded anew does not decode to
    /// what stands there in the content; that would be a mistake of ours.
    pub fn editable(self, edited: &[Range<usize>]) -> Option<EditableBody> {
        let Self { body, encoding, content, line_starts } = self;
        let content_len = content.len();
        let stretches = match (encoding, edited) {
            (TransferEncoding::QuotedPrintable, _) => {
                let lines = quoted_printable::lines(body, &content, &line_starts, edited)?;
                Stretches::Lines(Kept::new(lines, content.into_owned()))
            }
            (TransferEncoding::Base64, [first, ..]) => {
                let tail = base64::tail(body, content.len(), first.start);
                tail.holds(body, &content).then_some(())?;
                Stretches::Tail(tail)
            }
            (TransferEncoding::Base64, []) => Stretches::Lines(Kept::default()),
            _ => Stretches::Identity,
        };
        Some(EditableBody { content_len, stretches })
    }
}

/// How a body can be edited in known ranges of its content.
#[derive(Debug, Clone)]
pub struct EditableBody {
    content_len: usize,
    stretches: Stretches,
}

/// What of a body is encoded anew.
#[derive(Debug, Clone)]
enum Stretches {
    /// Nothing: its content is itself.
    Identity,
    /// Each of these that holds an edit, in quoted-printable.
    Lines(Kept),
    /// This, in base64.
    Tail(base64::Tail),
}

/// Lines of a body, and what they hold. It is decoded once, when the body is made ready.
#[derive(Debug, Clone, Default)]
struct Kept {
    lines: Vec<quoted_printable::Lines>,
    /// What they hold, of one behind the other.
    content: Vec<u8>,
    /// By how many octets all of them grow without an edit.
    growth: usize,
}

impl Kept {
    /// Keeps what these lines hold, and nothing else of the content.
    fn new(lines: Vec<quoted_printable::Lines>, mut content: Vec<u8>) -> Self {
        let mut len = 0;
        for lines in &lines {
            content.copy_within(lines.content.clone(), len);
            len += lines.content.len();
        }
        content.truncate(len);
        content.shrink_to_fit();
        let encoded = lines.iter().map(|lines| lines.body.len()).sum();
        let growth = quoted_printable::growth(&content, encoded);
        Self { lines, content, growth }
    }

    /// The lines that hold edits, with what they hold and with these edits. An edit where two
    /// stand next to each other belongs to the second.
    fn edited<'a>(
        &'a self,
        edits: &'a EditList,
    ) -> impl Iterator<Item = (&'a quoted_printable::Lines, &'a [u8], Edits<'a>)> {
        let mut edits = edits.iter();
        let mut content = self.content.as_slice();
        let ends = self.lines.iter().skip(1).map(|next| next.content.start).chain([usize::MAX]);
        self.lines.iter().zip(ends).filter_map(move |(lines, end)| {
            let (held, rest) = content.split_at(lines.content.len());
            content = rest;
            let edits = edits.split_before(end);
            (edits.len() > 0).then_some((lines, held, edits))
        })
    }
}

impl EditableBody {
    /// An empty list of edits of the content.
    pub fn edits(&self) -> EditList {
        EditList::new(self.content_len)
    }

    /// About how many octets the body grows by these edits, seldom less.
    pub fn growth(&self, edits: &EditList) -> usize {
        let added = edits.replacement_octets();
        match &self.stretches {
            Stretches::Identity => added,
            // A line of 75 needs another break, and so may each edit; a part has two pixels
            // at most, which hold five octets that are escaped.
            Stretches::Lines(kept) => kept.growth + added + added / 20 + 4 * edits.len() + 32,
            Stretches::Tail(tail) => {
                let digits = (tail.content.len() + added).div_ceil(3) * 4;
                (digits + digits / ENCODED_LINE_MAX * 2).saturating_sub(tail.body.len())
            }
        }
    }

    /// Makes the edits in a message that has the body at `place`. New lines end in CRLF
    /// if lines of the body or `line_end`, those of the message, do.
    ///
    /// Every edit lies in a range that was told before, or starts at one. With an
    /// identity encoding its octets must be fit for the body.
    pub fn splice(
        &self,
        place: Range<usize>,
        edits: &EditList,
        line_end: LineEnd,
        splicer: &mut Splicer<'_>,
    ) -> Result<(), EditError> {
        let body = splicer.original().get(place.clone()).ok_or(EditError::OutOfRange)?;
        let line_end = line_end.of_new_lines(body);
        let moved = |range: &Range<usize>| range.start + place.start..range.end + place.start;
        match &self.stretches {
            Stretches::Identity => edits.iter().try_for_each(|edit| {
                splicer.replace(moved(&edit.range), |out| out.extend_from_slice(edit.replacement))
            }),
            Stretches::Lines(kept) => kept.edited(edits).try_for_each(|(lines, content, edits)| {
                splicer.replace(moved(&lines.body), |out| {
                    lines.encode(content, edits, line_end, out);
                })
            }),
            Stretches::Tail(_) if edits.is_empty() => Ok(()),
            Stretches::Tail(tail) => splicer.replace(moved(&tail.body), |out| {
                tail.encode(body, edits.iter(), line_end, out);
            }),
        }
    }

    /// Does a copy of a message hold the content of the body with these edits made? Both
    /// are given with the place of the body in them, and with its splices; what stands
    /// between them is known to be the same in both.
    pub fn is_held_by(
        &self,
        (message, in_message): (&[u8], Range<usize>),
        (copy, in_copy): (&[u8], Range<usize>),
        splices: &[Splice],
        edits: &EditList,
    ) -> bool {
        let (Some(body), Some(copied)) =
            (message.get(in_message.clone()), copy.get(in_copy.clone()))
        else {
            return false;
        };
        match &self.stretches {
            Stretches::Identity => are_edits(splices, copy, edits.iter(), in_message.start),
            Stretches::Lines(kept) => {
                let (mut edits_left, mut splices) = (edits.len(), splices.iter());
                let are_held = kept.edited(edits).all(|(lines, content, edits)| {
                    let Some(splice) = splices.next() else { return false };
                    let original = relative(&splice.original, in_message.start);
                    let Some(result) = relative(&splice.result, in_copy.start) else {
                        return false;
                    };
                    edits_left -= edits.len();
                    original.as_ref() == Some(&lines.body)
                        && lines.are_held_by((body, content), (copied, result), edits)
                });
                are_held && edits_left == 0 && splices.next().is_none()
            }
            Stretches::Tail(_) => base64::is_edited(body, copied, edits.iter()),
        }
    }
}

/// A range as one of what starts at `offset`.
fn relative(range: &Range<usize>, offset: usize) -> Option<Range<usize>> {
    Some(range.start.checked_sub(offset)?..range.end.checked_sub(offset)?)
}
