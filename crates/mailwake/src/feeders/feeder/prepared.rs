//! A batch, what it stands for, and what of it is still to be sent.

use super::{milliseconds, now};
use crate::{
    event_log::Position,
    feeders::sink::{Batch, FedEvent, Form, Item, Limits},
    stores::ledger::DeadLetter,
};
use aws_lc_rs::digest::{SHA256, digest};
use std::time::Instant;
use tracking::{event::Event, ids::Timestamp, message::MessageRecord};
use uuid::Uuid;

/// Why events are too old, in the words of a dead letter.
const TOO_OLD: &str = "it was older than event_age_hours_max: the far side takes none so old, and \
     sending it again does not help";

/// A batch, and what it stands for.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) batch: Batch,
    /// Its events, one for each item.
    pub(super) events: Vec<Event>,
    /// Where they stand in the log.
    pub(super) places: Vec<u64>,
    /// The part of the log that it stands for.
    pub(super) begin: Position,
    pub(super) end: Position,
    /// Events of that part that go no further.
    pub(super) dead: Vec<DeadLetter>,
    /// What of it is still to be sent: the first event of each piece and how many there are, the
    /// next one last. `batch.attempts` is how often that was sent.
    pub(super) pieces: Vec<(usize, usize)>,
    /// None for a batch of the log, for which all behind it waits.
    pub(super) trials: Option<Trials>,
}

/// How the attempts go of a batch that is sent again because an operator asks for it. Those of
/// the log do not wait for it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trials {
    /// In a row.
    pub(super) failures: u32,
    pub(super) failing_since: Option<Instant>,
    pub(super) next_attempt: Option<Instant>,
}

impl Prepared {
    /// An empty batch of the log.
    pub(super) fn at(begin: Position, id: Uuid) -> Self {
        Self {
            batch: Batch { id, attempts: 0, items: Vec::new(), body: Vec::new() },
            events: Vec::new(),
            places: Vec::new(),
            begin,
            end: begin,
            dead: Vec::new(),
            pieces: Vec::new(),
            trials: None,
        }
    }

    /// All of it is to be sent.
    pub(super) fn begin_anew(&mut self) {
        let events = self.batch.items.len();
        self.pieces = Some((0, events)).filter(|_| events > 0).into_iter().collect();
        self.batch.attempts = 0;
    }

    /// All pieces but the next one.
    pub(super) fn others(&self) -> impl Iterator<Item = (usize, usize)> {
        let others = self.pieces.split_last().map_or(&[][..], |(_, others)| others);
        others.iter().copied()
    }

    /// A part of the batch, with an id of its own that is always the same.
    pub(super) fn part(&self, first: usize, count: usize) -> Batch {
        let items = &self.batch.items[first..first + count];
        let start = items.first().map_or(0, |item| item.range.start);
        let end = items.last().map_or(0, |item| item.range.end);
        let shifted = items.iter().map(|item| Item {
            range: item.range.start - start..item.range.end - start,
            ..item.clone()
        });
        Batch {
            id: id_of(format!("{} {first} {count}", self.batch.id).as_bytes()),
            attempts: self.batch.attempts,
            items: shifted.collect(),
            body: self.batch.body[start..end].to_vec(),
        }
    }

    /// Is there nothing to be sent?
    pub(super) fn is_empty(&self) -> bool {
        self.batch.items.is_empty()
    }

    /// When its first event happened.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.events.first().map(|event| event.timestamp)
    }

    /// An event of it, with the reason why it goes no further.
    pub(super) fn letter(&self, index: usize, reason: &str, status: Option<u16>) -> DeadLetter {
        DeadLetter {
            event: self.events[index].clone(),
            dead_at: now(),
            batch_id: self.batch.id,
            reason: reason.into(),
            status,
        }
    }

    /// Appends an event, as the form writes it. False for one that it does not know.
    pub(super) fn append(
        &mut self,
        form: &mut impl Form,
        event: Event,
        message: Option<&MessageRecord>,
        place: u64,
    ) -> bool {
        let start = self.batch.body.len();
        if !form.append(FedEvent { event: &event, message }, &mut self.batch.body) {
            return false;
        }
        let range = start..self.batch.body.len();
        let (event_id, message_id) = (event.event_id, event.message_id);
        self.batch.items.push(Item { event_id, message_id, range });
        self.events.push(event);
        self.places.push(place);
        true
    }

    /// Takes the last event out again.
    pub(super) fn take_back(&mut self) -> Option<Event> {
        let item = self.batch.items.pop()?;
        self.batch.body.truncate(item.range.start);
        self.places.pop();
        self.events.pop()
    }
}

/// Is an event too old for the far side?
pub(super) fn is_too_old(limits: Limits, at: Timestamp, now: Timestamp) -> bool {
    limits.event_age_max.is_some_and(|max| at.0 < now.0.saturating_sub(milliseconds(max)))
}

/// An event that is too old.
pub(super) fn too_old(prepared: &Prepared, index: usize) -> DeadLetter {
    prepared.letter(index, TOO_OLD, None)
}

/// An id that says what it is made of (RFC 9562 §5.8).
pub(super) fn id_of(octets: &[u8]) -> Uuid {
    let digest = digest(&SHA256, octets);
    let half = digest.as_ref().first_chunk().copied().unwrap_or_default();
    uuid::Builder::from_custom_bytes(half).into_uuid()
}
