//! Events: what happened to a message. The vocabulary has this one definition; its
//! type names are those of SparkPost's events. `encode` and `decode` are the stored
//! form, which carries a version and has golden files in `testdata/events`.

mod delivery;
mod engagement;
mod json;
mod message;

pub use delivery::{Attempt, Complaint, Relay, UpstreamReply};
pub use engagement::{Click, GeoIp, LINK_NAME, Unsubscription, UserAgentParsed, Visit};
pub use message::{Client, Metadata, MetadataReach, RcptType, Reception};

use crate::ids::{EventId, MessageId, Timestamp};
use serde::{Deserialize, Serialize};

/// One thing that happened to one message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The same however often the event is sent on.
    pub event_id: EventId,
    /// When it happened, in milliseconds since the Unix epoch.
    pub timestamp: Timestamp,
    /// The message it happened to; `MessageId::UNKNOWN` in the record of an MTA that knows but
    /// its own queue id, by which consumers find the message.
    pub message_id: MessageId,
    /// It was recorded elsewhere and came by Redis, perhaps not for the first time: whoever counts
    /// it remembers its id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_from_elsewhere: bool,
    /// What happened.
    #[serde(flatten)]
    pub occurrence: Occurrence,
}

/// What can happen to a message, with what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Occurrence {
    /// The gateway has a copy ready for upstream, or policy has refused it. On disk before
    /// the copy's final dot goes out, so that no mail is under way of which the log knows
    /// nothing.
    Reception(Box<Reception>),
    /// Upstream took the copy over: the message is outbound.
    Injection(UpstreamReply),
    /// The recipient's MTA took the message over.
    Delivery(UpstreamReply),
    /// Upstream or policy refused the copy for now; the sender was told, or will be. Or an MTA
    /// could not deliver it yet.
    Delay(UpstreamReply),
    /// Upstream or policy refused the copy for good, and the sender got no such reply because
    /// other recipients of the message were accepted: a DSN tells it. Or an MTA gave it up.
    Bounce(UpstreamReply),
    /// It was refused after the recipient's MTA had taken it over: a DSN says so.
    OutOfBand(UpstreamReply),
    /// The recipient calls it unwanted: a feedback loop says so.
    SpamComplaint(Box<Complaint>),
    /// Upstream or policy refused the copy for good, and the sender got that reply.
    PolicyRejection(UpstreamReply),
    /// The message could not be made.
    GenerationFailure(UpstreamReply),
    /// The message was not made: policy forbids it.
    GenerationRejection(UpstreamReply),
    /// Mail for a domain of the sender came in.
    RelayInjection(Box<Relay>),
    /// It was refused.
    RelayRejection(Box<Relay>),
    /// It was handed on.
    RelayDelivery(Box<Relay>),
    /// It could not be handed on yet.
    RelayTempfail(Box<Relay>),
    /// It could not be handed on.
    RelayPermfail(Box<Relay>),
    /// The pixel at the end of the message was fetched.
    Open(Visit),
    /// The pixel at the top of the message was fetched.
    InitialOpen(Visit),
    /// A link was followed.
    Click(Click),
    /// The pixel at the end of the AMP part was fetched.
    AmpOpen(Visit),
    /// The pixel at the top of the AMP part was fetched.
    AmpInitialOpen(Visit),
    /// A link of the AMP part was followed.
    AmpClick(Click),
    /// A link was followed by which its sender lets recipients unsubscribe
    /// (`data-msys-unsubscribe`).
    LinkUnsubscribe(Click),
    /// The recipient has unsubscribed by the List-Unsubscribe field (RFC 2369, RFC 8058).
    ListUnsubscribe(Unsubscription),
    /// A link was followed that no person sees (`honeypot_link`): the visitor is a machine.
    Honeypot(Visit),
}

impl Occurrence {
    /// The name of every type.
    pub const TYPE_NAMES: [&'static str; 24] = [
        "reception",
        "injection",
        "delivery",
        "delay",
        "bounce",
        "out_of_band",
        "spam_complaint",
        "policy_rejection",
        "generation_failure",
        "generation_rejection",
        "relay_injection",
        "relay_rejection",
        "relay_delivery",
        "relay_tempfail",
        "relay_permfail",
        "open",
        "initial_open",
        "click",
        "amp_open",
        "amp_initial_open",
        "amp_click",
        "link_unsubscribe",
        "list_unsubscribe",
        "honeypot",
    ];

