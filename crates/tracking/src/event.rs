//! Events: what happened to a message. The vocabulary has this one definition; its
//! type names are those of SparkPost's events. `encode` and `decode` are the stored
//! form, which carries a version and has golden files in `testdata/events`.

mod json;

use crate::{
    account::Account,
    ids::{EventId, MessageId, Timestamp, TransmissionId},
    smtpapi::Options,
    verdict::{Judgement, Verdict, reason},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::net::IpAddr;

/// What a sender wants to find again in events: a JSON object of its own.
pub type Metadata = Map<String, Value>;

/// One thing that happened to one message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The same however often the event is sent on.
    pub event_id: EventId,
    /// When it happened, in milliseconds since the Unix epoch.
    pub timestamp: Timestamp,
    /// The message it happened to.
    pub message_id: MessageId,
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
    /// Upstream or policy refused the copy for now; the sender was told, or will be.
    Delay(UpstreamReply),
    /// Upstream or policy refused the copy for good, and the sender got no such reply because
    /// other recipients of the message were accepted: a DSN tells it.
    Bounce(UpstreamReply),
    /// Upstream or policy refused the copy for good, and the sender got that reply.
    PolicyRejection(UpstreamReply),
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

/// The facts of a message, as the gateway received it for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reception {
    /// Shared by the copies of one DATA.
    pub transmission_id: TransmissionId,
    /// The recipient, as RCPT TO gave it.
    pub rcpt_to: String,
    /// Which part the recipient has in the message.
    #[serde(default, skip_serializing_if = "RcptType::is_to")]
    pub rcpt_type: RcptType,
    /// The message whose links it carries, where that is another one: the archive has those
    /// of a recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links_of: Option<MessageId>,
    /// The reverse-path, as MAIL FROM gave it; empty for the null reverse-path.
    pub msg_from: String,
    /// The Subject field, decoded; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// The From field as it stands.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub friendly_from: String,
    /// Who sent it, where the client has authenticated itself.
    #[serde(flatten)]
    pub account: Account,
    /// From where it came.
    #[serde(flatten)]
    pub client: Client,
    /// The campaign that the message belongs to; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub campaign_id: String,
    /// What the sender wants to find again; empty for nothing.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub rcpt_meta: Metadata,
    /// Which engagements tell of `rcpt_meta`, as it was decided when the copy was made.
    #[serde(default, skip_serializing_if = "MetadataReach::is_engagement")]
    pub rcpt_meta_reach: MetadataReach,
    /// Words to find messages by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rcpt_tags: Vec<String>,
    /// What the sender asks of the MTA.
    #[serde(flatten)]
    pub options: Options,
    /// Octets of the copy that went upstream.
    pub msg_size: u64,
    /// Whether a pixel at the end was put in.
    pub open_tracking: bool,
    /// Whether a pixel at the top was put in.
    pub initial_pixel: bool,
    /// Whether links were wrapped.
    pub click_tracking: bool,
    /// How many links were wrapped.
    pub links: u32,
    /// Why parts were left as they were: stable names of reasons, without repetition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untouched: Vec<String>,
}

/// Which part a recipient has in a message (SparkPost's `rcpt_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RcptType {
    /// One of the envelope.
    #[default]
    To,
    /// One that all copies show.
    Cc,
    /// One that only its own copy shows.
    Bcc,
    /// One that gets what a recipient of the envelope gets, links and all.
    Archive,
}

impl RcptType {
    fn is_to(&self) -> bool {
        *self == Self::To
    }

    /// As it stands in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::To => "to",
            Self::Cc => "cc",
            Self::Bcc => "bcc",
            Self::Archive => "archive",
        }
    }
}

/// Which engagements tell of the metadata of their message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetadataReach {
    /// Opens and clicks.
    #[default]
    Engagement,
    /// Opens alone.
    Opens,
    /// None.
    Reception,
}

