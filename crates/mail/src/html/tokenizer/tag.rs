//! Tags and their attributes (HTML standard, 13.2.5.6 to 13.2.5.40).

use super::Namespace;
use memchr::memchr;
use std::ops::Range;

/// How many attributes of one tag are told. The others are read, but nobody looks
/// for them there, and a list of millions would take more memory than the message.
const ATTRIBUTES_MAX: usize = 256;

/// A tag. Names are as they stand, in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// All of it, from `<` to `>`.
    pub range: Range<usize>,
    /// The element's name.
    pub name: Range<usize>,
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

/// Reads the tag that starts at `start`, if it is not cut off by the end.
pub(super) fn read(html: &[u8], start: usize, attributes: &mut Vec<Attribute>) -> Option<Tag> {
    attributes.clear();
    let name_start = start + 1 + usize::from(html[start + 1] == b'/');
    let name =
        name_start..find(html, name_start, |octet| is_space(octet) || is_slash_or_end(octet))?;
    let mut position = name.end;
    loop {
        // 13.2.5.32: before an attribute name.
        position = find(html, position, |octet| !is_space(octet) && octet != b'/')?;
        if html[position] == b'>' {
            // 13.2.5.40: white space between `/` and `>` undoes the self-closing.
            let is_self_closing = html[position - 1] == b'/' && position > name.end;
            let range = start..position + 1;
            return Some(Tag { range, name, is_self_closing, namespace: Namespace::Html });
        }
        let attribute = read_attribute(html, position)?;
        let is_quoted = matches!(attribute.quote, Quote::Single | Quote::Double);
        position = attribute.value.end + usize::from(is_quoted);
        // An unquoted value may end in `/`, which closes nothing.
        let is_unquoted = attribute.quote == Quote::Unquoted;
        if attributes.len() < ATTRIBUTES_MAX {
            attributes.push(attribute);
        }
        if is_unquoted && html.get(position) == Some(&b'>') {
            let range = start..position + 1;
            return Some(Tag { range, name, is_self_closing: false, namespace: Namespace::Html });
        }
    }
}

/// 13.2.5.33-38: the attribute whose name starts here. A `=` that comes first is the
/// start of a name.
fn read_attribute(html: &[u8], start: usize) -> Option<Attribute> {
    let is_end = |octet| is_space(octet) || is_slash_or_end(octet) || octet == b'=';
    let name = start..find(html, start + 1, is_end)?;
    let behind = find(html, name.end, |octet| !is_space(octet))?;
    if html[behind] != b'=' {
        return Some(Attribute { value: name.end..name.end, name, quote: Quote::NoValue });
    }
    let value_start = find(html, behind + 1, |octet| !is_space(octet))?;
    let (value, quote) = match html[value_start] {
        quote @ (b'"' | b'\'') => {
            let start = value_start + 1;
            let end = start + memchr(quote, &html[start..])?;
            (start..end, if quote == b'"' { Quote::Double } else { Quote::Single })
        }
        b'>' => (value_start..value_start, Quote::Unquoted),
        _ => {
            let end = find(html, value_start, |octet| is_space(octet) || octet == b'>')?;
            (value_start..end, Quote::Unquoted)
        }
    };
    Some(Attribute { name, value, quote })
}

fn find(html: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    html.get(from..)?.iter().position(|octet| wanted(*octet)).map(|found| from + found)
}

fn is_slash_or_end(octet: u8) -> bool {
    matches!(octet, b'/' | b'>')
}

/// White space between attributes. CR counts, since the input stream makes it a LF
/// (13.2.3.5).
pub(super) fn is_space(octet: u8) -> bool {
    matches!(octet, b'\t' | b'\n' | b'\x0C' | b'\r' | b' ')
}
