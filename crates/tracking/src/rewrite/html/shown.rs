//! Links whose text is itself a URL. A mail client warns of one that shows one host and
//! leads to another, so such a link may be left alone.

use mail::{
    html::{
        attribute,
        tokenizer::{Element, Token},
    },
    text::charset::Charset,
};

#[cfg(test)]
mod tests;

/// Longer text is not looked at, and shows no URL.
const TEXT_OCTETS_MAX: usize = 4096;

/// A link and its text, as far as it was read.
pub(super) struct ShownLink {
    /// Which of the sites it is.
    pub(super) site: usize,
    text: Vec<u8>,
}

impl ShownLink {
    /// The link of this site, before its text.
    pub(super) fn new(site: usize) -> Self {
        Self { site, text: Vec::new() }
    }

    /// Takes the next token. Does it end the link? The start of another one does, too
    /// (HTML standard, 13.2.6.4.7).
    pub(super) fn is_over(&mut self, html: &[u8], token: &Token) -> bool {
        match token {
            Token::StartTag(tag) | Token::EndTag(tag) => tag.element == Element::A,
            Token::Text(range) => {
                let room = (TEXT_OCTETS_MAX + 1).saturating_sub(self.text.len());
                let text = &html[range.clone()];
                self.text.extend_from_slice(&text[..text.len().min(room)]);
                false
            }
            Token::Comment(_) | Token::Doctype(_) => false,
        }
    }

    /// Is its text a URL, as far as a reader sees?
    pub(super) fn is_url(&self, charset: Charset) -> bool {
        if self.text.len() > TEXT_OCTETS_MAX {
            return false;
        }
        let text = charset.decode(&self.text).unwrap_or_default();
        let text = attribute::decode(&text);
        let is_unseen =
            |c: char| c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{FEFF}');
        let text = text.trim_matches(is_unseen);
        let begins = |start: &&str| {
            text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
                && text.len() > start.len()
        };
        ["https://", "http://", "www."].iter().any(begins) && !text.contains(char::is_whitespace)
    }
}