    /// The type's name, as it stands in the stored form and in every report.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Reception(_) => "reception",
            Self::Injection(_) => "injection",
            Self::Delivery(_) => "delivery",
            Self::Delay(_) => "delay",
            Self::Bounce(_) => "bounce",
            Self::OutOfBand(_) => "out_of_band",
            Self::SpamComplaint(_) => "spam_complaint",
            Self::PolicyRejection(_) => "policy_rejection",
            Self::GenerationFailure(_) => "generation_failure",
            Self::GenerationRejection(_) => "generation_rejection",
            Self::RelayInjection(_) => "relay_injection",
            Self::RelayRejection(_) => "relay_rejection",
            Self::RelayDelivery(_) => "relay_delivery",
            Self::RelayTempfail(_) => "relay_tempfail",
            Self::RelayPermfail(_) => "relay_permfail",
            Self::Open(_) => "open",
            Self::InitialOpen(_) => "initial_open",
            Self::Click(_) => "click",
            Self::AmpOpen(_) => "amp_open",
            Self::AmpInitialOpen(_) => "amp_initial_open",
            Self::AmpClick(_) => "amp_click",
            Self::LinkUnsubscribe(_) => "link_unsubscribe",
            Self::ListUnsubscribe(_) => "list_unsubscribe",
            Self::Honeypot(_) => "honeypot",
        }
    }

    /// Who did it, where it is something that a recipient does.
    pub fn visit(&self) -> Option<&Visit> {
        match self {
            Self::Open(visit)
            | Self::InitialOpen(visit)
            | Self::AmpOpen(visit)
            | Self::AmpInitialOpen(visit)
            | Self::Honeypot(visit) => Some(visit),
            Self::Click(click) | Self::AmpClick(click) | Self::LinkUnsubscribe(click) => {
                Some(&click.visit)
            }
            Self::ListUnsubscribe(unsubscription) => Some(&unsubscription.visit),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn visit_mut(&mut self) -> Option<&mut Visit> {
        match self {
            Self::Open(visit)
            | Self::InitialOpen(visit)
            | Self::AmpOpen(visit)
            | Self::AmpInitialOpen(visit)
            | Self::Honeypot(visit) => Some(visit),
            Self::Click(click) | Self::AmpClick(click) | Self::LinkUnsubscribe(click) => {
                Some(&mut click.visit)
            }
            Self::ListUnsubscribe(unsubscription) => Some(&mut unsubscription.visit),
            _ => None,
        }
    }

    /// What an MTA said, where it is something that one said.
    pub fn reply(&self) -> Option<&UpstreamReply> {
        match self {
            Self::Injection(reply)
            | Self::Delivery(reply)
            | Self::Delay(reply)
            | Self::Bounce(reply)
            | Self::OutOfBand(reply)
            | Self::PolicyRejection(reply)
            | Self::GenerationFailure(reply)
            | Self::GenerationRejection(reply) => Some(reply),
            _ => None,
        }
    }

    /// The queue id under which an MTA speaks of the message.
    pub fn queue_id(&self) -> Option<&str> {
        match self {
            Self::SpamComplaint(complaint) => complaint.queue_id.as_deref(),
            other => other.reply()?.queue_id.as_deref(),
        }
    }

    /// What the record of an MTA says of the attempt, where it comes of one.
    pub fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::SpamComplaint(complaint) => complaint.attempt.as_deref(),
            other => other.reply()?.attempt.as_deref(),
        }
    }

    /// The same, to be changed.
    pub fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        match self {
            Self::Delivery(reply)
            | Self::Delay(reply)
            | Self::Bounce(reply)
            | Self::OutOfBand(reply)
            | Self::PolicyRejection(reply) => reply.attempt.as_deref_mut(),
            Self::SpamComplaint(complaint) => complaint.attempt.as_deref_mut(),
            _ => None,
        }
    }

    /// Is it the fetch of a pixel?
    pub fn is_open(&self) -> bool {
        matches!(
            self,
            Self::Open(_) | Self::InitialOpen(_) | Self::AmpOpen(_) | Self::AmpInitialOpen(_)
        )
    }
}

/// The version of the stored form that `encode` writes.
const STORED_VERSION: u8 = 1;

/// Why octets are no stored event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not even a version.
    #[error("an empty record is no event")]
    Empty,
    /// Written by a later mailwake, or no event at all.
    #[error("event of stored version {0}, this mailwake knows version {STORED_VERSION}")]
    Version(u8),
    /// The version is known, the rest is not what it should be.
    #[error("event of stored version {STORED_VERSION} cannot be read: {0}")]
    Body(#[from] serde_json::Error),
}

/// The stored form of an event: one octet of version, then JSON.
pub fn encode(event: &Event) -> Vec<u8> {
    let mut octets = Vec::with_capacity(320);
    encode_to(event, &mut octets);
    octets
}

/// Appends the stored form of an event to `octets`.
pub fn encode_to(event: &Event, octets: &mut Vec<u8>) {
    octets.push(STORED_VERSION);
    json::append(event, octets);
}

/// Reads what `encode` wrote. Fields that a later mailwake added are passed over.
pub fn decode(octets: &[u8]) -> Result<Event, DecodeError> {
    match octets.split_first() {
        None => Err(DecodeError::Empty),
        Some((&STORED_VERSION, body)) => Ok(serde_json::from_slice(body)?),
        Some((&version, _)) => Err(DecodeError::Version(version)),
    }
}

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
pub(crate) mod samples;

#[cfg(test)]
mod tests;
