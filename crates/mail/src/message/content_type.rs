//! Content-Type, Content-Disposition (RFC 2183) and Content-Transfer-Encoding, as RFC
//! 2045 §5 writes them: comments, quoted strings and RFC 2231's long parameters are
//! read, and so are values that break the grammar in the usual ways. Nothing panics,
//! and what cannot be read is as if it were absent.

use memchr::{memchr, memchr2};
use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// A token and its parameters: the value of Content-Type or Content-Disposition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContentType {
    /// The media type or disposition, in lower case: `text/html`, `attachment`. Empty
    /// when the value holds none.
    pub essence: String,
    parameters: Vec<(String, Vec<u8>)>,
}

impl ContentType {
    /// Reads an unfolded value.
    pub fn parse(value: &[u8]) -> Self {
        let value = without_comments(value);
        let value = value.trim_ascii_start();
        let is_end = |octet: &u8| *octet == b';' || is_space(*octet);
        let (essence, rest) = value.split_at(value.iter().position(is_end).unwrap_or(value.len()));
        Self {
            essence: String::from_utf8_lossy(essence).to_ascii_lowercase(),
            parameters: joined(Parameters { rest }.collect()),
        }
    }

    /// The media type that a part has by default.
    pub fn of(essence: &str) -> Self {
        Self { essence: essence.to_owned(), parameters: Vec::new() }
    }

    /// A parameter by its lower-case name, unquoted and joined. The first of a name counts.
    pub fn parameter(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// Is this parameter there more than once, with different values? RFC 6838 §4.3 allows
    /// it once; readers differ in which they take.
    pub fn is_ambiguous(&self, name: &str) -> bool {
        let mut values =
            self.parameters.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
        let first = values.next();
        values.any(|value| first.is_some_and(|first| !first.eq_ignore_ascii_case(value)))
    }

    /// Is this parameter there, with this value in any case?
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.parameter(name).is_some_and(|found| found.eq_ignore_ascii_case(value.as_bytes()))
    }

    /// Is it a multipart of any kind?
    pub fn is_multipart(&self) -> bool {
        self.essence.starts_with("multipart/")
    }

    /// What separates the parts of a multipart. RFC 2046 §5.1.1: it never ends in
    /// white space, and an empty one separates nothing.
    pub fn boundary(&self) -> Option<&[u8]> {
        let boundary = self.parameter("boundary")?.trim_ascii_end();
        (!boundary.is_empty()).then_some(boundary)
    }
}

/// How the octets of a body are encoded (RFC 2045 §6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransferEncoding {
    /// As they are, ASCII in short lines. What a part without the field has.
    #[default]
    SevenBit,
    /// As they are, in short lines.
    EightBit,
    /// As they are.
    Binary,
    /// RFC 2045 §6.7.
    QuotedPrintable,
    /// RFC 2045 §6.8.
    Base64,
    /// Any other: the content cannot be read (§6.4).
    Unknown,
}

impl TransferEncoding {
    /// Reads an unfolded value.
    pub fn parse(value: &[u8]) -> Self {
        let value = without_comments(value);
        match value.trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"7bit" => Self::SevenBit,
            b"8bit" => Self::EightBit,
            b"binary" => Self::Binary,
            b"quoted-printable" => Self::QuotedPrintable,
            b"base64" => Self::Base64,
            _ => Self::Unknown,
        }
    }

    /// Are the octets as they are, not encoded?
    pub fn is_identity(self) -> bool {
        matches!(self, Self::SevenBit | Self::EightBit | Self::Binary)
    }
}

/// Takes comments out (RFC 5322 §3.2.2), which may be nested; quoted strings stay.
fn without_comments(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'(', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut kept = Vec::with_capacity(value.len());
    let (mut depth, mut is_quoted, mut is_escaped) = (0_usize, false, false);
    for &octet in value {
        let was_comment = depth > 0;
        if is_escaped {
            is_escaped = false;
        } else {
            match octet {
                b'\\' => is_escaped = is_quoted || was_comment,
                b'"' if !was_comment => is_quoted = !is_quoted,
                b'(' if !is_quoted => depth += 1,
                b')' if was_comment => depth -= 1,
                _ => {}
            }
        }
        if !was_comment && depth == 0 {
            kept.push(octet);
        }
    }
    Cow::Owned(kept)
}

