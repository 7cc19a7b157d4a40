//! Header fields (RFC 5322 §2.2) as ranges of octets. A block of header lines comes
//! in, fields with their folds go out, in order and without a gap; a line that is no
//! field is kept as junk. LF alone is taken for a line end, too.

use memchr::memchr;
use std::{borrow::Cow, ops::Range};

#[cfg(test)]
mod tests;

/// One header field, or a line that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name as it stands; empty for a junk line.
    pub name: &'a [u8],
    /// What follows the colon, with folds and the last line end; for junk the whole line.
    pub raw_value: &'a [u8],
    /// Where all of it stands in the block, from the name to the line end.
    pub range: Range<usize>,
}

impl<'a> Field<'a> {
    /// Is this its name? Case does not matter.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Is it a line that is no field?
    pub fn is_junk(&self) -> bool {
        self.name.is_empty()
    }

    /// The value, unfolded and without white space around it.
    pub fn value(&self) -> Cow<'a, [u8]> {
        unfold(self.raw_value)
    }
}

/// The fields of a header block. It ends at a blank line or at the end of the octets.
pub fn fields(block: &[u8]) -> Fields<'_> {
    Fields { block, position: 0 }
}

/// Gives the fields of a header block, one after the other.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    block: &'a [u8],
    position: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let start = self.position;
        let mut end = line_end(self.block, start);
        if start == end || is_blank(&self.block[start..end]) {
            return None;
        }
        while matches!(self.block.get(end), Some(b' ' | b'\t')) {
            end = line_end(self.block, end);
        }
        self.position = end;
        let octets = &self.block[start..end];
        let (name, raw_value) = split_name(octets).unwrap_or((&[], octets));
        Some(Field { name, raw_value, range: start..end })
    }
}

/// Where the line that starts at `start` ends, behind its line end.
pub fn line_end(octets: &[u8], start: usize) -> usize {
    memchr(b'\n', &octets[start..]).map_or(octets.len(), |newline| start + newline + 1)
}

/// Is this line, with its line end, a blank one?
pub fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\r\n" | b"\n")
}

/// RFC 5322 §3.6.8: a name is printable ASCII without a colon. White space before the
/// colon is obsolete, but read (§4.5).
fn split_name(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let name_len = field.iter().position(|octet| !matches!(octet, b'!'..=b'9' | b';'..=b'~'))?;
    let (name, rest) = field.split_at(name_len);
    let colon = rest.iter().position(|octet| !matches!(octet, b' ' | b'\t'))?;
    (!name.is_empty() && rest[colon] == b':').then(|| (name, &rest[colon + 1..]))
}

/// Takes the line ends out of a folded value (RFC 5322 §2.2.3) and trims it. The white
/// space that a fold stands before stays.
pub fn unfold(raw_value: &[u8]) -> Cow<'_, [u8]> {
    let value = raw_value.trim_ascii();
    if memchr(b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut unfolded = Vec::with_capacity(value.len());
    for line in value.split_inclusive(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l));
        unfolded.extend_from_slice(line);
    }
    Cow::Owned(unfolded)
}
