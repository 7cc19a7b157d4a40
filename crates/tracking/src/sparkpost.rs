//! Events as SparkPost writes them: `{"msys":{"<group>":{"type":"<type>",…}}}`, for its webhooks
//! and its Ingest API. An event and what is known of its message come in, JSON goes out.
//! `docs/sparkpost.md` has the fields.

mod fields;
mod message;
mod occurrence;
mod read;
mod reason;

pub use read::{OCTETS_MAX, ReadError, ReadEvent, read};
pub use reason::canonical;

use crate::{
    bounce::Rules,
    event::{Event, Occurrence, Relay, UserAgentParsed},
    json,
    message::MessageRecord,
};
use fields::Fields;

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
    /// injection, `inband` for a bounce.
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

/// The group of an event; `None` for what SparkPost does not know.
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
    for part in [b"{\"msys\":{\"", group.as_bytes(), b"\":{\"type\":\""] {
        to.extend_from_slice(part);
    }
    to.extend_from_slice(type_name(&event.occurrence, context.form.names).as_bytes());
    to.extend_from_slice(b"\",\"event_id\":\"");
    to.extend_from_slice(&event.event_id.digits());
    to.extend_from_slice(b"\",\"message_id\":\"");
    to.extend_from_slice(&event.message_id.digits());
    to.push(b'"');
    let mut fields = Fields { to, form: context.form };
    fields.time("timestamp", event.timestamp);
    let relay = relay(&event.occurrence);
    match relay {
        Some(relay) => message::append_relay(&event.occurrence, relay, &mut fields),
        None => message::append(event, context, &mut fields),
    }
    occurrence::append(event, context, &mut fields);
    to.extend_from_slice(b"}}");
    if relay.is_none() {
        append_customer(context, to);
    }
    to.push(b'}');
    true
}

/// Whose mail it is, once more: SparkPost's webhooks tell it beside the event.
fn append_customer(context: &Context<'_>, to: &mut Vec<u8>) {
    let account = context.message.map(|message| &message.reception.account);
    let customer_id = account.map_or("", |account| &account.customer_id);
    if context.form.names == Names::Public && !customer_id.is_empty() {
        to.extend_from_slice(b",\"cust\":{\"id\":");
        json::text(customer_id, to);
        to.push(b'}');
    }
}

fn type_name(occurrence: &Occurrence, names: Names) -> &'static str {
    match (names, occurrence) {
        (Names::Internal, Occurrence::Injection(_)) => "reception",
        (Names::Internal, Occurrence::Bounce(_)) => "inband",
        _ => occurrence.type_name(),
    }
}

fn relay(occurrence: &Occurrence) -> Option<&Relay> {
    match occurrence {
        Occurrence::RelayInjection(relay)
        | Occurrence::RelayRejection(relay)
        | Occurrence::RelayDelivery(relay)
        | Occurrence::RelayTempfail(relay)
        | Occurrence::RelayPermfail(relay) => Some(relay),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