/// Gives the parameters that follow the first semicolon, quoted strings undone.
struct Parameters<'a> {
    rest: &'a [u8],
}

impl Iterator for Parameters<'_> {
    type Item = (String, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let semicolon = memchr(b';', self.rest)?;
            let parameter = self.rest[semicolon + 1..].trim_ascii_start();
            self.rest = parameter;
            let name_len = memchr2(b'=', b';', parameter).unwrap_or(parameter.len());
            let name = parameter[..name_len].trim_ascii_end();
            if parameter.get(name_len) != Some(&b'=') || !is_name(name) {
                continue;
            }
            let value = parameter[name_len + 1..].trim_ascii_start();
            let (value, rest) = match value.strip_prefix(b"\"") {
                Some(quoted) => unquote(quoted),
                None => {
                    let (value, rest) = value.split_at(memchr(b';', value).unwrap_or(value.len()));
                    (value.trim_ascii_end().to_vec(), rest)
                }
            };
            self.rest = rest;
            return Some((String::from_utf8_lossy(name).to_ascii_lowercase(), value));
        }
    }
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.iter().copied().any(is_space)
}

fn is_space(octet: u8) -> bool {
    octet.is_ascii_whitespace() || octet == 0x0B
}

/// A quoted string (RFC 5322 §3.2.4) without its opening quote, and what follows it.
/// One that is never closed goes to the end.
fn unquote(quoted: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut position = 0;
    while let Some(&octet) = quoted.get(position) {
        position += 1;
        match octet {
            b'"' => return (value, &quoted[position..]),
            b'\\' => {
                value.extend(quoted.get(position));
                position += 1;
            }
            _ => value.push(octet),
        }
    }
    (value, &[])
}

/// One section of an RFC 2231 parameter: `boundary*1*=...`.
struct Section {
    name: String,
    number: u32,
    value: Vec<u8>,
}

/// Joins the sections of long parameters. A parameter that is also there in the plain
/// form has that value, for those who do not know RFC 2231.
fn joined(parameters: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    if !parameters.iter().any(|(name, _)| name.contains('*')) {
        return parameters;
    }
    let mut plain = Vec::with_capacity(parameters.len());
    let mut sections = Vec::new();
    for (name, value) in parameters {
        match section(&name, &value) {
            Some(section) => sections.push(section),
            None => plain.push((name, value)),
        }
    }
    sections.sort_by(|a, b| (&a.name, a.number).cmp(&(&b.name, b.number)));
    for of_one_name in sections.chunk_by(|a, b| a.name == b.name) {
        let value = of_one_name.iter().flat_map(|section| section.value.iter().copied());
        plain.push((of_one_name[0].name.clone(), value.collect()));
    }
    plain
}

/// RFC 2231 §3 and §4: `name*`, `name*0` and `name*0*`. A star at the end says that
/// the value is percent-encoded and, in the first section, tells charset and language.
fn section(name: &str, value: &[u8]) -> Option<Section> {
    let (base, suffix) = name.split_once('*')?;
    let (number, is_extended) = match suffix.strip_suffix('*') {
        Some(number) => (number, true),
        None => (suffix, suffix.is_empty()),
    };
    let number = if number.is_empty() { 0 } else { number.parse().ok()? };
    let value = if is_extended { percent_decoded(value, number == 0) } else { value.to_vec() };
    Some(Section { name: base.to_owned(), number, value })
}

fn percent_decoded(value: &[u8], has_charset: bool) -> Vec<u8> {
    let mut parts = value.splitn(3, |octet| *octet == b'\'');
    let value = match (has_charset, parts.next(), parts.next(), parts.next()) {
        (true, Some(_), Some(_), Some(text)) => text,
        _ => value,
    };
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&octet, tail)) = rest.split_first() {
        let pair = tail.first_chunk::<2>().filter(|_| octet == b'%');
        let hex = pair.and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(escaped) => {
                decoded.push(escaped);
                rest = &tail[2..];
            }
            None => {
                decoded.push(octet);
                rest = tail;
            }
        }
    }
    decoded
}
