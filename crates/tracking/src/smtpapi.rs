//! X-MSYS-API: what a sender asks for in the header of a message, as Momentum and
//! SparkPost have it. A message comes in, a request or the reason to refuse the message
//! goes out. What it says of tracking goes before the configuration, each part by itself.

mod options;
mod recipients;
mod refusal;
mod variables;

pub use options::{HandOn, OPTION_OCTETS_MAX, Options};
pub use recipients::{FurtherRecipients, Mailbox};
pub use refusal::Refusal;

use mail::{
    encoded_word,
    message::header::{Field, fields},
};
use options::take_boolean;
use serde_json::{Map, Value};

#[cfg(test)]
mod tests;

/// The name of the field.
pub const FIELD: &str = "X-MSYS-API";

/// Octets of all fields of that name that are read. More would only be to do harm: a
/// thousand recipients with their names take half of it.
pub const FIELD_OCTETS_MAX: usize = 256 * 1024;

/// Longest campaign id, in octets.
pub const CAMPAIGN_ID_OCTETS_MAX: usize = 64;

/// How many tags of a recipient are kept; others are ignored.
pub const TAGS_MAX: usize = 10;

/// Longest tag, in octets.
pub const TAG_OCTETS_MAX: usize = 255;

/// Most metadata, in octets of JSON. It stands in the reception of each copy.
pub const METADATA_OCTETS_MAX: usize = 16 * 1024;

/// Most levels of metadata, its own among them.
pub const METADATA_LEVELS_MAX: usize = 32;

/// Most recipients of a message with those that the field adds.
pub const RECIPIENTS_MAX: usize = 1_000;

/// What a sender asks for. What it says nothing of is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Whether there is a pixel at the end.
    pub open_tracking: Option<bool>,
    /// Whether there is one at the start.
    pub initial_open: Option<bool>,
    /// Whether links are tracked, in HTML and in text.
    pub click_tracking: Option<bool>,
    /// What is the MTA's to do.
    pub options: Options,
    /// The campaign that the message is part of.
    pub campaign_id: Option<String>,
    /// What the sender wants to find again in events.
    pub metadata: Map<String, Value>,
    /// Words to find messages by, each once.
    pub tags: Vec<String>,
    /// How many tags were ignored, because there were [`TAGS_MAX`] already.
    pub tags_ignored: usize,
    /// Who gets it beside the recipients of the envelope.
    pub recipients: FurtherRecipients,
}

/// What the header of a message asks for; `None` without the field. Where there are
/// several, what a later one says goes before what an earlier one says.
pub fn read(message: &[u8]) -> Result<Option<Request>, Refusal> {
    let mut request: Option<Request> = None;
    let mut octets = 0;
    for field in fields(message).filter(is_field) {
        octets += field.raw_value.len();
        if octets > FIELD_OCTETS_MAX {
            return Err(Refusal::TooLarge);
        }
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
    /// Takes what is known of an object; other names are ignored.
    fn take(&mut self, object: Map<String, Value>) -> Result<(), Refusal> {
        for (name, value) in object {
            match (name.as_str(), value) {
                ("campaign_id", Value::String(id)) => self.set_campaign_id(id)?,
                ("campaign_id", _) => return Err(wrong_type("campaign_id", "string")),
                ("metadata", Value::Object(metadata)) => self.set_metadata(metadata)?,
                ("metadata", _) => return Err(wrong_type("metadata", OBJECT)),
                ("tags", Value::Array(tags)) => self.set_tags(tags)?,
                ("tags", _) => return Err(wrong_type("tags", ARRAY)),
                ("options", Value::Object(options)) => self.take_options(&options)?,
                ("options", _) => return Err(wrong_type("options", OBJECT)),
                ("cc", list) => self.recipients.cc = recipients::read("cc", &list)?,
                ("bcc", list) => self.recipients.bcc = recipients::read("bcc", &list)?,
                ("archive", list) => self.recipients.archive = recipients::read("archive", &list)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn take_options(&mut self, options: &Map<String, Value>) -> Result<(), Refusal> {
        take_boolean(options, "open_tracking", &mut self.open_tracking)?;
        take_boolean(options, "initial_open", &mut self.initial_open)?;
        take_boolean(options, "click_tracking", &mut self.click_tracking)?;
        self.options.take(options)
    }

    fn set_campaign_id(&mut self, id: String) -> Result<(), Refusal> {
        if id.len() > CAMPAIGN_ID_OCTETS_MAX {
            let octets_max = CAMPAIGN_ID_OCTETS_MAX;
            return Err(Refusal::LongVariable { variable: "smtpapi_campaign_id", octets_max });
        }
        self.campaign_id = Some(id);
        Ok(())
    }

    fn set_metadata(&mut self, metadata: Map<String, Value>) -> Result<(), Refusal> {
        let octets_max = METADATA_OCTETS_MAX;
        if metadata_octets(&metadata) > octets_max {
            return Err(Refusal::TooLong { name: "metadata", octets_max });
        }
        if !metadata.values().all(|value| is_within(value, METADATA_LEVELS_MAX - 1)) {
            return Err(Refusal::TooDeep { name: "metadata", levels_max: METADATA_LEVELS_MAX });
        }
        self.metadata = metadata;
        Ok(())
    }

    fn set_tags(&mut self, tags: Vec<Value>) -> Result<(), Refusal> {
        let mut kept: Vec<String> = Vec::new();
        let mut ignored = 0;
        for tag in tags {
            match tag {
                Value::String(tag) if tag.len() > TAG_OCTETS_MAX => {
                    return Err(Refusal::TooLong { name: "tags", octets_max: TAG_OCTETS_MAX });
                }
                Value::String(tag) if kept.contains(&tag) => {}
                Value::String(_) if kept.len() == TAGS_MAX => ignored += 1,
                Value::String(tag) => kept.push(tag),
                _ => return Err(wrong_type("tags", "json array of strings")),
            }
        }
        (self.tags, self.tags_ignored) = (kept, ignored);
        Ok(())
    }
}

/// Octets of metadata as JSON.
pub(crate) fn metadata_octets(metadata: &Map<String, Value>) -> usize {
    serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len())
}

/// Has a value so many levels at most?
fn is_within(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => false,
        Value::Array(values) => values.iter().all(|value| is_within(value, levels - 1)),
        Value::Object(object) => object.values().all(|value| is_within(value, levels - 1)),
        _ => true,
    }
}

const OBJECT: &str = "json object";
const ARRAY: &str = "json array";

fn wrong_type(name: &'static str, expected: &'static str) -> Refusal {
    Refusal::WrongType { name, expected }
}
