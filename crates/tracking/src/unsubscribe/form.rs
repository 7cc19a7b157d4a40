//! What is posted to unsubscribe (RFC 8058 §3.2): the form `List-Unsubscribe=One-Click`, in
//! either encoding, and nothing else.

use super::field::is_one_click;
use mail::message::{
    content_type::ContentType,
    encoding::Decoded,
    part::{PartTree, split},
};

#[cfg(test)]
mod tests;

/// The one key of the form.
const KEY: &str = "List-Unsubscribe";

/// The one value of it.
const VALUE: &str = "One-Click";

/// Is the body of a request with this Content-Type that form? A request that does not tell
/// its type is taken for `application/x-www-form-urlencoded`.
pub fn is_form(content_type: Option<&[u8]>, body: &[u8]) -> bool {
    let Some(value) = content_type else { return is_urlencoded(body) };
    let content_type = ContentType::parse(value);
    match &*content_type.essence {
        "application/x-www-form-urlencoded" => is_urlencoded(body),
        "multipart/form-data" => is_multipart(value, body),
        _ => false,
    }
}

/// URL Standard §5.1. The form needs no percent-encoding, but for its `=` and `-` some
/// clients have it.
fn is_urlencoded(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    let decoded = |octets: &[u8]| percent_decoded(octets).unwrap_or_default();
    let mut halves = body.splitn(2, |octet| *octet == b'=');
    let (key, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    is_one_click(&[&decoded(key)[..], b"=", &decoded(value)].concat())
}

fn percent_decoded(octets: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((octet, after)) = rest.split_first() {
        rest = after;
        if *octet != b'%' {
            decoded.push(*octet);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<2>()?;
        let digit = |octet: u8| char::from(octet).to_digit(16);
        let code = digit(digits[0])? * 16 + digit(digits[1])?;
        decoded.push(u8::try_from(code).ok()?);
        rest = after;
    }
    Some(decoded)
}

/// RFC 7578: a multipart of one part, which has the key as its name.
fn is_multipart(content_type: &[u8], body: &[u8]) -> bool {
    if content_type.contains(&b'\n') {
        return false;
    }
    // A form is a message with the header of its request.
    let message = [b"Content-Type: ", content_type, b"\r\n\r\n", body].concat();
    split(&message).is_ok_and(|tree| is_form_of(&message, &tree))
}

fn is_form_of(message: &[u8], tree: &PartTree) -> bool {
    let [_, part] = tree.parts() else { return false };
    let is_field = part.content.disposition.as_ref().is_some_and(|disposition| {
        disposition.essence == "form-data" && disposition.has("name", KEY)
    });
    let content = Decoded::new(&message[part.body.clone()], part.content.encoding);
    let is_value = |content: &[u8]| content.trim_ascii().eq_ignore_ascii_case(VALUE.as_bytes());
    is_field && !part.content.is_ambiguous && content.is_ok_and(|body| is_value(body.content()))
}
