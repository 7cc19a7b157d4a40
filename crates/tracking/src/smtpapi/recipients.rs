//! The recipients that X-MSYS-API adds to those of the envelope: cc, bcc and archive. JSON
//! comes in, mailboxes and the header fields that show them go out.

use super::{Refusal, wrong_type};
use crate::{event::RcptType, rewrite::FieldEdit};
use base64::{Engine, engine::general_purpose::STANDARD};
use mail::{address::list::addresses, message::header::fields};
use serde_json::Value;
use std::collections::HashSet;

#[cfg(test)]
mod tests;

/// Longest mailbox, in octets: a path has 256 with its brackets (RFC 5321 §4.5.3.1.3).
const MAILBOX_OCTETS_MAX: usize = 254;

/// Longest name of a recipient, in octets.
const NAME_OCTETS_MAX: usize = 255;

/// Octets of a name in one encoded word: base64 makes 60 of them, and a word has 75
/// (RFC 2047 §2).
const WORD_OCTETS_MAX: usize = 45;

/// A recipient with a name for its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The address.
    pub email: String,
    /// The name; empty for none.
    pub name: String,
}

/// Recipients beside those of the envelope.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FurtherRecipients {
    /// Whom every copy shows.
    pub cc: Vec<Mailbox>,
    /// Whom only their own copy shows.
    pub bcc: Vec<Mailbox>,
    /// Who get what a recipient of the envelope gets, links and all.
    pub archive: Vec<Mailbox>,
}

impl FurtherRecipients {
    /// Are there any?
    pub fn is_empty(&self) -> bool {
        self.cc.is_empty() && self.bcc.is_empty() && self.archive.is_empty()
    }

    /// Each with its part, but for those among the `known` mailboxes or named before: an
    /// address gets one message.
    pub fn beside<'a>(
        &'a self,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Vec<(RcptType, &'a Mailbox)> {
        let mut seen: HashSet<String> = known.into_iter().map(same).collect();
        let lists = [
            (RcptType::Cc, &self.cc),
            (RcptType::Bcc, &self.bcc),
            (RcptType::Archive, &self.archive),
        ];
        let all =
            lists.into_iter().flat_map(|(part, list)| list.iter().map(move |one| (part, one)));
        all.filter(|(_, one)| seen.insert(same(&one.email))).collect()
    }

    /// The edit that has a message show whom it goes to as cc; `None` where it does so
    /// already. A Cc field that its sender wrote is made longer: there may be but one
    /// (RFC 5322 §3.6), and it loses nobody.
    pub fn cc_field(&self, message: &[u8]) -> Option<FieldEdit> {
        let shown = fields(message).find(|field| field.is("Cc"));
        let shown = shown.map(|field| field.value()).unwrap_or_default();
        let shown = addresses(&String::from_utf8_lossy(&shown)).into_iter();
        let shown: HashSet<String> = shown.map(|address| address.to_ascii_lowercase()).collect();
        let mut seen = HashSet::new();
        let missing = self.cc.iter().filter(|one| {
            seen.insert(same(&one.email)) && !shown.contains(&one.email.to_ascii_lowercase())
        });
        let lines: Vec<String> = missing.map(Mailbox::shown).collect();
        (!lines.is_empty()).then(|| FieldEdit::extend("Cc", lines.join(",\n ")))
    }
}

/// What two mailboxes have in common that are the same one: the domain has no case
/// (RFC 5321 §2.3.5), the local part may have.
fn same(mailbox: &str) -> String {
    match mailbox.rsplit_once('@') {
        Some((local, domain)) => [local, "@", &domain.to_ascii_lowercase()].concat(),
        None => mailbox.into(),
    }
}

impl Mailbox {
    /// As a header field shows it (RFC 5322 §3.4), with folds where it is long.
    pub fn shown(&self) -> String {
        match &*self.name {
            "" => self.email.clone(),
            name if name.is_ascii() => {
                let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{escaped}\" <{}>", self.email)
            }
            name => format!("{}\n <{}>", encoded_words(name), self.email),
        }
    }

    fn read(list: &'static str, value: &Value) -> Result<Self, Refusal> {
        let (email, name) = match value {
            Value::String(email) => (email.as_str(), ""),
            Value::Object(object) => {
                let text = |key| match object.get(key) {
                    None | Some(Value::Null) => Ok(""),
                    Some(Value::String(text)) => Ok(text.as_str()),
                    Some(_) => Err(Refusal::NoMailbox { list }),
                };
                (text("email")?, text("name")?)
            }
            _ => return Err(wrong_type(list, "json array of recipients")),
        };
        let email = email.trim();
        if !is_mailbox(email) {
            return Err(Refusal::NoMailbox { list });
        }
        if name.len() > NAME_OCTETS_MAX {
            return Err(Refusal::TooLong { name: list, octets_max: NAME_OCTETS_MAX });
        }
        let name = name.replace(char::is_control, " ");
        Ok(Self { email: email.into(), name: name.trim().into() })
    }
}

/// Reads a list of recipients.
pub(super) fn read(list: &'static str, value: &Value) -> Result<Vec<Mailbox>, Refusal> {
    let Value::Array(values) = value else { return Err(wrong_type(list, "json array")) };
    values.iter().map(|value| Mailbox::read(list, value)).collect()
}

/// Words in UTF-8 and base64, one a line.
fn encoded_words(name: &str) -> String {
    let mut words = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let end = rest.floor_char_boundary(WORD_OCTETS_MAX);
        let (word, behind) = rest.split_at(end);
        words.push(format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
        rest = behind;
    }
    words.join("\n ")
}

/// Can it stand in RCPT TO and in a header field as it is (RFC 5321 §4.1.2; RFC 6531 §3.3
/// allows other characters than ASCII)?
fn is_mailbox(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else { return false };
    let is_local = match local.strip_prefix('"').and_then(|local| local.strip_suffix('"')) {
        Some(quoted) => is_quoted(quoted),
        None => local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext)),
    };
    let is_domain = match domain.strip_prefix('[').and_then(|domain| domain.strip_suffix(']')) {
        Some(literal) => literal.bytes().all(|c| c.is_ascii_alphanumeric() || b".:-".contains(&c)),
        None => domain.split('.').all(|label| !label.is_empty() && label.chars().all(is_label)),
    };
    email.len() <= MAILBOX_OCTETS_MAX && is_local && is_domain
}

/// RFC 5321 §4.1.2, QcontentSMTP.
fn is_quoted(text: &str) -> bool {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let is_fine = match character {
            '"' => false,
            '\\' => characters.next().is_some_and(|next| next.is_ascii_graphic() || next == ' '),
            other => !other.is_control(),
        };
        if !is_fine {
            return false;
        }
    }
    true
}

/// RFC 5322 §3.2.3, atext.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_international(c)
}

fn is_label(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || is_international(c)
}

fn is_international(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !c.is_whitespace()
}
