//! The records of MTAs, which come when they come: several times, before what they belong to, or
//! of mail that has not passed the gateway. Each is counted once; the message that it speaks of
//! by a queue id is found; and what cannot be counted yet is parked. Events that come by Redis may
//! come again as well, and are counted once by the same means.

use super::model::Result;
use super::store::LogEntry;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::{HashMap, HashSet};
use tracking::event::{self, Event, Occurrence};
use tracking::ids::{EventId, MessageId, Timestamp};

/// How long before its record a message can have been received, and how long a record is parked.
/// MTAs give up after five days or so.
pub(super) const PARKED_MS: i64 = 7 * Timestamp::DAY_MS;
const QUEUED_MS: i64 = 14 * Timestamp::DAY_MS;

/// The clock of an MTA may be so far behind that of the gateway.
const CLOCKS_MS: i64 = 300_000;

/// Records tell seconds, perhaps cut off.
const SECOND_MS: i64 = 1000;

/// Records that are parked at most; the oldest go first.
const PARKED_MAX: u64 = 250_000;

/// How long the id of what may come again is remembered, in days.
const REMEMBERED_DAYS: i64 = 8;

/// Ids that are forgotten at once, so that writing is not held up for long.
const FORGOTTEN_MAX: i64 = 20_000;

/// What became of records, since the store was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// Records, and events from elsewhere, that were counted before, and so were passed over.
    pub duplicates: u64,
    /// Records of mail that has not passed the gateway, as far as anybody knows.
    pub foreign: u64,
    /// Records that wait for their message now.
    pub parked: u64,
}

/// An entry that is to be applied.
#[derive(Debug)]
pub(super) struct Fresh<'a> {
    pub(super) entry: &'a LogEntry,
    /// The message that its queue id means, where that is told already.
    pub(super) found: Option<MessageId>,
}

impl Fresh<'_> {
    /// The message of an event, as far as it is known.
    pub(super) fn message_id(&self, event: &Event) -> MessageId {
        self.found.unwrap_or(event.message_id)
    }
}

/// Is it the record of an MTA? Or something that, without a message id, can be nothing else.
pub(super) fn is_record(event: &Event) -> bool {
    let is_of_message = event.occurrence.reply().is_some()
        || matches!(event.occurrence, Occurrence::SpamComplaint(_));
    let is_generated = matches!(
        event.occurrence,
        Occurrence::GenerationFailure(_) | Occurrence::GenerationRejection(_)
    );
    let is_nameless = event.message_id == MessageId::UNKNOWN;
    event.occurrence.attempt().is_some() || (is_of_message && is_nameless && !is_generated)
}

/// Is it told of perhaps more than once? Records are read again, and Redis gives again what was
/// not acknowledged.
pub(super) fn may_come_again(event: &Event) -> bool {
    event.occurrence.attempt().is_some() || event.is_from_elsewhere
}

/// Leaves out what was counted before, and finds the messages of the other records.
pub(super) fn fresh<'a>(main: &Connection, entries: &'a [LogEntry]) -> Result<Vec<Fresh<'a>>> {
    let mut batch = Batch::default();
    let mut fresh = Vec::with_capacity(entries.len());
    for entry in entries {
        let LogEntry::Event { event, position, .. } = entry else {
            fresh.push(Fresh { entry, found: None });
            continue;
        };
        if let Some(queue_id) = told_queue_id(event) {
            batch.told.entry(queue_id).or_default().push((event.timestamp, event.message_id));
        }
        if may_come_again(event) && !batch.is_new(main, event, *position)? {
            continue;
        }
        let found = if is_record(event) { batch.message_of(main, event)? } else { None };
        fresh.push(Fresh { entry, found });
    }
    Ok(fresh)
}

/// The queue id that upstream has told the gateway.
fn told_queue_id(event: &Event) -> Option<&str> {
    match &event.occurrence {
        Occurrence::Injection(reply) if reply.attempt.is_none() => reply.queue_id.as_deref(),
        _ => None,
    }
}

/// What entries of one batch say about each other.
#[derive(Default)]
struct Batch<'a> {
    /// Queue ids that were told, with the times and the messages.
    told: HashMap<&'a str, Vec<(Timestamp, MessageId)>>,
    /// Of what may come again.
    event_ids: HashSet<EventId>,
}

impl Batch<'_> {
    /// Was it never counted, or at this very place of the log?
    fn is_new(&mut self, main: &Connection, event: &Event, position: u64) -> Result<bool> {
        if !self.event_ids.insert(event.event_id) {
            return Ok(false);
        }
        let counted = main
            .prepare_cached("SELECT position FROM record_ids WHERE event_id = ?")?
            .query_row([event.event_id.octets()], |row| row.get::<_, i64>(0))
            .optional()?;
        Ok(counted.is_none_or(|counted| counted.cast_unsigned() == position))
    }

    fn message_of(&self, main: &Connection, event: &Event) -> Result<Option<MessageId>> {
        let Some(queue_id) = event.occurrence.queue_id() else { return Ok(None) };
        if event.message_id != MessageId::UNKNOWN {
            return Ok(None);
        }
        let at = event.timestamp;
        let told = self.told.get(queue_id).into_iter().flatten().copied();
        let nearest = told
            .chain(known_message(main, queue_id, at)?)
            .filter_map(|(told, message)| Some((distance(told, at)?, message)))
            .min_by_key(|(distance, _)| *distance);
        Ok(nearest.map(|(_, message)| message))
    }
}

