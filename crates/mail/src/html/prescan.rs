//! The charset that HTML says it is in (HTML standard, 13.2.3.2, "prescan a byte stream
//! to determine its encoding"). It is looked for before anything is known of the HTML,
//! so titles and scripts are no text here. Octets come in, a label goes out; what it
//! stands for is not judged.

use super::tokenizer::{Attributes, is_space};
use memchr::{memchr, memchr_iter};

#[cfg(test)]
mod tests;

/// How far a declaration is looked for, in octets. Senders have to put it there.
const OCTETS_MAX: usize = 1024;

/// The label of the charset that HTML declares: the first in a `meta` tag that lies in
/// its first 1024 octets, trimmed. `None` if there is none, or an empty one.
pub fn charset_label(html: &[u8]) -> Option<&[u8]> {
    let html = &html[..html.len().min(OCTETS_MAX)];
    let mut position = 0;
    while let Some(found) = memchr(b'<', &html[position..]) {
        let start = position + found;
        position = match &html[start + 1..] {
            [b'!', b'-', b'-', ..] => comment_end(html, start)?,
            [b'!' | b'?', ..] => start + memchr(b'>', &html[start..])?,
            [b'/', first, ..] | [first, ..] if first.is_ascii_alphabetic() => {
                let is_end = |octet: &u8| is_space(*octet) || *octet == b'>';
                let name = start + html[start..].iter().position(is_end)?;
                let meta = meta_name_len(&html[start + 1..]).map(|len| start + 1 + len);
                let attributes = Attributes::behind(html, meta.unwrap_or(name));
                let end = attributes.clone().tag_end()?;
                if let Some(label) = meta.and_then(|_| label_of_meta(html, attributes)) {
                    return Some(label);
                }
                end
            }
            [b'/', ..] => start + memchr(b'>', &html[start..])?,
            _ => start + 1,
        };
    }
    None
}

/// Where a comment ends that starts here. Its two hyphens may be those of its end.
fn comment_end(html: &[u8], start: usize) -> Option<usize> {
    let text = start + 4;
    memchr_iter(b'>', &html[text..]).map(|at| text + at).find(|end| html[..*end].ends_with(b"--"))
}

/// How long the name is, if this is a `meta` tag behind its `<`.
fn meta_name_len(tag: &[u8]) -> Option<usize> {
    let (name, rest) = tag.split_at_checked(4)?;
    let is_end = |octet: &u8| is_space(*octet) || *octet == b'/';
    (name.eq_ignore_ascii_case(b"meta") && rest.first().is_some_and(is_end)).then_some(4)
}

/// The label in the attributes of a `meta` tag: `charset`, or `content` where
/// `http-equiv` says that it is a Content-Type. The first of a name counts.
fn label_of_meta<'h>(html: &'h [u8], attributes: Attributes<'_>) -> Option<&'h [u8]> {
    let (mut charset, mut content, mut http_equiv) = (None, None, None);
    for attribute in attributes {
        let kept = match html[attribute.name].to_ascii_lowercase().as_slice() {
            b"charset" => &mut charset,
            b"content" => &mut content,
            b"http-equiv" => &mut http_equiv,
            _ => continue,
        };
        kept.get_or_insert(&html[attribute.value]);
    }
    let is_pragma = http_equiv.is_some_and(|value| value.eq_ignore_ascii_case(b"content-type"));
    let label = charset.or_else(|| label_in(content.filter(|_| is_pragma)?));
    label.map(<[u8]>::trim_ascii).filter(|label| !label.is_empty())
}

/// The label in the value of a Content-Type (in the standard "extracting a character
/// encoding from a `meta` element").
fn label_in(mut content: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"charset";
    loop {
        let is_name = |octets: &[u8]| octets.eq_ignore_ascii_case(NAME);
        let name = content.windows(NAME.len()).position(is_name)?;
        content = content[name + NAME.len()..].trim_ascii_start();
        let Some(value) = content.strip_prefix(b"=") else { continue };
        let value = value.trim_ascii_start();
        return match value.split_first()? {
            (quote @ (b'"' | b'\''), rest) => memchr(*quote, rest).map(|end| &rest[..end]),
            _ => {
                let is_end = |octet: &u8| is_space(*octet) || *octet == b';';
                Some(&value[..value.iter().position(is_end).unwrap_or(value.len())])
            }
        };
    }
}
