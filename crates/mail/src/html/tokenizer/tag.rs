//! Tags and their attributes (HTML standard, 13.2.5.6 to 13.2.5.40).

use super::{Element, Namespace, element::NameReader};
use crate::{marks::find_near, word::Word};
use std::ops::Range;
use wide::u8x16;

/// A tag. Names are as they stand, in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// All of it, from `<` to `>`.
    pub range: Range<usize>,
    /// The element's name.
    pub name: Range<usize>,
    /// The element of this name.
    pub element: Element,
    /// Does it end in `/>`? In HTML elements that means nothing.
    pub is_self_closing: bool,
    /// What its element belongs to.
    pub namespace: Namespace,
}

impl Tag {
    /// Is this its name? It is given in lower case.
    pub fn is(&self, html: &[u8], name: &str) -> bool {
        html[self.name.clone()].eq_ignore_ascii_case(name.as_bytes())
    }

    /// Its attributes, in order, with any duplicates. Those of an end tag do not count.
    pub fn attributes<'a>(&self, html: &'a [u8]) -> Attributes<'a> {
        Attributes { html, position: self.name.end }
    }
}

/// An attribute of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name, as it stands.
    pub name: Range<usize>,
    /// Its value without quotes; empty behind the name if there is none.
    pub value: Range<usize>,
    /// What stands around the value.
    pub quote: Quote,
}

/// What stands around the value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quote {
    /// There is no value: `<a href>`.
    NoValue,
    /// Nothing: `<a href=x>`.
    Unquoted,
    /// `'`.
    Single,
    /// `"`.
    Double,
}

/// Gives the attributes of a tag.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    html: &'a [u8],
    position: usize,
}

impl<'a> Attributes<'a> {
    /// Those of a tag that is read from here on, behind its name.
    pub(in crate::html) fn behind(html: &'a [u8], position: usize) -> Self {
        Self { html, position }
    }

    /// Where the `>` stands behind those that are left, if the tag is not cut off.
    pub(in crate::html) fn tag_end(self) -> Option<usize> {
        let mut position = self.position;
        loop {
            match next(self.html, position)? {
                Next::Attribute(_, end) => position = end,
                Next::End(end) => return Some(end),
            }
        }
    }
}

impl Iterator for Attributes<'_> {
    type Item = Attribute;

    #[inline(always)]
    fn next(&mut self) -> Option<Attribute> {
        match next(self.html, self.position)? {
            Next::Attribute(attribute, position) => {
                self.position = position;
                Some(attribute)
            }
            Next::End(_) => None,
        }
    }
}

/// What stands next in a tag.
enum Next {
    /// An attribute, and where it ends.
    Attribute(Attribute, usize),
    /// The `>`, and where it stands.
    End(usize),
}

/// Reads the tag that starts at `start`, if it is not cut off by the end.
#[inline(always)]
pub(super) fn read(html: &[u8], start: usize) -> Option<Tag> {
    let name_start = start + 1 + usize::from(html[start + 1] == b'/');
    let mut reader = NameReader::default();
    let mut position = name_start;
    if let Some(word) = Word::at(html, name_start) {
        let len = word.name_len();
        reader.begin(len, word.lower_case(len));
        position += len;
    }
    let behind = loop {
        let octet = *html.get(position)?;
        if is(octet, SPACE | SLASH | GREATER_THAN) {
            break octet;
        }
        reader.take(octet);
        position += 1;
    };
    let name = name_start..position;
    let tag = |end: usize, is_self_closing| Tag {
        range: start..end + 1,
        name,
        element: reader.element(),
        is_self_closing,
        namespace: Namespace::Html,
    };
    // Most tags have no attributes.
    if behind == b'>' {
        return Some(tag(position, false));
    }
    // An unquoted value may end in `/`, which closes nothing.
    let mut value_end = position;
    loop {
        match next(html, position)? {
            Next::Attribute(attribute, end) => {
                position = end;
                if attribute.quote == Quote::Unquoted {
                    value_end = end;
                }
            }
            Next::End(end) => {
                // 13.2.5.40: white space between `/` and `>` undoes the self-closing.
                let is_self_closing = html[end - 1] == b'/' && end > value_end;
                return Some(tag(end, is_self_closing));
            }
        }
    }
}

/// What stands at this position of a tag or behind it (13.2.5.32 to 13.2.5.39).
#[inline(always)]
fn next(html: &[u8], position: usize) -> Option<Next> {
    match usual(html, position) {
        Some((attribute, end)) => Some(Next::Attribute(attribute, end)),
        None => general(html, position),
    }
}

