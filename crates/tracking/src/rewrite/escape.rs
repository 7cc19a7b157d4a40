//! Escapes of curly braces. Momentum reads `{{` as a command, so its senders write
//! `{{opening_double_curly()}}` and `{{closing_double_curly()}}` for the braces that
//! they want to be seen. Where enabled these become braces; all others stay as they are.

use super::site::{Site, SiteKind};
use mail::text::charset::Charset;
use memchr::memmem;
use std::{borrow::Cow, ops::Range};

#[cfg(test)]
mod tests;

const CALL: &[u8] = b"_double_curly()}}";
const ESCAPES: [(&[u8], &str); 2] = [(b"{{opening", "{{"), (b"{{closing", "}}")];

/// Adds a site for each escape in the content.
pub(super) fn add_sites(content: &[u8], charset: Charset, sites: &mut Vec<Site>) {
    // A brace may be the second half of a character; such an escape is none.
    let has_trails = charset.has_ascii_trails();
    let is_trail = |start: usize| has_trails && start > 0 && !content[start - 1].is_ascii();
    let escapes = Escapes { octets: content, position: 0 };
    sites.extend(
        escapes
            .filter(|(range, _)| !is_trail(range.start))
            .map(|(range, braces)| Site { range, kind: SiteKind::Words(braces) }),
    );
}

/// A text with its escapes undone.
pub(super) fn undone(text: &str) -> Cow<'_, str> {
    let mut escapes = Escapes { octets: text.as_bytes(), position: 0 }.peekable();
    if escapes.peek().is_none() {
        return Cow::Borrowed(text);
    }
    let mut undone = String::with_capacity(text.len());
    let mut position = 0;
    for (range, braces) in escapes {
        undone.push_str(&text[position..range.start]);
        undone.push_str(braces);
        position = range.end;
    }
    undone.push_str(&text[position..]);
    Cow::Owned(undone)
}

/// Gives the escapes with the braces that they stand for.
struct Escapes<'a> {
    octets: &'a [u8],
    position: usize,
}

impl Iterator for Escapes<'_> {
    type Item = (Range<usize>, &'static str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let call = self.position + memmem::find(&self.octets[self.position..], CALL)?;
            let before = &self.octets[self.position..call];
            self.position = call + CALL.len();
            let escape = ESCAPES.iter().find(|(word, _)| before.ends_with(word));
            if let Some((word, braces)) = escape {
                return Some((call - word.len()..self.position, braces));
            }
        }
    }
}
