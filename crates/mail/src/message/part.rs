//! The parts of a MIME message (RFC 2046 §5.1) as ranges of its octets. The tree is
//! found in one pass over the lines that start with two hyphens; preambles, delimiter
//! lines and epilogues belong to no part. An enclosed message (message/rfc822) is a
//! part like others and is not looked into.

use super::{
    content_type::{ContentType, TransferEncoding},
    header::{fields, is_blank, line_end},
};
use memchr::memmem;
use std::ops::Range;
use thiserror::Error;

#[cfg(test)]
mod tests;

/// How deep multiparts may be nested. Real mail stays below ten.
pub const DEPTH_MAX: usize = 32;
/// How many parts a message may have.
pub const PARTS_MAX: usize = 1000;

/// Why a message is not split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SplitError {
    /// More levels than [`DEPTH_MAX`].
    #[error("multiparts nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// More parts than [`PARTS_MAX`].
    #[error("more than {PARTS_MAX} parts")]
    TooManyParts,
}

/// One part of a message; the first is the message itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The multipart that holds it, by its place in the list of parts.
    pub parent: Option<usize>,
    /// Its number among the parts of its parent, from 1.
    pub number: usize,
    /// How many multiparts are around it.
    pub depth: usize,
    /// Where its header fields stand.
    pub header: Range<usize>,
    /// Where its body stands, behind the blank line.
    pub body: Range<usize>,
    /// Does a blank line end its header?
    pub has_blank_line: bool,
    /// Was it split into parts? Then at least one delimiter was found in it.
    pub is_split: bool,
    /// What its header says of its content.
    pub content: Content,
}

impl Part {
    /// Is it the same part but for where it stands?
    pub fn is_like(&self, other: &Self) -> bool {
        let Self { parent, number, depth, header: _, body: _, has_blank_line, is_split, content } =
            self;
        (*parent, *number, *depth) == (other.parent, other.number, other.depth)
            && (*has_blank_line, *is_split) == (other.has_blank_line, other.is_split)
            && *content == other.content
    }
}

/// What a part header says of the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its media type; the default of its place when it has none (RFC 2045 §5.2).
    pub media_type: ContentType,
    /// How it is encoded.
    pub encoding: TransferEncoding,
    /// How it is to be shown (RFC 2183), if the header says so.
    pub disposition: Option<ContentType>,
    /// Is there more than one Content-Type, Content-Transfer-Encoding or charset, or a
    /// line that is no field? Readers differ in what they make of these.
    pub is_ambiguous: bool,
    /// Does the header hold a digest of the body (RFC 1864)?
    pub has_digest: bool,
}

impl Content {
    fn read(block: &[u8], default_type: &str) -> Self {
        let (mut media_type, mut encoding, mut disposition) = (None, None, None);
        let (mut is_ambiguous, mut has_digest) = (false, false);
        for field in fields(block) {
            is_ambiguous |= field.is_junk();
            let is_content =
                field.name.len() > 8 && field.name[..8].eq_ignore_ascii_case(b"content-");
            if !is_content {
                continue;
            }
            has_digest |= field.is("content-md5");
            if field.is("content-type") {
                is_ambiguous |= media_type.is_some();
                media_type.get_or_insert_with(|| ContentType::parse(&field.value()));
            } else if field.is("content-transfer-encoding") {
                is_ambiguous |= encoding.is_some();
                encoding.get_or_insert_with(|| TransferEncoding::parse(&field.value()));
            } else if field.is("content-disposition") {
                disposition.get_or_insert_with(|| ContentType::parse(&field.value()));
            }
        }
        let media_type = media_type
            .filter(|found: &ContentType| !found.essence.is_empty())
            .unwrap_or_else(|| ContentType::of(default_type));
        is_ambiguous |= media_type.is_ambiguous("charset");
        Self {
            media_type,
            encoding: encoding.unwrap_or_default(),
            disposition,
            is_ambiguous,
            has_digest,
        }
    }
}

/// A message split into its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartTree {
    parts: Vec<Part>,
}

impl PartTree {
    /// The parts in the order of the message, each multipart before what it holds.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The message as a whole.
    pub fn root(&self) -> &Part {
        &self.parts[0]
    }

    /// Where a part stands: `1` is the message, `1.2` its second part.
    pub fn path(&self, index: usize) -> String {
        let part = &self.parts[index];
        match part.parent {
            Some(parent) => format!("{}.{}", self.path(parent), part.number),
            None => part.number.to_string(),
        }
    }

    /// The multiparts around a part, from the inside out.
    pub fn ancestors(&self, index: usize) -> impl Iterator<Item = &Part> {
        let parent_of = |index: &usize| self.parts[*index].parent;
        std::iter::successors(parent_of(&index), parent_of).map(|index| &self.parts[index])
    }
}

/// Splits a message into its parts. Refuses those beyond the limits; anything else is
/// split in some way, at worst into the one part that it is.
pub fn split(message: &[u8]) -> Result<PartTree, SplitError> {
    let mut splitter = Splitter { message, parts: Vec::new(), open: Vec::new(), current: None };
    let mut position = splitter.begin_part(0)?;
    let finder = memmem::Finder::new(b"\n--");
    while !splitter.open.is_empty() {
        let is_at_line = message[position..].starts_with(b"--");
        let line_start = if is_at_line {
            position
        } else {
            let Some(newline) = finder.find(&message[position..]) else { break };
            position + newline + 1
        };
        position = line_end(message, line_start);
        if let Some(delimiter) = splitter.delimiter(line_start) {
            position = splitter.pass(delimiter, line_start..position)?;
        }
    }
    splitter.finish(0, message.len());
    Ok(PartTree { parts: splitter.parts })
}

