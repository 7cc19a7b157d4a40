//! Events as SparkPost writes them: `{"msys":{"<group>":{…,"type":"<type>"}}}`, for its webhooks
//! and its Ingest API. An event and what is known of its message come in, JSON goes out.

use crate::{
    bounce::Rules,
    event::{Event, Occurrence, UserAgentParsed},
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
    /// The parts of the user agent, of an event that has one.
    pub user_agent_parsed: Option<&'a UserAgentParsed>,
    /// What differs between receivers.
    pub form: Form,
}

/// What differs between receivers. The default is what SparkPost's webhooks send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Form {
    /// How types are called.
    pub names: Names,
    /// How booleans are written.
    pub booleans: Booleans,
    /// How the time of the event is written.
    pub times: Times,
    /// Are the fields put to it that SparkPost does not know? `docs/sparkpost.md` has them.
    pub has_extras: bool,
}

/// How types are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// As webhooks and the Events API call them.
    #[default]
    Public,
    /// As Momentum calls them inside, and the samples of the Ingest API: `reception` for an
    /// injection, `inband` for a bounce, `outofband` for one out of band.
    Internal,
}

/// How booleans are written, such as `open_tracking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Booleans {
    /// `true` and `false`.
    #[default]
    Json,
    /// `"1"` and `"0"`, as Momentum and the samples of the Ingest API have them.
    Digits,
}

/// How the time of an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Times {
    /// Unix seconds: `"1454442600"`.
    #[default]
    Seconds,
    /// With milliseconds, as Momentum may send them: `"1411751722.079"`.
    Fractions,
    /// As the Events API tells it: `"2016-04-18T14:25:07.000+00:00"`.
    Iso,
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
