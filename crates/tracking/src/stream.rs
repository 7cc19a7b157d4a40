//! Events in streams of Redis, by which one mailwake hands them to another, or to whoever reads
//! them: which stream an event is in, and the fields of its entry. Events come in and fields go
//! out, and the other way round.

use crate::{
    event::{self, DecodeError, Event},
    ids::{EventId, IdError, MessageId},
};

/// What the names of streams begin with, unless told otherwise.
pub const PREFIX: &str = "trk:";

/// The id of the event: entries with the same one are the same event.
pub const EVENT_ID: &str = "event_id";
/// The message that it happened to.
pub const MESSAGE_ID: &str = "message_id";
/// Its type.
pub const TYPE: &str = "type";
/// The version of `EVENT`.
pub const VERSION: &str = "version";
/// The event as it is stored (docs/events.md), JSON.
pub const EVENT: &str = "event";
/// The event as SparkPost writes it, where that is asked for and SparkPost knows its type.
pub const SPARKPOST: &str = "sparkpost";

/// Octets of `EVENT` that are read; a log takes more.
pub const EVENT_OCTETS_MAX: usize = 512 * 1024;

/// The name of a stream. The number is its hash tag, so that a cluster spreads streams over its
/// nodes, and keeps by them what has the same tag.
pub fn name(prefix: &str, shard: u16) -> String {
    format!("{prefix}{{{shard}}}")
}

/// The stream, of so many, that a message's events are in: one is read in order.
pub fn shard(message_id: MessageId, shards: u16) -> u16 {
    // Ids of senders need not be random, so every octet counts (FNV-1a).
    let hash = message_id
        .octets()
        .iter()
        .fold(0x811c_9dc5_u32, |hash, octet| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193));
    u16::try_from(hash % u32::from(shards.max(1))).unwrap_or_default()
}

/// Why an entry is no event. No variant has its content.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// It lacks a field.
    #[error("an entry without the field {0:?}")]
    Missing(&'static str),
    /// Its event is larger than `EVENT_OCTETS_MAX`.
    #[error("an event of {octets} octets, at most {EVENT_OCTETS_MAX} are read")]
    TooLarge {
        /// Its octets.
        octets: usize,
    },
    /// Its version is no number that a stored form has.
    #[error("its version is no number from 1 to 255")]
    Version,
    /// A later mailwake wrote it, or it is no event.
    #[error("{0}")]
    Event(#[from] DecodeError),
    /// Its id is none.
    #[error("{0}")]
    Id(#[from] IdError),
    /// Its id is another one than that of its event.
    #[error("its event_id is not that of its event")]
    OtherId,
}

/// The version and the JSON of an event's stored form, which `stored` takes.
pub fn split(stored: &[u8]) -> (u8, &[u8]) {
    stored.split_first().map_or((0, stored), |(version, json)| (*version, json))
}

/// Reads an entry: `field` gives the value of a field that it has.
pub fn read<'a>(field: impl Fn(&str) -> Option<&'a [u8]>) -> Result<Event, EntryError> {
    let required = |name: &'static str| field(name).ok_or(EntryError::Missing(name));
    let version = str::from_utf8(required(VERSION)?).ok().and_then(|text| text.parse().ok());
    let version: u8 = version.filter(|version| *version > 0).ok_or(EntryError::Version)?;
    let json = required(EVENT)?;
    if json.len() > EVENT_OCTETS_MAX {
        return Err(EntryError::TooLarge { octets: json.len() });
    }
    let mut stored = Vec::with_capacity(1 + json.len());
    stored.push(version);
    stored.extend_from_slice(json);
    let event = Event { is_from_elsewhere: true, ..event::decode(&stored)? };
    let event_id: EventId = str::from_utf8(required(EVENT_ID)?).unwrap_or_default().parse()?;
    if event_id == event.event_id { Ok(event) } else { Err(EntryError::OtherId) }
}

#[cfg(test)]
mod tests;
