//! Finds the URLs in plain text that mail clients make links of: http and https only,
//! with the ends that a reader expects (RFC 3986 appendix C). `https+notrack`, by which
//! senders tell a tracker to keep off, counts as https. Ranges of the octets go out;
//! nothing is decoded or judged.

use super::charset::Charset;
use memchr::memmem;
use std::ops::Range;

#[cfg(test)]
mod tests;

const NOTRACK: &[u8] = b"+notrack";

/// Gives the URLs of a text, in order. The cost is linear in the text.
#[derive(Debug, Clone)]
pub struct Urls<'a> {
    text: &'a [u8],
    charset: Charset,
    position: usize,
    /// Up to where it is known which octets begin a character.
    char_start: usize,
}

impl<'a> Urls<'a> {
    /// Looks for URLs in a text of this charset.
    pub fn new(text: &'a [u8], charset: Charset) -> Self {
        Self { text, charset, position: 0, char_start: 0 }
    }

    /// Where the scheme starts that ends before this `://`, if it is one of ours and
    /// not the end of a longer word.
    fn scheme_start(&mut self, colon: usize) -> Option<usize> {
        let before = &self.text[self.position..colon];
        let word = before.len().saturating_sub(NOTRACK.len());
        let has_word = before[word..].eq_ignore_ascii_case(NOTRACK);
        let (before, colon) = match has_word {
            true => (&before[..word], colon - NOTRACK.len()),
            false => (before, colon),
        };
        let len = [5, 4].into_iter().find(|&len| {
            before.len() >= len
                && before[before.len() - len..].eq_ignore_ascii_case(&b"https"[..len])
        })?;
        let start = colon - len;
        self.is_word_start(start).then_some(start)
    }

    /// Is the octet here a character of its own, and not in the middle of a word? In
    /// some charsets an ASCII octet may be the second half of a character.
    fn is_word_start(&mut self, start: usize) -> bool {
        let mut is_word = start.checked_sub(1).is_some_and(|before| {
            let octet = self.text[before];
            octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'.' | b'-' | b'_')
        });
        if self.charset.has_ascii_trails() {
            while self.char_start < start {
                let len = self.charset.first_char(&self.text[self.char_start..]).1;
                is_word &= len == 1;
                self.char_start += len;
            }
        }
        !is_word && (self.char_start == start || !self.charset.has_ascii_trails())
    }
}

impl Iterator for Urls<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let found = memmem::find(&self.text[self.position..], b"://")?;
            let colon = self.position + found;
            let url = self
                .scheme_start(colon)
                .map(|start| start..url_end(self.text, start, colon + 3, self.charset));
            self.position = colon + 3;
            if let Some(url) = url.filter(|url| url.end > colon + 3) {
                self.position = url.end;
                return Some(url);
            }
        }
    }
}

/// Where a URL ends that starts here. `rest` is behind its `://`.
fn url_end(text: &[u8], start: usize, rest: usize, charset: Charset) -> usize {
    let mut end = rest;
    let mut punctuation = None;
    // Behind the last character that is not ASCII, whose octets may look like ASCII.
    let mut ascii_start = rest;
    // Up to where it is known that a host goes on.
    let mut host_end = rest;
    while end < text.len() && !is_delimiter(text[end]) {
        if text[end].is_ascii() {
            end += 1;
            continue;
        }
        let (character, len) = charset.first_char(&text[end..]);
        // An IRI (RFC 3987) goes on over letters of any script, and ends at a mark. What is
        // no text may be either, so it stays in the URL, which nobody can decode then.
        let mut is_in_url = |character| {
            let is_behind_letter = ascii_start == end && end > rest;
            if is_symbol(character) && host_end <= end && is_in_host(&text[rest..end]) {
                host_end = end + host_len(&text[end..], charset);
            }
            is_letter_or_mark(character)
                || end < host_end
                || is_joiner(character)
                    && is_behind_letter
                    && begins_with_letter(&text[end + len..], charset)
        };
        if punctuation.is_none() && !character.is_none_or(&mut is_in_url) {
            punctuation = Some(end);
            if !is_bracketed(text, start) {
                break;
            }
        }
        end += len;
        if punctuation.is_none() {
            ascii_start = end;
        }
    }
    if is_bracketed(text, start) && text.get(end) == Some(&b'>') {
        return end;
    }
    rest + trimmed_len(&text[rest..punctuation.unwrap_or(end)], ascii_start - rest)
}

/// Is what stands here behind a `://` still the host?
fn is_in_host(url: &[u8]) -> bool {
    !url.iter().any(|octet| matches!(octet, b'/' | b'?' | b'#'))
}

