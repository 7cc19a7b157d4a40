//! Enhanced status codes (RFC 3463), and the codes that begin a reply.

use std::{fmt, str::FromStr};

/// An enhanced status code (RFC 3463 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnhancedStatus {
    /// 2 for success, 4 for what may go better later, 5 for what will not.
    pub class: u8,
    /// What it is about: an address, a mailbox, policy.
    pub subject: u16,
    /// More of it.
    pub detail: u16,
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// Why a text is no enhanced status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an enhanced status code is three numbers of at most three digits, of class 2, 4 or 5")]
pub struct NoStatus;

impl FromStr for EnhancedStatus {
    type Err = NoStatus;

    /// Refuses other classes than 2, 4 and 5, and numbers of more than three digits.
    fn from_str(text: &str) -> Result<Self, NoStatus> {
        let octets = text.as_bytes();
        let [class @ (b'2' | b'4' | b'5'), b'.', rest @ ..] = octets else { return Err(NoStatus) };
        let dot = rest.iter().position(|octet| *octet == b'.').ok_or(NoStatus)?;
        let subject = number(&rest[..dot]).ok_or(NoStatus)?;
        let detail = number(&rest[dot + 1..]).ok_or(NoStatus)?;
        Ok(Self { class: class - b'0', subject, detail })
    }
}

/// One to three digits.
fn number(digits: &[u8]) -> Option<u16> {
    let is_number = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')))
}

/// A reply in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyParts<'a> {
    /// The reply code (RFC 5321 §4.2); 0 where there is none.
    pub code: u16,
    /// The enhanced status code behind it.
    pub status: Option<EnhancedStatus>,
    /// The text with its enhanced status code, and without the reply code.
    pub text: &'a str,
}

/// Takes a reply apart, as it comes from an MTA or as a record quotes it: `550 5.1.1 User
/// unknown`, also `550-5.1.1 …` and `smtp;550 5.1.1 …` (the Diagnostic-Code of RFC 3464 §2.3.6).
pub fn split_reply(text: &str) -> ReplyParts<'_> {
    let text = text.trim();
    let text = match text.split_once(';') {
        Some((kind, rest)) if is_diagnostic_type(kind) => rest.trim_start(),
        _ => text,
    };
    let (code, text) = match text.as_bytes() {
        [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9']
        | [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-' | b':' | b'\t', ..] => {
            let code = number(&text.as_bytes()[..3]).unwrap_or_default();
            (code, text[3..].trim_start_matches([' ', '-', ':', '\t']))
        }
        _ => (0, text),
    };
    let first = text.split([' ', '\t']).next().unwrap_or_default();
    let first = first.trim_start_matches('#').trim_end_matches([':', '-', ',']);
    let status = first.parse().ok().or_else(|| status_behind(text));
    ReplyParts { code, status, text }
}

/// The status where qmail and others write it: `no mailbox here by that name (#5.1.1)`.
fn status_behind(text: &str) -> Option<EnhancedStatus> {
    let (_, behind) = text.rsplit_once("(#")?;
    let end = behind.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    behind[..end].parse().ok()
}

fn is_diagnostic_type(kind: &str) -> bool {
    let kind = kind.trim();
    let is_experimental = || kind.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x-"));
    // It is an atom (RFC 3464 §2.1.2), and not the begin of a sentence.
    kind.eq_ignore_ascii_case("smtp") || (is_experimental() && !kind.contains([' ', '\t']))
}

#[cfg(test)]
mod tests;
