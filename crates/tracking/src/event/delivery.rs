//! The way of a message: what MTAs say of it, to the gateway, in their records and in
//! reports by mail.

use crate::ids::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::net::IpAddr;

/// What an MTA answered to a message: upstream to the gateway, or the recipient's to
/// upstream, which `attempt` tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamReply {
    /// The reply code (RFC 5321 §4.2); 0 where there was no reply.
    pub error_code: u16,
    /// The text of the reply, with its enhanced status code; lines joined by a space.
    pub raw_reason: String,
    /// The queue id: the one that upstream told in its reply, or the one of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_id: Option<String>,
    /// What the record of an MTA says besides; nothing where upstream answered the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Box<Attempt>>,
}

/// What an MTA's record, or a report by mail, says of an attempt to deliver. What it does not
/// say is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The recipient, as the record has it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rcpt_to: String,
    /// The reverse-path.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub msg_from: String,
    /// The subaccount that a header of the message tells.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subaccount_id: String,
    /// The class of the bounce (`bounce::Class`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounce_class: Option<u8>,
    /// The category that the MTA itself gives to the bounce, in its own words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bounce_category: String,
    /// The enhanced status code (RFC 3463), where the record has it by itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub enhanced_status: String,
    /// The domain that mail was routed by.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub routing_domain: String,
    /// The address that it was sent from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending_ip: Option<IpAddr>,
    /// The address of the recipient's MTA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<IpAddr>,
    /// The name of the recipient's MTA.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remote_mta: String,
    /// The pool of addresses (PowerMTA's vmtaPool, KumoMTA's egress_pool, a binding group).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ip_pool: String,
    /// The one of the pool (PowerMTA's vmta, KumoMTA's egress_source, a binding).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub binding: String,
    /// How it was delivered, in SparkPost's word; empty stands for `esmtp`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub delv_method: String,
    /// Octets of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg_size: Option<u64>,
    /// Attempts before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_retries: Option<u32>,
    /// Milliseconds in the queue until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_time: Option<u64>,
    /// When the MTA had taken the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_at: Option<Timestamp>,
    /// The format of the record, such as `powermta`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub format: String,
    /// What else the record has, by its own names.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub other: Map<String, Value>,
}

/// A complaint of a recipient, as a feedback loop tells it (RFC 5965).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// The kind of feedback: `abuse` and the like.
    pub fbtype: String,
    /// Who reports it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub report_by: String,
    /// To whom it was reported.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub report_to: String,
    /// What the MTA had written into the message for its own use.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user_str: String,
    /// The program that made the report.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user_agent: String,
    /// The queue id of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_id: Option<String>,
    /// What the record says of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Box<Attempt>>,
}

/// Mail that came in for a domain of the sender, and was to be handed on (SparkPost's relay
/// events).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// For whom it is.
    pub rcpt_to: String,
    /// The reverse-path.
    pub msg_from: String,
    /// The place that it is handed on to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub relay_id: String,
    /// How it came in or went on: `esmtp` or `http`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// The code of the answer, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u16>,
    /// Its text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub raw_reason: String,
    /// The address of the MTA that sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<IpAddr>,
    /// Attempts before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_retries: Option<u32>,
    /// Octets of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg_size: Option<u64>,
}
