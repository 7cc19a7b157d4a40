//! Options of X-MSYS-API that an MTA carries out. mailwake knows their types, tells them
//! in the reception, and hands them on in header fields where the configuration names one.

use super::{Refusal, wrong_type};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longest text of an option, in octets.
pub const OPTION_OCTETS_MAX: usize = 255;

/// What a sender asks of the MTA. What it says nothing of is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Options {
    /// The message was asked for, so no list is behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactional: Option<bool>,
    /// It goes out even to those who want no mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_suppression: Option<bool>,
    /// The pool of addresses that it is sent from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_pool: Option<String>,
    /// Styles are to be put into the attributes of their elements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_css: Option<bool>,
    /// The key that DKIM signs with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dkim_key: Option<String>,
    /// It is a trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<bool>,
    /// Placeholders are to be filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perform_substitutions: Option<bool>,
    /// The list that it is sent to (RFC 2919).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_id: Option<String>,
}

impl Options {
    /// Takes what is known of an object; other names are ignored.
    pub(super) fn take(&mut self, options: &Map<String, Value>) -> Result<(), Refusal> {
        let switches = [
            ("transactional", &mut self.transactional),
            ("skip_suppression", &mut self.skip_suppression),
            ("inline_css", &mut self.inline_css),
            ("sandbox", &mut self.sandbox),
            ("perform_substitutions", &mut self.perform_substitutions),
        ];
        for (name, option) in switches {
            take_boolean(options, name, option)?;
        }
        let texts = [
            ("ip_pool", &mut self.ip_pool),
            ("dkim_key", &mut self.dkim_key),
            ("list_id", &mut self.list_id),
        ];
        for (name, option) in texts {
            match options.get(name) {
                None => {}
                Some(Value::String(text)) => *option = Some(printable(name, text)?),
                Some(_) => return Err(wrong_type(name, "string")),
            }
        }
        Ok(())
    }
}

/// Takes an option that is true or false.
pub(super) fn take_boolean(
    options: &Map<String, Value>,
    name: &'static str,
    option: &mut Option<bool>,
) -> Result<(), Refusal> {
    match options.get(name) {
        None => {}
        Some(Value::Bool(value)) => *option = Some(*value),
        Some(_) => return Err(wrong_type(name, "boolean")),
    }
    Ok(())
}

/// A text that may become the value of a header field, so it must not begin another one.
fn printable(name: &'static str, text: &str) -> Result<String, Refusal> {
    if text.len() > OPTION_OCTETS_MAX {
        return Err(Refusal::TooLong { name, octets_max: OPTION_OCTETS_MAX });
    }
    match text.bytes().all(|octet| octet.is_ascii_graphic() || octet == b' ') {
        true => Ok(text.into()),
        false => Err(Refusal::NotPrintable { name }),
    }
}

/// The header fields in which options are handed on to the MTA, by the name of the field;
/// what has none stays here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HandOn {
    /// That of `ip_pool`.
    pub ip_pool: Option<String>,
    /// That of `dkim_key`.
    pub dkim_key: Option<String>,
    /// That of `transactional`.
    pub transactional: Option<String>,
    /// That of `skip_suppression`.
    pub skip_suppression: Option<String>,
    /// That of `list_id`.
    pub list_id: Option<String>,
    /// That of `sandbox`.
    pub sandbox: Option<String>,
}

impl HandOn {
    /// The key of the configuration for each of them, and its value.
    pub fn keys(&self) -> [(&'static str, &Option<String>); 6] {
        [
            ("ip_pool_field", &self.ip_pool),
            ("dkim_key_field", &self.dkim_key),
            ("transactional_field", &self.transactional),
            ("skip_suppression_field", &self.skip_suppression),
            ("list_id_field", &self.list_id),
            ("sandbox_field", &self.sandbox),
        ]
    }

    /// The same, to be set.
    pub(crate) fn keys_mut(&mut self) -> [(&'static str, &mut Option<String>); 6] {
        [
            ("ip_pool_field", &mut self.ip_pool),
            ("dkim_key_field", &mut self.dkim_key),
            ("transactional_field", &mut self.transactional),
            ("skip_suppression_field", &mut self.skip_suppression),
            ("list_id_field", &mut self.list_id),
            ("sandbox_field", &mut self.sandbox),
        ]
    }

    /// Each field that is named and whose option the sender has set, with its value.
    pub fn fields<'a>(&'a self, options: &Options) -> impl Iterator<Item = (&'a str, String)> {
        let word = |option: Option<bool>| option.map(|value| value.to_string());
        let all = [
            (&self.ip_pool, options.ip_pool.clone()),
            (&self.dkim_key, options.dkim_key.clone()),
            (&self.transactional, word(options.transactional)),
            (&self.skip_suppression, word(options.skip_suppression)),
            (&self.list_id, options.list_id.clone()),
            (&self.sandbox, word(options.sandbox)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name.as_deref()?, value?)))
    }
}