/// How well a message that was received at a time fits a record of another one, the best
/// first: the last one before it, since queue ids are used again; or else one a little later, as
/// far as clocks differ. `None` where it cannot be meant.
fn distance(received: Timestamp, at: Timestamp) -> Option<(bool, u64)> {
    let earliest = at.0.saturating_sub(QUEUED_MS);
    let can_be = (earliest..=at.0.saturating_add(CLOCKS_MS)).contains(&received.0);
    let is_later = received.0 > at.0.saturating_add(SECOND_MS);
    can_be.then(|| (is_later, received.0.abs_diff(at.0)))
}

/// The message that a queue id meant at a time, as far as the database knows.
pub(super) fn of_queue_id(
    main: &Connection,
    queue_id: &str,
    at: Timestamp,
) -> Result<Option<MessageId>> {
    Ok(known_message(main, queue_id, at)?.map(|(_, message)| message))
}

/// The same, with the time at which it was received; by the order of `distance`.
fn known_message(
    main: &Connection,
    queue_id: &str,
    at: Timestamp,
) -> Result<Option<(Timestamp, MessageId)>> {
    main.prepare_cached(
        "SELECT received_at, message_id FROM messages
         WHERE queue_id = ?1 AND received_at >= ?2 AND received_at <= ?4
         ORDER BY received_at > ?3, abs(received_at - ?3) LIMIT 1",
    )?
    .query_row(
        params![
            queue_id,
            at.0.saturating_sub(QUEUED_MS),
            at.0.saturating_add(SECOND_MS),
            at.0.saturating_add(CLOCKS_MS)
        ],
        |row| Ok((Timestamp(row.get(0)?), MessageId::from_octets(row.get(1)?))),
    )
    .optional()
}

/// Remembers that an event was counted which may come again.
pub(super) fn remember(
    transaction: &Transaction<'_>,
    event: &Event,
    position: u64,
    today: i64,
) -> Result<()> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO record_ids VALUES (?, ?, ?)")?
        .execute(params![event.event_id.octets(), position.cast_signed(), today])?;
    Ok(())
}

/// Keeps a record until its message is known.
pub(super) fn park(
    transaction: &Transaction<'_>,
    event: &Event,
    message_id: MessageId,
    position: u64,
) -> Result<()> {
    let message_id = Some(message_id).filter(|id| *id != MessageId::UNKNOWN);
    transaction.prepare_cached("INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?)")?.execute(
        params![
            position.cast_signed(),
            event.timestamp.0,
            message_id.as_ref().map(MessageId::octets),
            event.occurrence.queue_id(),
            event::encode(event),
        ],
    )?;
    Ok(())
}

/// Takes out the records that have waited for a message, in the log's order. Of those that have
/// but a queue id, it gets the ones that speak of it then, and remembers whose they are.
pub(super) fn take_parked(
    transaction: &Transaction<'_>,
    message_id: MessageId,
    received_at: Timestamp,
    queue_id: Option<&str>,
) -> Result<Vec<Event>> {
    let mut statement = transaction.prepare_cached(
        "SELECT position, event FROM parked WHERE message_id = ?1
         UNION ALL
         SELECT position, event FROM parked WHERE message_id IS NULL AND queue_id = ?2
             AND at >= ?3 AND at <= ?4
         ORDER BY position",
    )?;
    let begin = received_at.0.saturating_sub(CLOCKS_MS);
    let end = received_at.0.saturating_add(QUEUED_MS);
    let mut rows = statement.query(params![message_id.octets(), queue_id, begin, end])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let (position, octets): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        // It was encoded by this mailwake or an earlier one.
        let Ok(event) = event::decode(&octets) else { continue };
        transaction.prepare_cached("DELETE FROM parked WHERE position = ?")?.execute([position])?;
        if event.message_id == MessageId::UNKNOWN {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO joined VALUES (?, ?, ?)")?
                .execute(params![position, event.timestamp.0, message_id.octets()])?;
        }
        events.push(event);
    }
    Ok(events)
}

/// How many records wait.
pub(super) fn parked(connection: &Connection) -> Result<u64> {
    connection.query_row("SELECT COUNT(*) FROM parked", [], |row| {
        row.get::<_, i64>(0).map(i64::cast_unsigned)
    })
}

/// Gives up records that have waited since before `before`, and those that are too many; tells
/// how many. What was counted before its message's reception is not expected to move any more.
pub(super) fn give_up(connection: &Connection, parked: u64, before: Timestamp) -> Result<u64> {
    connection.prepare_cached("DELETE FROM early WHERE at < ?")?.execute([before.0])?;
    let delete = "DELETE FROM parked WHERE at < ?";
    let old = connection.prepare_cached(delete)?.execute([before.0])? as u64;
    let Some(more) = parked.saturating_sub(old).checked_sub(PARKED_MAX) else { return Ok(old) };
    let delete = "DELETE FROM parked WHERE position IN
        (SELECT position FROM parked ORDER BY position LIMIT ?)";
    Ok(old + connection.prepare_cached(delete)?.execute([more.cast_signed()])? as u64)
}

/// Forgets the ids of what was counted long ago, and what messages were found for events
/// that are not kept any more.
pub(super) fn forget(
    connection: &Connection,
    today: i64,
    events_before: Option<Timestamp>,
) -> Result<()> {
    let delete = "DELETE FROM record_ids WHERE event_id IN
        (SELECT event_id FROM record_ids WHERE day < ? LIMIT ?)";
    connection.prepare_cached(delete)?.execute([today - REMEMBERED_DAYS, FORGOTTEN_MAX])?;
    if let Some(before) = events_before {
        connection.prepare_cached("DELETE FROM joined WHERE at < ?")?.execute([before.0])?;
    }
    Ok(())
}