/// What stands here, whatever it is.
#[inline(always)]
fn general(html: &[u8], position: usize) -> Option<Next> {
    let start = pass(html, position, SPACE | SLASH)?;
    if html[start] == b'>' {
        return Some(Next::End(start));
    }
    // A `=` that comes first is the start of a name.
    let name = start..find(html, start + 1, SPACE | SLASH | GREATER_THAN | EQUALS)?;
    // Mostly there is no space around the sign.
    let behind = if html[name.end] == b'=' { name.end } else { pass(html, name.end, SPACE)? };
    if html[behind] != b'=' {
        let end = name.end;
        return Some(Next::Attribute(
            Attribute { name, value: end..end, quote: Quote::NoValue },
            end,
        ));
    }
    let value_start = match html.get(behind + 1)? {
        b'"' => behind + 1,
        _ => pass(html, behind + 1, SPACE)?,
    };
    let (value, quote, end) = match html[value_start] {
        quote @ (b'"' | b'\'') => {
            let start = value_start + 1;
            let end = start + find_near(quote, &html[start..])?;
            let quote = if quote == b'"' { Quote::Double } else { Quote::Single };
            (start..end, quote, end + 1)
        }
        b'>' => (value_start..value_start, Quote::Unquoted, value_start),
        _ => {
            let end = find(html, value_start, SPACE | GREATER_THAN)?;
            (value_start..end, Quote::Unquoted, end)
        }
    };
    Some(Next::Attribute(Attribute { name, value, quote }, end))
}

/// The attribute that stands here and where it ends, if it is like nearly all in mail: behind
/// one space, with a short name and a value in double quotes. It is told by looking at the
/// octets of its name at once.
#[inline(always)]
fn usual(html: &[u8], position: usize) -> Option<(Attribute, usize)> {
    let [b' ', rest @ ..] = html.get(position..)? else { return None };
    let octets = u8x16::new(*rest.first_chunk()?);
    let is = |octet| octets.simd_eq(u8x16::splat(octet));
    // Every octet that may end a name, and control characters, which seldom stand in one.
    let ends = octets.min(u8x16::splat(b' ')).simd_eq(octets) | is(b'/') | is(b'=') | is(b'>');
    let len = ends.to_bitmask().trailing_zeros() as usize;
    // A `=` that comes first is the start of a name.
    if len == 0 || len >= u8x16::LANES as usize {
        return None;
    }
    let [b'=', b'"', value @ ..] = &rest[len..] else { return None };
    let value_len = find_near(b'"', value)?;
    let name = position + 1..position + 1 + len;
    let value = name.end + 2..name.end + 2 + value_len;
    let end = value.end + 1;
    Some((Attribute { name, value, quote: Quote::Double }, end))
}

/// Classes of octets in tags. White space: CR counts, since the input stream makes it a
/// LF (13.2.3.5).
const SPACE: u8 = 1;
const SLASH: u8 = 2;
const GREATER_THAN: u8 = 4;
const EQUALS: u8 = 8;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    classes[b'\t' as usize] = SPACE;
    classes[b'\n' as usize] = SPACE;
    classes[b'\x0C' as usize] = SPACE;
    classes[b'\r' as usize] = SPACE;
    classes[b' ' as usize] = SPACE;
    classes[b'/' as usize] = SLASH;
    classes[b'>' as usize] = GREATER_THAN;
    classes[b'=' as usize] = EQUALS;
    classes
};

fn is(octet: u8, classes: u8) -> bool {
    CLASSES[usize::from(octet)] & classes != 0
}

/// Where the next octet of these classes stands.
fn find(html: &[u8], mut from: usize, classes: u8) -> Option<usize> {
    if let Some(word) = Word::at(html, from) {
        from += word.name_len();
    }
    let found = html.get(from..)?.iter().position(|octet| is(*octet, classes))?;
    Some(from + found)
}

/// Where the next octet of none of these classes stands.
fn pass(html: &[u8], from: usize, classes: u8) -> Option<usize> {
    let found = html.get(from..)?.iter().position(|octet| !is(*octet, classes))?;
    Some(from + found)
}

/// Is it white space between attributes?
pub(in crate::html) fn is_space(octet: u8) -> bool {
    is(octet, SPACE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn usual_attribute_is_read_as_any(html in "( |\t|/|=|\"|'|>|\x01|a|é|style=\"|href = |data-msys-linkname){0,24} {16}") {
            for position in 0..html.len() {
                let Some(usual) = usual(html.as_bytes(), position) else { continue };
                let Some(Next::Attribute(attribute, end)) = general(html.as_bytes(), position) else {
                    panic!("{usual:?} at {position}");
                };
                prop_assert_eq!((attribute, end), usual);
            }
        }
    }

    #[test]
    fn long_names_are_not_usual() {
        for len in 1..40 {
            let html = format!(" {}=\"x\"{}", "n".repeat(len), " ".repeat(20));
            assert_eq!(usual(html.as_bytes(), 0).is_some(), len < 16, "{len}");
        }
    }
}
