//! Flowed text with DelSp=yes (RFC 3676 §4.1): a space before a line break is a soft
//! break, and both go when a reader sees the text, with the quote marks and the stuffed
//! space of the next line. A URL may go over such a break. Text comes in, joined text
//! goes out, with the way back to where its octets stand.

use memchr::memmem;
use std::{borrow::Cow, ops::Range};

#[cfg(test)]
mod tests;

/// Text without its soft breaks.
#[derive(Debug, Clone)]
pub struct Joined<'a> {
    octets: Cow<'a, [u8]>,
    seams: Vec<Seam>,
}

/// A place where something was taken out.
#[derive(Debug, Clone)]
struct Seam {
    /// Where it is in the joined text.
    at: usize,
    /// How much was taken out up to here.
    removed: usize,
}

impl<'a> Joined<'a> {
    /// Text as it is, where nothing is to be joined.
    pub fn plain(text: &'a [u8]) -> Self {
        Self { octets: Cow::Borrowed(text), seams: Vec::new() }
    }

    /// Joins the lines of flowed text. A line that is quoted deeper or less deep than the
    /// soft one before it is not joined (§4.5), and neither is a signature's (§4.3).
    pub fn of(text: &'a [u8]) -> Self {
        let is_soft = [&b" \r\n"[..], b" \n"].iter().any(|end| memmem::find(text, end).is_some());
        if !is_soft {
            return Self::plain(text);
        }
        let mut octets = Vec::with_capacity(text.len());
        let mut seams = Vec::new();
        let mut removed = 0;
        // How deep the soft line before this one is quoted, and how long its break is.
        let mut soft: Option<(usize, usize)> = None;
        for line in text.split_inclusive(|octet| *octet == b'\n') {
            let depth = line.iter().take_while(|octet| **octet == b'>').count();
            let prefix = depth + usize::from(line.get(depth) == Some(&b' '));
            let visible =
                line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l));
            let content = visible.get(prefix..).unwrap_or_default();
            let is_signature = content == b"-- ";
            match soft.filter(|(of, _)| *of == depth && !is_signature) {
                Some((_, break_len)) => {
                    octets.truncate(octets.len() - break_len);
                    removed += break_len + prefix;
                    seams.push(Seam { at: octets.len(), removed });
                    octets.extend_from_slice(&line[prefix..]);
                }
                None => octets.extend_from_slice(line),
            }
            let break_len = line.len() - visible.len() + 1;
            soft = (content.ends_with(b" ") && !is_signature).then_some((depth, break_len));
        }
        Self { octets: Cow::Owned(octets), seams }
    }

    /// The text.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Where a stretch of the joined text, which is not empty, stands in the text that
    /// came, with the soft breaks inside it.
    pub fn origin(&self, range: Range<usize>) -> Range<usize> {
        self.origin_of(range.start)..self.origin_of(range.end - 1) + 1
    }

    fn origin_of(&self, offset: usize) -> usize {
        let seams = self.seams.partition_point(|seam| seam.at <= offset);
        offset + seams.checked_sub(1).map_or(0, |last| self.seams[last].removed)
    }
}