/// Takes a message for one part, whatever is in it.
pub fn whole(message: &[u8]) -> PartTree {
    let mut splitter = Splitter { message, parts: Vec::new(), open: Vec::new(), current: None };
    splitter.begin_part(0).expect("one part is within the limits");
    splitter.finish(0, message.len());
    PartTree { parts: splitter.parts }
}

/// A multipart whose end has not been reached.
struct Open {
    part: usize,
    /// Two hyphens and the boundary.
    dashed: Vec<u8>,
    parts: usize,
    is_closed: bool,
}

/// What a delimiter line ends, and whether it is the last of its multipart.
#[derive(Clone, Copy)]
struct Delimiter {
    level: usize,
    is_close: bool,
}

struct Splitter<'a> {
    message: &'a [u8],
    parts: Vec<Part>,
    open: Vec<Open>,
    /// The part whose body is being passed, if no preamble or epilogue is.
    current: Option<usize>,
}

impl Splitter<'_> {
    /// Which open multipart the line that starts here is a delimiter of. An outer one
    /// ends all that is inside it, so it is asked first.
    fn delimiter(&self, line_start: usize) -> Option<Delimiter> {
        let line = &self.message[line_start..];
        self.open.iter().enumerate().filter(|(_, open)| !open.is_closed).find_map(
            |(level, open)| {
                let rest = line.strip_prefix(open.dashed.as_slice())?;
                let is_close = rest.strip_prefix(b"--").is_some_and(is_padding);
                (is_close || is_padding(rest)).then_some(Delimiter { level, is_close })
            },
        )
    }

    /// Ends what a delimiter line ends and begins the part behind it, if one is.
    /// Returns where to go on.
    fn pass(&mut self, delimiter: Delimiter, line: Range<usize>) -> Result<usize, SplitError> {
        // RFC 2046 §5.1.1: the line break before a delimiter is the delimiter's.
        let before = &self.message[..line.start];
        let before = before.strip_suffix(b"\n").unwrap_or(before);
        let end = before.strip_suffix(b"\r").unwrap_or(before).len();
        self.finish(delimiter.level + 1, end);
        let open = &mut self.open[delimiter.level];
        self.parts[open.part].is_split = true;
        open.is_closed = delimiter.is_close;
        if delimiter.is_close {
            return Ok(line.end);
        }
        self.begin_part(line.end)
    }

    /// Ends the part whose body is being passed, and all multiparts from a level on.
    fn finish(&mut self, level: usize, mut end: usize) {
        let around = self.open.drain(level..).rev().map(|open| open.part);
        for index in self.current.take().into_iter().chain(around) {
            let part = &mut self.parts[index];
            // The line break before the delimiter ends the line before a part of no
            // octets. That part still stands in all that is around it.
            end = end.max(part.header.start);
            if end < part.body.start {
                // The delimiter has taken the blank line, or more.
                part.has_blank_line = false;
                part.header.end = part.header.end.min(end);
                part.body.start = end;
            }
            part.body.end = end;
        }
    }

    /// Begins a part, reads its header, and returns where its body starts.
    fn begin_part(&mut self, start: usize) -> Result<usize, SplitError> {
        if self.parts.len() == PARTS_MAX {
            return Err(SplitError::TooManyParts);
        }
        let (header_end, body_start) = self.header_end(start);
        let (parent, number) = match self.open.last_mut() {
            Some(open) => {
                open.parts += 1;
                (Some(open.part), open.parts)
            }
            None => (None, 1),
        };
        let default_type = match parent.map(|parent| &self.parts[parent].content.media_type) {
            // RFC 2046 §5.1.5.
            Some(outer) if outer.essence == "multipart/digest" => "message/rfc822",
            _ => "text/plain",
        };
        let content = Content::read(&self.message[start..header_end], default_type);
        let index = self.parts.len();
        let boundary = content
            .media_type
            .boundary()
            .filter(|_| content.media_type.is_multipart() && content.encoding.is_identity());
        match boundary {
            Some(_) if self.open.len() == DEPTH_MAX => return Err(SplitError::TooDeep),
            Some(boundary) => {
                let dashed = [b"--", boundary].concat();
                self.open.push(Open { part: index, dashed, parts: 0, is_closed: false });
            }
            None => self.current = Some(index),
        }
        self.parts.push(Part {
            parent,
            number,
            depth: parent.map_or(0, |parent| self.parts[parent].depth + 1),
            header: start..header_end,
            body: body_start..self.message.len(),
            has_blank_line: header_end < body_start,
            is_split: false,
            content,
        });
        Ok(body_start)
    }

    /// Where the header that starts here ends, and where the body behind it starts. A
    /// delimiter ends a header, too.
    fn header_end(&self, start: usize) -> (usize, usize) {
        let mut position = start;
        while position < self.message.len() {
            let end = line_end(self.message, position);
            let line = &self.message[position..end];
            if is_blank(line) {
                return (position, end);
            }
            if line.starts_with(b"--") && self.delimiter(position).is_some() {
                break;
            }
            position = end;
        }
        (position, position)
    }
}

/// Does only white space stand before the line end? RFC 2046 §5.1.1 lets transports
/// add it to a delimiter line.
fn is_padding(octets: &[u8]) -> bool {
    let blank = octets.iter().position(|octet| !matches!(octet, b' ' | b'\t'));
    let rest = blank.map_or(&[][..], |position| &octets[position..]);
    rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
}