impl MetadataReach {
    /// As it stands in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Engagement => "engagement",
            Self::Opens => "opens",
            Self::Reception => "reception",
        }
    }

    /// Does an event of this kind tell of it? Those of the way of a message always do.
    pub fn covers(self, occurrence: &Occurrence) -> bool {
        match occurrence {
            _ if occurrence.is_open() => self != Self::Reception,
            _ if occurrence.visit().is_some() => self == Self::Engagement,
            _ => true,
        }
    }

    fn is_engagement(&self) -> bool {
        *self == Self::Engagement
    }
}

/// The client that sent a message, as far as it is known: by its connection, or by what a
/// trusted peer tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_address: Option<IpAddr>,
    /// Its port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_port: Option<u16>,
    /// The name of its address, where a peer tells it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_name: String,
    /// What it called itself in HELO or EHLO.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_helo: String,
    /// What it speaks, such as ESMTP.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_protocol: String,
}

/// What upstream answered to the end of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamReply {
    /// The reply code (RFC 5321 §4.2).
    pub error_code: u16,
    /// The text of the reply, with its enhanced status code; lines joined by a space.
    pub raw_reason: String,
    /// The queue id that upstream told in its reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_id: Option<String>,
}

/// Who fetched a pixel or a link, as far as HTTP tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<IpAddr>,
    /// The User-Agent field.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user_agent: String,
    /// The campaign of the message, where the link itself tells it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub campaign_id: String,
    /// The metadata of the message, where the link itself tells it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub rcpt_meta: Metadata,
    /// Who is behind it, by what the request alone shows; nothing in events of a mailwake
    /// that did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why: the reasons of `verdict::Judgement`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdict_reasons: Vec<String>,
    /// Where the client's address is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geo_ip: Option<Box<GeoIp>>,
}

/// Where an address is, as far as a table tells (SparkPost's `geo_ip`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeoIp {
    /// The country, by its two letters of ISO 3166-1.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub country: String,
    /// The part of the country, by the letters of ISO 3166-2 behind those of the country.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// The city, by its English name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub city: String,
    /// Degrees to the north, as a decimal number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub latitude: String,
    /// Degrees to the east, as a decimal number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub longitude: String,
    /// The postal code.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub postal_code: String,
}

impl Visit {
    /// The first verdict. An event without one is a human's, with a doubt.
    pub fn judgement(&self) -> Judgement {
        match self.verdict {
            Some(verdict) => Judgement { verdict, reasons: self.verdict_reasons.clone() },
            None => Judgement { verdict: Verdict::Human, reasons: vec![reason::NOT_JUDGED.into()] },
        }
    }
}

/// A link that was followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Click {
    /// Who followed it.
    #[serde(flatten)]
    pub visit: Visit,
    /// The link's place among the links of the message, from 0.
    pub link_index: u32,
    /// What its sender calls it (`data-msys-linkname`); empty where it has no name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target_link_name: String,
    /// Where it led.
    pub target_link_url: String,
}

/// A recipient who wants no more of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsubscription {
    /// Who asked for it.
    #[serde(flatten)]
    pub visit: Visit,
    /// The sender's own place for it, which is to be told; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target_url: String,
}

/// The name of a link that has none, in events and reports (SparkPost events).
pub const LINK_NAME: &str = "Raw URL";

impl Click {
    /// What the link is called in events and reports.
    pub fn name(&self) -> &str {
        if self.target_link_name.is_empty() { LINK_NAME } else { &self.target_link_name }
    }
}

impl Occurrence {
    /// The name of every type.
    pub const TYPE_NAMES: [&'static str; 14] = [
        "reception",
        "injection",
        "delay",
        "bounce",
        "policy_rejection",
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
            Self::Delay(_) => "delay",
            Self::Bounce(_) => "bounce",
            Self::PolicyRejection(_) => "policy_rejection",
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
            Self::Reception(_)
            | Self::Injection(_)
            | Self::Delay(_)
            | Self::Bounce(_)
            | Self::PolicyRejection(_) => None,
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
            Self::Reception(_)
            | Self::Injection(_)
            | Self::Delay(_)
            | Self::Bounce(_)
            | Self::PolicyRejection(_) => None,
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
    json::append(event, octets)
        .expect("an event has no map with other keys than strings, and a Vec takes every write");
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
mod tests;
