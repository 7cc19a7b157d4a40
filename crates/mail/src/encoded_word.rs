//! Encoded words (RFC 2047): the text of a header field as a reader sees it. A value
//! comes in unfolded, text goes out; what does not decode stays as it stands.

use crate::message::{content_type::TransferEncoding, encoding};
use encoding_rs::Encoding;
use memchr::memmem;
use std::borrow::Cow;

/// How far the end of a word is looked for. RFC 2047 §2 has words of 75 octets; there are
/// longer ones, but none that leaves its line (RFC 5322 §2.1.1).
const CONTENT_MAX: usize = 998;

/// The text of a value. Octets that are no UTF-8, which no standard allows here, are
/// taken for windows-1252, as mail clients do.
pub fn decode(value: &[u8]) -> String {
    let text = raw_text(value);
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(start) = rest.find("=?") {
        let (before, from) = rest.split_at(start);
        match decode_word(from) {
            Some((word, end)) => {
                // RFC 2047 §6.2: white space between two encoded words is not shown.
                let is_between_words = !decoded.is_empty() && rest.len() < text.len();
                if !(is_between_words && before.bytes().all(|octet| octet.is_ascii_whitespace())) {
                    decoded.push_str(before);
                }
                decoded.push_str(&word);
                rest = &from[end..];
            }
            None => {
                decoded.push_str(before);
                decoded.push_str("=?");
                rest = &from[2..];
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

fn raw_text(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(value).0,
    }
}

/// The text of the encoded word that `from` starts with, and where the word ends.
fn decode_word(from: &str) -> Option<(String, usize)> {
    let (charset, rest) = from.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let content_len = memmem::find(&rest.as_bytes()[..rest.len().min(CONTENT_MAX)], b"?=")?;
    let (content, behind) = (&rest[..content_len], &rest[content_len + 2..]);
    if content.contains(['?', ' ', '\t']) {
        return None;
    }
    // RFC 2231 §5: a language may stand behind the charset.
    let charset = charset.split('*').next()?;
    let octets = match encoding {
        "B" | "b" => encoding::decode(content.as_bytes(), TransferEncoding::Base64),
        "Q" | "q" => {
            let spaced = content.replace('_', " ");
            // A space at the end of a line is no content in quoted-printable.
            let kept = spaced.trim_end_matches(' ');
            let spaces = &spaced[kept.len()..];
            encoding::decode(kept.as_bytes(), TransferEncoding::QuotedPrintable)
                .map(|octets| Cow::Owned([&octets, spaces.as_bytes()].concat()))
        }
        _ => return None,
    };
    let octets = octets.ok()?.into_owned();
    let (text, _) = Encoding::for_label(charset.as_bytes())?.decode_without_bom_handling(&octets);
    Some((text.into_owned(), from.len() - behind.len()))
}

#[cfg(test)]
mod tests;
