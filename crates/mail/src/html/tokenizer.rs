//! Splits HTML into tags, text and comments as the HTML standard's tokenizer does
//! (13.2.5), by spans: a token is a range of the octets, and nothing is copied. Any
//! charset goes in which ASCII octets stand for themselves. It builds no tree; of the
//! tree it knows only what changes how octets are read: which elements hold raw text,
//! and what is SVG or MathML. A mail client runs no script, so noscript is live markup.

use crate::marks::find_near;
use memchr::{memchr, memchr_iter};
use std::ops::Range;

mod element;
mod foreign;
mod raw_text;
mod tag;
#[cfg(test)]
mod tests;

pub use element::{Element, ElementSet, ElementSets};
use foreign::Foreign;
pub use foreign::Namespace;
use raw_text::RawText;
pub(super) use tag::is_space;
pub use tag::{Attribute, Attributes, Quote, Tag};

/// A stretch of HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Characters, also those of raw text such as a script's.
    Text(Range<usize>),
    /// A start tag.
    StartTag(Tag),
    /// An end tag.
    EndTag(Tag),
    /// A comment, also a bogus one: `<!...>`, `<?...>`, `</...>`.
    Comment(Range<usize>),
    /// A document type declaration.
    Doctype(Range<usize>),
}

/// What the end of the octets cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// A tag, or what may become one: `<a href="...`, `</`.
    Tag,
    /// A comment, a declaration or a CDATA section.
    Comment,
    /// An element whose content is raw text, such as script; also plaintext, which
    /// nothing ever ends.
    RawText,
}

/// Gives the tokens of HTML, one after the other and without a gap up to the end or to
/// what the end cut off. The cost is linear in the octets, whatever they are.
#[derive(Debug, Clone)]
pub struct Tokenizer<'a> {
    html: &'a [u8],
    position: usize,
    foreign: Foreign,
    raw_text: Option<RawText>,
    unfinished: Option<(usize, Unfinished)>,
}

impl<'a> Tokenizer<'a> {
    /// Reads HTML from its start.
    pub fn new(html: &'a [u8]) -> Self {
        Self { html, position: 0, foreign: Foreign::default(), raw_text: None, unfinished: None }
    }

    /// What the end of the octets cut off, and where that starts. Of raw text it is the
    /// start tag. It is known when there are no more tokens.
    pub fn unfinished(&self) -> Option<(usize, Unfinished)> {
        self.unfinished
    }

    /// Where the outermost SVG or MathML element that is still open starts.
    pub fn open_foreign(&self) -> Option<usize> {
        self.foreign.outermost()
    }

    /// Gives all tokens that are left to a sink. It takes each kind where that is read, so
    /// that what it does not look at is never put together, as a loop over tokens would.
    #[inline(always)]
    pub fn drain(&mut self, sink: &mut impl TokenSink) {
        while self.step(sink) {}
    }

    /// Gives the next token to a sink, if there is one.
    #[inline(always)]
    fn step(&mut self, sink: &mut impl TokenSink) -> bool {
        if let Some(raw_text) = self.raw_text.take()
            && let Some(text) = self.raw_text(raw_text)
        {
            sink.take(text, self.open_foreign());
            return true;
        }
        // Tags first: most of what is no text is one.
        let rest = &self.html[self.position..];
        match rest {
            [b'<', first, ..] if first.is_ascii_alphabetic() => {
                let Some(token) = self.start_tag() else { return false };
                sink.take(token, self.open_foreign());
            }
            [b'<', b'/', first, ..] if first.is_ascii_alphabetic() => {
                let Some(token) = self.end_tag() else { return false };
                sink.take(token, self.open_foreign());
            }
            [b'<', ..] => {
                let Some(token) = self.other_markup() else { return false };
                sink.take(token, self.open_foreign());
            }
            [_, ..] => {
                let token = self.text();
                sink.take(token, self.open_foreign());
            }
            [] => return false,
        }
        true
    }

    /// Ends with what starts at `start` cut off.
    fn cut_off(&mut self, start: usize, what: Unfinished) -> Option<Token> {
        self.position = self.html.len();
        self.unfinished.get_or_insert((start, what));
        None
    }

    /// Text up to the next markup: what 13.2.5.1 to 13.2.5.7 tell apart. A `<` that
    /// begins no markup is text.
    #[inline(always)]
    fn text(&mut self) -> Token {
        let start = self.position;
        let mut from = start;
        while let Some(found) = find_near(b'<', &self.html[from..]) {
            let less_than = from + found;
            if self.begins_markup(less_than) {
                self.position = less_than;
                return Token::Text(start..less_than);
            }
            from = less_than + 1;
        }
        self.position = self.html.len();
        Token::Text(start..self.position)
    }

    /// Does this `<` begin markup? At the end it may become the start of a tag.
    #[inline(always)]
    fn begins_markup(&self, less_than: usize) -> bool {
        let next = self.html.get(less_than + 1);
        next.is_none_or(|octet| octet.is_ascii_alphabetic() || matches!(octet, b'!' | b'/' | b'?'))
    }

