//! The queue between tracker and feeder of the Go reference (sparkypmtatracking): a list in
//! Redis whose entries are small JSON objects, and a key for each message that tells who got it.
//! Events come in and entries go out, and the other way round.

use crate::{
    event::{Click, Event, Occurrence, Visit},
    ids::{EventId, MessageId, Timestamp},
    token::legacy::LegacyLink,
};
use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, time::Duration};

/// The list's name.
pub const QUEUE: &str = "trk_queue";

/// What the keys of messages begin with; the message id follows.
pub const MESSAGE_KEY_PREFIX: &str = "msgID_";

/// For so long the Go reference keeps who got a message.
pub const MESSAGE_KEPT_FOR: Duration = Duration::from_secs(10 * 86_400);

/// Octets of an entry that is read. What HTTP servers take of a URL and of a User-Agent field
/// is far less.
pub const ENTRY_OCTETS_MAX: usize = 64 * 1024;

/// The last second of the year 9999.
const SECONDS_MAX: i64 = 253_402_300_799;

/// An entry as the Go reference's tracker writes it.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// What the link says that was asked for.
    #[serde(rename = "WD")]
    link: LegacyLink,
    /// Seconds since the Unix epoch, in decimal.
    ts: String,
    #[serde(default)]
    ua: String,
    #[serde(default)]
    ip: String,
}

/// An entry as the first versions of that tracker wrote it.
#[derive(Debug, Deserialize)]
struct FirstEntry {
    #[serde(rename = "type")]
    type_name: String,
    #[serde(default)]
    target_link_url: String,
    x_sp_message_id: String,
    timestamp: String,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    ip_address: String,
}

/// Who got a message, as the Go reference's `acct_etl` tells it.
#[derive(Debug, Serialize)]
struct Augmentation<'a> {
    #[serde(rename = "header_x-sp-subaccount-id", skip_serializing_if = "str::is_empty")]
    subaccount_id: &'a str,
    rcpt: &'a str,
}

/// Why an entry is no event. No variant has its content.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// It is larger than `ENTRY_OCTETS_MAX`.
    #[error("an entry of {octets} octets, at most {ENTRY_OCTETS_MAX} are read")]
    TooLarge {
        /// Its octets.
        octets: usize,
    },
    /// It is not the JSON of an entry.
    #[error("not the JSON of an entry: it ends to be one in line {line}, column {column}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Its action is none of `o`, `i` and `c`, or its type none that they stand for.
    #[error("neither an open, an initial open nor a click")]
    Action,
    /// Its id names no message of this kind of id.
    #[error("its message id is not 20 hexadecimal characters")]
    MessageId,
    /// Its time is no time.
    #[error("its time is no number of seconds since 1970")]
    Time,
}

/// Appends the entry of an event, for `rcpt_to` if that is known. False, and nothing is
/// appended, for what the Go reference does not know: it has opens, initial opens and clicks.
pub fn append(event: &Event, rcpt_to: &str, to: &mut Vec<u8>) -> bool {
    let (act, visit, t_url) = match &event.occurrence {
        Occurrence::Open(visit) => ("o", visit, ""),
        Occurrence::InitialOpen(visit) => ("i", visit, ""),
        // To the Go reference a link by which recipients unsubscribe is a link.
        Occurrence::Click(click) | Occurrence::LinkUnsubscribe(click) => {
            ("c", &click.visit, click.target_link_url.as_str())
        }
        _ => return false,
    };
    let link = LegacyLink {
        act: act.into(),
        t_url: t_url.into(),
        msg_id: event.message_id.to_string(),
        rcpt: rcpt_to.into(),
    };
    let entry = Entry {
        link,
        ts: event.timestamp.0.div_euclid(1_000).to_string(),
        ua: visit.user_agent.clone(),
        ip: visit.ip_address.map(|address| address.to_string()).unwrap_or_default(),
    };
    to.extend_from_slice(as_go(&entry).as_bytes());
    true
}

/// What stands at the key of a message: its recipient, and the subaccount if it has one.
pub fn augmentation(rcpt_to: &str, subaccount_id: &str) -> String {
    as_go(&Augmentation { subaccount_id, rcpt: rcpt_to })
}

/// The key of a message.
pub fn message_key(message_id: MessageId) -> String {
    format!("{MESSAGE_KEY_PREFIX}{message_id}")
}

/// JSON as Go's encoder writes it: with the characters that matter to HTML escaped.
fn as_go(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("texts are always JSON");
    json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

/// Reads an entry. The event has the same id whenever the entry is read: it is made of the
/// entry, and of how many of the same octets there were before it (`repetition`), since two
/// fetches within a second look the same.
pub fn read(entry: &[u8], repetition: u32) -> Result<Event, EntryError> {
    if entry.len() > ENTRY_OCTETS_MAX {
        return Err(EntryError::TooLarge { octets: entry.len() });
    }
    let Entry { link, ts, ua, ip } = parse(entry)?;
    let seconds: i64 = ts.parse().map_err(|_| EntryError::Time)?;
    if !(0..=SECONDS_MAX).contains(&seconds) {
        return Err(EntryError::Time);
    }
    let message_id = link.msg_id.to_ascii_lowercase().parse().map_err(|_| EntryError::MessageId)?;
    // A proxy in front of that tracker may have told anything.
    let ip_address: Option<IpAddr> = ip.parse().ok();
    let visit = Visit { ip_address, user_agent: ua, ..Visit::default() };
    let occurrence = match link.act.as_str() {
        "o" => Occurrence::Open(visit),
        "i" => Occurrence::InitialOpen(visit),
        "c" => Occurrence::Click(Click {
            visit,
            link_index: 0,
            target_link_name: String::new(),
            target_link_url: link.t_url,
        }),
        _ => return Err(EntryError::Action),
    };
    let timestamp = Timestamp(seconds * 1_000);
    let event_id = EventId::of_record(timestamp, nonce(entry, repetition));
    Ok(Event { event_id, timestamp, message_id, is_from_elsewhere: true, occurrence })
}

fn parse(entry: &[u8]) -> Result<Entry, EntryError> {
    let error = match serde_json::from_slice(entry) {
        Ok(entry) => return Ok(entry),
        Err(error) => error,
    };
    let first: FirstEntry = serde_json::from_slice(entry)
        .map_err(|_| EntryError::Json { line: error.line(), column: error.column() })?;
    let act = match first.type_name.as_str() {
        "open" => "o",
        "initial_open" => "i",
        "click" => "c",
        _ => return Err(EntryError::Action),
    };
    let link = LegacyLink {
        act: act.into(),
        t_url: first.target_link_url,
        msg_id: first.x_sp_message_id,
        rcpt: String::new(),
    };
    Ok(Entry { link, ts: first.timestamp, ua: first.user_agent, ip: first.ip_address })
}

fn nonce(entry: &[u8], repetition: u32) -> [u8; 10] {
    let of_entry = digest(&SHA256, entry);
    let mut nonce = [0; 10];
    nonce.copy_from_slice(&of_entry.as_ref()[..10]);
    for (octet, of_repetition) in nonce[6..].iter_mut().zip(repetition.to_be_bytes()) {
        *octet ^= of_repetition;
    }
    nonce
}

#[cfg(test)]
mod tests;
