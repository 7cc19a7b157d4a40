//! Attribute values: what the character references in them stand for, and how a value
//! is written back.

use super::entities::ENTITIES;
use crate::marks::marks;
use memchr::{memchr, memchr3};
use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// The longest name of a character reference, with its semicolon.
const NAME_MAX: usize = 32;

/// Decodes the character references of an attribute value (HTML standard, 13.2.5.72
/// and the states behind it). What is no reference stays as it is.
pub fn decode(value: &str) -> Cow<'_, str> {
    let Some(first) = memchr(b'&', value.as_bytes()) else { return Cow::Borrowed(value) };
    let mut decoded = String::with_capacity(value.len());
    let mut rest = value;
    let mut next = Some(first);
    while let Some(ampersand) = next {
        decoded.push_str(&rest[..ampersand]);
        rest = &rest[ampersand + 1..];
        let reference = match rest.strip_prefix('#') {
            Some(number) => numeric(number).map(|(character, len)| {
                decoded.push(character);
                len + 1
            }),
            None => named(rest).map(|(text, len)| {
                decoded.push_str(text);
                len
            }),
        };
        match reference {
            Some(len) => rest = &rest[len..],
            None => decoded.push('&'),
        }
        next = memchr(b'&', rest.as_bytes());
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// A named reference: the longest name that fits. 13.2.5.73: in an attribute, a name
/// without semicolon is none when `=` or an alphanumeric follows.
fn named(text: &str) -> Option<(&'static str, usize)> {
    // By far the most in mail, and the only one that is usual in a URL.
    if text.starts_with("amp;") {
        return Some(("&", 4));
    }
    let octets = &text.as_bytes()[..text.len().min(NAME_MAX)];
    let run = octets.iter().take_while(|octet| octet.is_ascii_alphanumeric()).count();
    let longest = run + usize::from(octets.get(run) == Some(&b';'));
    let found = (2..=longest).rev().find_map(|len| {
        let at = ENTITIES.binary_search_by_key(&&text[..len], |(name, _)| name).ok()?;
        Some((ENTITIES[at].1, len))
    });
    found.filter(|&(_, len)| {
        let follows = text.as_bytes().get(len);
        let is_open = |octet: &u8| *octet == b'=' || octet.is_ascii_alphanumeric();
        text[..len].ends_with(';') || !follows.is_some_and(is_open)
    })
}

/// A numeric reference behind its `#`, with or without semicolon (13.2.5.75-80).
fn numeric(text: &str) -> Option<(char, usize)> {
    let (digits, radix, mut len) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16, 1),
        None => (text, 10, 0),
    };
    let count = digits.bytes().take_while(|octet| char::from(*octet).is_digit(radix)).count();
    if count == 0 {
        return None;
    }
    let add = |number: u32, digit: char| {
        let digit = digit.to_digit(radix).expect("only digits were counted");
        number.saturating_mul(radix).saturating_add(digit)
    };
    let number = digits[..count].chars().fold(0, add);
    len += count + usize::from(digits.as_bytes().get(count) == Some(&b';'));
    Some((numbered(number), len))
}

/// The character of a number: 13.2.5.80 takes 0x80 to 0x9F for windows-1252.
fn numbered(number: u32) -> char {
    const WINDOWS_1252: [u16; 32] = [
        0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
        0x2039, 0x0152, 0x8D, 0x017D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013,
        0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178,
    ];
    let number = match number {
        0x80..=0x9F => u32::from(WINDOWS_1252[(number - 0x80) as usize]),
        0 => 0xFFFD,
        _ => number,
    };
    char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Writes text so that it is an attribute value in quotes of either kind.
pub fn escape_into(text: &str, value: &mut Vec<u8>) {
    let octets = text.as_bytes();
    let mut position = 0;
    for at in marks(octets, [b'&', b'<', b'>', b'"', b'\'']) {
        value.extend_from_slice(&octets[position..at]);
        value.extend_from_slice(match octets[at] {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'"' => b"&quot;",
            _ => b"&#39;",
        });
        position = at + 1;
    }
    value.extend_from_slice(&octets[position..]);
}

/// What the URL standard does to any URL before it reads it (§4.4): C0 controls and
/// spaces at the ends go, and tabs and line breaks go everywhere.
pub fn url(value: &str) -> Cow<'_, str> {
    let is_space = |octet: Option<&u8>| octet.is_some_and(|octet| *octet <= b' ');
    let has_spaces = is_space(value.as_bytes().first()) || is_space(value.as_bytes().last());
    let trimmed = if has_spaces { value.trim_matches(|character| character <= ' ') } else { value };
    if memchr3(b'\t', b'\n', b'\r', trimmed.as_bytes()).is_some() {
        return Cow::Owned(trimmed.replace(['\t', '\n', '\r'], ""));
    }
    Cow::Borrowed(trimmed)
}
