//! X-MSYS-API: what a sender asks for in the header of a message, as Momentum and
//! SparkPost have it. A message comes in, a request or the reason to refuse the message
//! goes out. What it says of tracking goes before the configuration, each part by itself.

use crate::decision::Decision;
use mail::{
    encoded_word,
    message::header::{Field, fields},
};
use serde_json::{Map, Value};

#[cfg(test)]
mod tests;

/// The name of the field.
pub const FIELD: &str = "X-MSYS-API";

/// Longest campaign id, in octets.
pub const CAMPAIGN_ID_OCTETS_MAX: usize = 64;

/// How many tags are kept; others are ignored.
pub const TAGS_MAX: usize = 10;

/// What a sender asks for. What it says nothing of is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Whether there is a pixel at the end.
    pub open_tracking: Option<bool>,
    /// Whether there is one at the start.
    pub initial_open: Option<bool>,
    /// Whether links are tracked, in HTML and in text.
    pub click_tracking: Option<bool>,
    /// The campaign that the message is part of.
    pub campaign_id: Option<String>,
    /// What the sender wants to find again in events.
    pub metadata: Map<String, Value>,
    /// Words to find messages by.
    pub tags: Vec<String>,
}

/// Why a message is refused. The text is that of the reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The field holds no JSON object (RFC 8259).
    #[error("{FIELD} must be of type 'json object'")]
    NoObject,
    /// A part of it is something else than it must be.
    #[error("{FIELD} '{name}' must be of type '{expected}'")]
    WrongType {
        /// What it is called.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// The campaign id is longer than [`CAMPAIGN_ID_OCTETS_MAX`].
    #[error("smtpapi_campaign_id context is limited to {CAMPAIGN_ID_OCTETS_MAX} bytes")]
    LongCampaignId,
}

impl Refusal {
    /// The code of the reply to the message.
    pub const CODE: u16 = 550;
    /// The enhanced status code of that reply (RFC 3463).
    pub const ENHANCED: &'static str = "5.6.0";
}

/// What the header of a message asks for; `None` without the field. Where there are
/// several, what a later one says goes before what an earlier one says.
pub fn read(message: &[u8]) -> Result<Option<Request>, Refusal> {
    let mut request: Option<Request> = None;
    for field in fields(message).filter(is_field) {
        let value = decoded(field.raw_value);
        let Ok(Value::Object(object)) = serde_json::from_str(&value) else {
            return Err(Refusal::NoObject);
        };
        request.get_or_insert_default().take(object)?;
    }
    Ok(request)
}

/// Is it a field that is read here?
pub(crate) fn is_field(field: &Field<'_>) -> bool {
    field.is(FIELD)
}

/// Unfolded, each fold becoming one space, and with encoded words decoded (RFC 2047).
fn decoded(raw_value: &[u8]) -> String {
    let mut unfolded = Vec::with_capacity(raw_value.len());
    for (number, line) in raw_value.trim_ascii().split(|octet| *octet == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if number > 0 {
            unfolded.push(b' ');
        }
        unfolded.extend_from_slice(if number > 0 { line.trim_ascii_start() } else { line });
    }
    encoded_word::decode(&unfolded)
}

impl Request {
    /// The decision for this message, in a scope where it would be the given one. The
    /// field goes: it carries metadata that is nobody's business.
    pub fn apply(&self, decision: &Decision) -> Decision {
        let open = self.open_tracking.unwrap_or(decision.open);
        // A sender who wants no opens means both pixels.
        let initial_open = decision.initial_open && self.open_tracking != Some(false);
        Decision {
            open,
            initial_open: self.initial_open.unwrap_or(initial_open),
            click: self.click_tracking.unwrap_or(decision.click),
            removes_smtpapi: true,
            ..decision.clone()
        }
    }

    /// Takes what is known of an object; other names are ignored.
    fn take(&mut self, object: Map<String, Value>) -> Result<(), Refusal> {
        for (name, value) in object {
            match (name.as_str(), value) {
                ("campaign_id", Value::String(id)) if id.len() <= CAMPAIGN_ID_OCTETS_MAX => {
                    self.campaign_id = Some(id);
                }
                ("campaign_id", Value::String(_)) => return Err(Refusal::LongCampaignId),
                ("campaign_id", _) => return Err(wrong_type("campaign_id", "string")),
                ("metadata", Value::Object(metadata)) => self.metadata = metadata,
                ("metadata", _) => return Err(wrong_type("metadata", OBJECT)),
                ("tags", Value::Array(tags)) => {
                    self.tags = tags.into_iter().map(tag).collect::<Result<_, _>>()?;
                    self.tags.truncate(TAGS_MAX);
                }
                ("tags", _) => return Err(wrong_type("tags", "json array")),
                ("options", Value::Object(options)) => self.take_options(&options)?,
                ("options", _) => return Err(wrong_type("options", OBJECT)),
                _ => {}
            }
        }
        Ok(())
    }

    fn take_options(&mut self, options: &Map<String, Value>) -> Result<(), Refusal> {
        let wanted = [
            ("open_tracking", &mut self.open_tracking),
            ("initial_open", &mut self.initial_open),
            ("click_tracking", &mut self.click_tracking),
        ];
        for (name, option) in wanted {
            match options.get(name) {
                None => {}
                Some(Value::Bool(value)) => *option = Some(*value),
                Some(_) => return Err(wrong_type(name, "boolean")),
            }
        }
        Ok(())
    }
}

const OBJECT: &str = "json object";

fn wrong_type(name: &'static str, expected: &'static str) -> Refusal {
    Refusal::WrongType { name, expected }
}

fn tag(value: Value) -> Result<String, Refusal> {
    match value {
        Value::String(tag) => Ok(tag),
        _ => Err(wrong_type("tags", "json array of strings")),
    }
}
