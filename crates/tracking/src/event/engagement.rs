//! What recipients do: who asked the tracker, and for what.

use super::Metadata;
use crate::verdict::{Judgement, Verdict, reason};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use std::net::IpAddr;

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

/// The parts of a user agent, and how it came to the message (SparkPost's
/// `user_agent_parsed`). They stand in no stored event: who reads events finds them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserAgentParsed {
    /// The program.
    pub agent_family: String,
    /// Who made the device.
    pub device_brand: String,
    /// The device.
    pub device_family: String,
    /// Its system.
    pub os_family: String,
    /// The version of the system, as far as it is told.
    pub os_version: String,
    /// Is it a phone or a tablet?
    pub is_mobile: bool,
    /// Did the request come through a proxy of images?
    pub is_proxy: bool,
    /// Was it made ahead, without a person?
    pub is_prefetched: bool,
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