/// How long a host goes on from here, with a symbol in it; 0 if nothing more of a host
/// follows the symbol, as after one that decorates a URL.
fn host_len(text: &[u8], charset: Charset) -> usize {
    let is_host = |character: char| match character.is_ascii() {
        true => character.is_ascii_alphanumeric() || matches!(character, '.' | '-'),
        false => is_letter_or_mark(character) || is_joiner(character) || is_symbol(character),
    };
    let mut end = 0;
    while let (Some(character), len) = charset.first_char(&text[end..])
        && is_host(character)
    {
        end += len;
    }
    let is_label = |pair: &[u8]| pair[0] == b'.' && !matches!(pair[1], b'.' | b'-');
    if text[..end].windows(2).any(is_label) { end } else { 0 }
}

/// Does a symbol such as an emoji stand in the host of this URL? IDNA allows none (RFC
/// 5892), but some registries sell them, and readers differ in where such a URL ends.
pub fn has_symbol_in_host(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains(is_symbol))
}

fn is_symbol(character: char) -> bool {
    matches!(character, '\u{2190}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}')
}

fn begins_with_letter(text: &[u8], charset: Charset) -> bool {
    let is_letter = |character: char| !character.is_ascii() && is_letter_or_mark(character);
    charset.first_char(text).0.is_some_and(is_letter)
}

/// Does `<` or `<URL:` stand before it? Then the URL goes up to the `>`.
fn is_bracketed(text: &[u8], start: usize) -> bool {
    let before = &text[..start];
    let prefix = &before[before.len().saturating_sub(5)..];
    before.ends_with(b"<") || prefix.eq_ignore_ascii_case(b"<URL:")
}

/// Do angle brackets hold more of this URL, on the next lines? RFC 3986 appendix C joins
/// them again, and most readers do not.
pub fn goes_over_lines(text: &[u8], url: &Range<usize>) -> bool {
    if !is_bracketed(text, url.start) {
        return false;
    }
    let pass = |from: usize, is_passed: fn(u8) -> bool| {
        let end = text[from..].iter().position(|octet| !is_passed(*octet));
        end.map_or(text.len(), |end| from + end)
    };
    let is_blank = |octet| matches!(octet, b' ' | b'\t');
    // Punctuation at the end of a line was taken for that of a sentence.
    let mut line_end = pass(pass(url.end, |octet| !is_delimiter(octet)), is_blank);
    while matches!(text.get(line_end), Some(b'\r' | b'\n')) {
        let word = pass(line_end, |octet| matches!(octet, b'\r' | b'\n'));
        // A quoted line begins with its marks.
        let word = pass(word, |octet| matches!(octet, b' ' | b'\t' | b'>'));
        let word_end = pass(word, |octet| !is_delimiter(octet));
        if word_end == word {
            return false;
        }
        if text.get(word_end) == Some(&b'>') {
            return true;
        }
        line_end = pass(word_end, is_blank);
    }
    false
}

fn is_delimiter(octet: u8) -> bool {
    octet <= b' ' || matches!(octet, b'<' | b'>' | b'"' | 0x7F)
}

/// Zero width non-joiner and joiner, which stand between letters of one word (RFC 5892
/// appendix A). At its end they are no part of it.
fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200C}' | '\u{200D}')
}

/// What a word may be made of, also where it has accents of its own.
fn is_letter_or_mark(character: char) -> bool {
    character.is_alphanumeric() || is_combining(character)
}

/// The combining marks that are not alphabetic, in the blocks that hold most of them.
fn is_combining(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05BD}'
        | '\u{064B}'..='\u{065F}' | '\u{093C}' | '\u{094D}' | '\u{09BC}' | '\u{09CD}'
        | '\u{0A3C}' | '\u{0A4D}' | '\u{0ACD}' | '\u{0B4D}' | '\u{0BCD}' | '\u{0C4D}'
        | '\u{0CCD}' | '\u{0D4D}' | '\u{0DCA}' | '\u{0E38}'..='\u{0E3A}'
        | '\u{0E47}'..='\u{0E4E}' | '\u{0EC8}'..='\u{0ECD}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20F0}' | '\u{3099}' | '\u{309A}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FE20}'..='\u{FE2F}')
}

/// How much is left without the punctuation of the sentence around the URL, and without
/// closing brackets that were not opened in it. At least `kept` octets stay.
fn trimmed_len(rest: &[u8], kept: usize) -> usize {
    let count = |wanted: u8| memchr::memchr_iter(wanted, rest).count();
    let mut surplus: Option<[isize; 3]> = None;
    let mut len = rest.len();
    while len > kept {
        let last = len - 1;
        let bracket = match rest[last] {
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'"' | b'*' | b'_' | b'~' | b'`'
            | b'|' | b'\\' | b'^' => {
                len = last;
                continue;
            }
            b')' => 0,
            b']' => 1,
            b'}' => 2,
            _ => break,
        };
        let surplus = surplus.get_or_insert_with(|| {
            [(b'(', b')'), (b'[', b']'), (b'{', b'}')]
                .map(|(open, close)| count(close).cast_signed() - count(open).cast_signed())
        });
        if surplus[bracket] <= 0 {
            break;
        }
        surplus[bracket] -= 1;
        len = last;
    }
    len
}
