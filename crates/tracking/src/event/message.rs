//! The facts of a message: what its reception says.

use super::Occurrence;
use crate::{
    account::Account,
    ids::{MessageId, TransmissionId},
    smtpapi::Options,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::net::IpAddr;

/// What a sender wants to find again in events: a JSON object of its own.
pub type Metadata = Map<String, Value>;

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
    /// Whether it has an AMP part that may be tracked (`amp`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub amp_enabled: bool,
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