    /// What stands at a `<` and is no tag.
    #[inline(never)]
    fn other_markup(&mut self) -> Option<Token> {
        let start = self.position;
        match &self.html[start + 1..] {
            [b'/'] | [] => self.cut_off(start, Unfinished::Tag),
            [b'!', rest @ ..] => self.declaration(rest),
            [b'/' | b'?', ..] => self.bogus_comment(),
            _ => Some(self.text()),
        }
    }

    /// 13.2.5.42: `<!` and what follows it.
    fn declaration(&mut self, rest: &'a [u8]) -> Option<Token> {
        if rest.starts_with(b"--") {
            return self.comment();
        }
        if rest.len() >= 7 && rest[..7].eq_ignore_ascii_case(b"doctype") {
            return self.until_greater_than(Token::Doctype);
        }
        // 13.2.5.42: CDATA is a comment in HTML and text elsewhere.
        if rest.starts_with(b"[CDATA[") && self.foreign.namespace() != Namespace::Html {
            return self.cdata();
        }
        self.bogus_comment()
    }

    /// 13.2.5.43-52: a comment ends at `-->` or `--!>`; `<!-->` and `<!--->` are whole.
    fn comment(&mut self) -> Option<Token> {
        let start = self.position;
        let text = start + 4;
        for found in memchr_iter(b'>', &self.html[text..]) {
            let content = &self.html[text..text + found];
            let is_end = matches!(content, b"" | b"-")
                || content.ends_with(b"--")
                || content.ends_with(b"--!");
            if is_end {
                self.position = text + found + 1;
                return Some(Token::Comment(start..self.position));
            }
        }
        self.cut_off(start, Unfinished::Comment)
    }

    /// 13.2.5.41.
    fn bogus_comment(&mut self) -> Option<Token> {
        self.until_greater_than(Token::Comment)
    }

    fn until_greater_than(&mut self, token: fn(Range<usize>) -> Token) -> Option<Token> {
        let start = self.position;
        match memchr(b'>', &self.html[start..]) {
            Some(found) => {
                self.position = start + found + 1;
                Some(token(start..self.position))
            }
            None => self.cut_off(start, Unfinished::Comment),
        }
    }

    /// 13.2.5.69.
    fn cdata(&mut self) -> Option<Token> {
        let start = self.position;
        for found in memchr_iter(b'>', &self.html[start..]) {
            if self.html[start..start + found].ends_with(b"]]") && found >= 11 {
                self.position = start + found + 1;
                return Some(Token::Text(start..self.position));
            }
        }
        self.cut_off(start, Unfinished::Comment)
    }

    #[inline(always)]
    fn start_tag(&mut self) -> Option<Token> {
        let start = self.position;
        let Some(mut tag) = tag::read(self.html, start) else {
            return self.cut_off(start, Unfinished::Tag);
        };
        self.position = tag.range.end;
        tag.namespace = self.foreign.enter(self.html, &tag);
        if tag.namespace == Namespace::Html {
            self.raw_text = RawText::of(tag.element, start);
        }
        Some(Token::StartTag(tag))
    }

    #[inline(always)]
    fn end_tag(&mut self) -> Option<Token> {
        let start = self.position;
        let Some(mut tag) = tag::read(self.html, start) else {
            return self.cut_off(start, Unfinished::Tag);
        };
        self.position = tag.range.end;
        tag.namespace = self.foreign.leave(tag.element);
        Some(Token::EndTag(tag))
    }

    /// Raw text up to the end tag of its element, if there is any.
    #[inline(never)]
    fn raw_text(&mut self, raw_text: RawText) -> Option<Token> {
        let start = self.position;
        let content_len = raw_text.len(&self.html[start..]);
        let end = content_len.map_or(self.html.len(), |len| start + len);
        // An end tag that is itself cut off ends nothing.
        let is_ended = content_len.is_some() && tag::read(self.html, end).is_some();
        if is_ended {
            self.position = end;
            return (start < end).then_some(Token::Text(start..end));
        }
        self.cut_off(raw_text.start, Unfinished::RawText);
        (start < self.html.len()).then_some(Token::Text(start..self.html.len()))
    }
}

impl Iterator for Tokenizer<'_> {
    type Item = Token;

    #[inline]
    fn next(&mut self) -> Option<Token> {
        let mut next = None;
        self.step(&mut next);
        next
    }
}

/// What takes tokens one after the other.
pub trait TokenSink {
    /// Takes the next token. `open_foreign` is where SVG or MathML that is open behind it
    /// starts.
    fn take(&mut self, token: Token, open_foreign: Option<usize>);
}

/// The last token that was given.
impl TokenSink for Option<Token> {
    #[inline(always)]
    fn take(&mut self, token: Token, _: Option<usize>) {
        *self = Some(token);
    }
}
