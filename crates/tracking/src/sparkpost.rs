//! Events as SparkPost writes them: `{"msys":{"<group>":{…,"type":"<type>"}}}`, for its webhooks
//! and its Ingest API. An event and what is known of its message come in, JSON goes out.

use crate::{
    bounce::Rules,
    event::{Event, Occurrence},
    message::MessageRecord,
};
use serde_json::{Map, Value};

/// What is put to an event.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Its message, where that is known.
    pub message: Option<&'a MessageRecord>,
    /// How bounces are classified.
    pub rules: &'a Rules,
    /// The parts of the user agent (SparkPost's `user_agent_parsed`).
    pub user_agent_parsed: Option<&'a Value>,
    /// What differs between receivers.
    pub form: Form,
}

/// What differs between receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Form {
    /// Type names as Momentum has them inside: `reception` for injection, `inband` for bounce.
    pub has_internal_names: bool,
}

/// The group of an event and its type in it; `None` for what SparkPost does not know.
pub fn group(occurrence: &Occurrence) -> Option<&'static str> {
    match occurrence {
        Occurrence::Injection(_)
        | Occurrence::Delivery(_)
        | Occurrence::Delay(_)
        | Occurrence::Bounce(_)
        | Occurrence::OutOfBand(_)
        | Occurrence::SpamComplaint(_)
        | Occurrence::PolicyRejection(_) => Some("message_event"),
        Occurrence::GenerationFailure(_) | Occurrence::GenerationRejection(_) => Some("gen_event"),
        Occurrence::RelayInjection(_)
        | Occurrence::RelayRejection(_)
        | Occurrence::RelayDelivery(_)
        | Occurrence::RelayTempfail(_)
        | Occurrence::RelayPermfail(_) => Some("relay_event"),
        Occurrence::Open(_)
        | Occurrence::InitialOpen(_)
        | Occurrence::Click(_)
        | Occurrence::AmpOpen(_)
        | Occurrence::AmpInitialOpen(_)
        | Occurrence::AmpClick(_) => Some("track_event"),
        Occurrence::LinkUnsubscribe(_) | Occurrence::ListUnsubscribe(_) => {
            Some("unsubscribe_event")
        }
        Occurrence::Reception(_) | Occurrence::Honeypot(_) => None,
    }
}

/// Appends an event. False, and nothing is appended, for what SparkPost does not know.
pub fn append(event: &Event, context: &Context<'_>, to: &mut Vec<u8>) -> bool {
    let Some(group) = group(&event.occurrence) else { return false };
    let mut fields = Map::new();
    let mut set = |name: &str, value: String| fields.insert(name.into(), Value::String(value));
    set("type", event.occurrence.type_name().into());
    set("event_id", event.event_id.to_string());
    set("message_id", event.message_id.to_string());
    set("timestamp", event.timestamp.0.div_euclid(1_000).to_string());
    if let Some(message) = context.message {
        set("rcpt_to", message.reception.rcpt_to.to_ascii_lowercase());
        set("campaign_id", message.reception.campaign_id.clone());
    }
    let envelope = serde_json::json!({ "msys": { group: fields } });
    serde_json::to_writer(to, &envelope).expect("a Vec takes every write");
    true
}
