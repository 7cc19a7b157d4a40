//! Gathers batches: events come out of the log in its order, each is joined with its message
//! and written by the form of the sink. Nothing is read that the store has not applied yet, so
//! that what the log says of a message is known.

use super::{
    FeedError, FeederConfig, Filter,
    counters::Counters,
    known::Known,
    milliseconds, now,
    prepared::{Prepared, Trials, is_too_old, too_old},
};
use crate::{
    event_log::{
        Position,
        reader::{Entry, Reader},
    },
    feeders::sink::{Form, Limits},
    stores::ledger::UnderWay,
};
use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};
use tracking::{
    event::Event,
    ids::{MessageId, Timestamp},
    message::MessageRecord,
};
use uuid::Uuid;

/// Entries of the log that are read before others have their turn.
const ENTRIES_AT_ONCE: usize = 128;

/// How often it is looked whether the store has gone on.
const STORE_INTERVAL: Duration = Duration::from_millis(20);

/// How often a message is looked for that is not known.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(100);

/// So far clocks may differ, in milliseconds.
const CLOCKS_MS: i64 = 2_000;

/// An entry that was read and is not in a batch yet.
struct Waiting {
    position: Position,
    next: Position,
    event: Box<Event>,
    /// Since when it waits for its message.
    since: Instant,
}

/// Why nothing is read now.
enum Idle {
    Not,
    /// All that is durable was read.
    AtEnd,
    /// Until then.
    Until(Instant),
}

pub(super) struct Gather<F> {
    config: FeederConfig,
    limits: Limits,
    form: F,
    reader: Reader,
    known: Known,
    counters: Arc<Counters>,
    open: Prepared,
    /// Since when its first event waits for others.
    since: Option<Instant>,
    /// The next event does not go into it.
    is_closed: bool,
    waiting: Option<Waiting>,
    /// How far the store is.
    applied: Position,
    idle: Idle,
}

impl<F: Form> Gather<F> {
    /// Gathers from where the reader stands.
    pub(super) fn new(
        config: &FeederConfig,
        limits: Limits,
        form: F,
        reader: Reader,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            known: Known::new(config.store_directory.clone(), form.needs_messages()),
            open: Prepared::at(reader.position(), new_id()),
            config: config.clone(),
            limits,
            form,
            reader,
            counters,
            since: None,
            is_closed: false,
            waiting: None,
            applied: Position::START,
            idle: Idle::Not,
        }
    }

    /// Does nothing more go into the batch?
    pub(super) fn is_full(&self) -> bool {
        let events_max = self.limits.events_max;
        self.is_closed
            || self.open.batch.items.len() >= events_max
            || self.open.dead.len() >= events_max
            || self.open.batch.body.len() >= self.limits.octets_max
    }

    /// Has its first event waited long enough?
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now >= since + self.limits.age_max)
    }

    /// When it is due; nothing while it is empty.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + self.limits.age_max)
    }

    /// The batch, when it is full or due.
    pub(super) fn take(&mut self, now: Instant) -> Option<Prepared> {
        if !self.is_full() && !self.is_due(now) {
            return None;
        }
        let end = self.position();
        (self.since, self.is_closed) = (None, false);
        let mut taken = mem::replace(&mut self.open, Prepared::at(end, new_id()));
        taken.end = end;
        Some(taken)
    }

    /// Nothing in front of this position is in the batch that is gathered.
    pub(super) fn nothing_before(&self) -> Position {
        match self.since {
            Some(_) => self.open.begin,
            None => self.position(),
        }
    }

    /// Since when events must have happened that the far side takes now, if it does not take all.
    pub(super) fn oldest_taken(&self) -> Option<Timestamp> {
        let max = self.limits.event_age_max?;
        Some(Timestamp(now().0.saturating_sub(milliseconds(max))))
    }

    /// When the first event happened that is not in a batch under way.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let waiting = self.waiting.as_ref().map(|waiting| waiting.event.timestamp);
        self.open.oldest().or(waiting)
    }

    fn position(&self) -> Position {
        self.waiting.as_ref().map_or(self.reader.position(), |waiting| waiting.position)
    }

    /// Waits until there is something to read, and reads some of it. Nothing is lost when this
    /// is given up in between.
    pub(super) async fn more(&mut self) -> Result<(), FeedError> {
        match self.idle {
            Idle::Not => tokio::task::yield_now().await,
            Idle::AtEnd => self.reader.wait().await,
            Idle::Until(then) => tokio::time::sleep_until(then.into()).await,
        }
        let read = self.read_some();
        self.idle = match read {
            Ok(idle) => idle,
            Err(error) => {
                self.idle = Idle::Until(Instant::now() + super::RETRY_AFTER);
                return Err(error);
            }
        };
        Ok(())
    }

    /// Looks at the next event without taking it in, so that it is known how long it waits and how
    /// large events are.
    pub(super) fn look(&mut self) -> Result<(), FeedError> {
        if self.waiting.is_none()
            && let Ok(waiting) = self.read()?
        {
            self.waiting = Some(waiting);
        }
        Ok(())
    }

    fn read_some(&mut self) -> Result<Idle, FeedError> {
        for _ in 0..ENTRIES_AT_ONCE {
            if self.is_full() {
                break;
            }
            let entry = match self.waiting.take() {
                Some(waiting) => waiting,
                None => match self.read()? {
                    Ok(entry) => entry,
                    Err(idle) => return Ok(idle),
                },
            };
            if let Some(idle) = self.take_in(entry)? {
                return Ok(idle);
            }
        }
        Ok(Idle::Not)
    }

    /// The next event that the store has applied.
    fn read(&mut self) -> Result<Result<Waiting, Idle>, FeedError> {
        loop {
            if self.reader.position() >= self.applied {
                self.applied = match self.known.is_asked() {
                    true => Position(self.known.applied()?),
                    false => self.reader.durable()?,
                };
            }
            if self.reader.position() >= self.applied {
                let is_end = self.reader.position() >= self.reader.durable()?;
                let later = Idle::Until(Instant::now() + STORE_INTERVAL);
                return Ok(Err(if is_end { Idle::AtEnd } else { later }));
            }
            match self.reader.read()? {
                None => return Ok(Err(Idle::AtEnd)),
                // Damage is told by the store, which has the same log.
                Some(Entry::Damage(_)) => {}
                Some(Entry::Event { position, next, event }) => {
                    let since = Instant::now();
                    self.count(position, next);
                    self.known.learn(&event);
                    return Ok(Ok(Waiting { position, next, event, since }));
                }
            }
        }
    }

    fn count(&self, position: Position, next: Position) {
        self.counters.read_events.increment();
        self.counters.read_octets.add(next.0 - position.0);
    }

    /// Puts an event into the batch, if it belongs there.
    fn take_in(&mut self, mut entry: Waiting) -> Result<Option<Idle>, FeedError> {
        if !self.config.filter.covers_type(&entry.event) {
            return Ok(None);
        }
        // Where the store gives an error, the event waits for the next attempt.
        let found = resolve(&mut self.known, &mut entry.event)
            .and_then(|()| find(&mut self.known, &entry.event).map(|_| ()));
        if let Err(error) = found {
            self.waiting = Some(entry);
            return Err(error);
        }
        let event = &entry.event;
        let (is_joined, now) = (self.known.is_asked(), now());
        let is_unknown = event.message_id == MessageId::UNKNOWN;
        let message = self.known.remembered(&event.message_id);
        if is_joined && message.is_none() && is_young(event, &self.config, now, entry.since) {
            self.waiting = Some(entry);
            return Ok(Some(Idle::Until(Instant::now() + MESSAGE_INTERVAL)));
        }
        if is_joined && is_unknown {
            self.counters.foreign.increment();
            return Ok(None);
        }
        if !self.config.filter.covers_account(message) {
            return Ok(None);
        }
        let message = joined(message, event, self.config.join_days);
        let at = event.timestamp;
        let (position, next, since) = (entry.position, entry.next, entry.since);
        if !self.open.append(&mut self.form, *entry.event, message, position.0) {
            return Ok(None);
        }
        self.since.get_or_insert_with(Instant::now);
        if is_too_old(self.limits, at, now) {
            let last = self.open.events.len() - 1;
            self.open.dead.push(too_old(&self.open, last));
            self.open.take_back();
        } else if self.open.batch.body.len() > self.limits.octets_max
            && self.open.batch.items.len() > 1
            && let Some(event) = self.open.take_back()
        {
            self.is_closed = true;
            let event = Box::new(event);
            self.waiting = Some(Waiting { position, next, event, since });
        }
        Ok(None)
    }

    /// Writes a batch of events that the log need not have any more: as many of these as go into
    /// one. Gives how many it has looked at.
    pub(super) fn write(
        &mut self,
        entries: impl Iterator<Item = (u64, Event)>,
        filter: &Filter,
    ) -> Result<(Prepared, usize), FeedError> {
        let mut written = Prepared::at(Position::START, Uuid::nil());
        written.trials = Some(Trials::default());
        let (mut looked_at, is_joined) = (0, self.known.is_asked());
        for (place, mut event) in entries {
            if filter.covers_type(&event) {
                resolve(&mut self.known, &mut event)?;
                let message = find(&mut self.known, &event)?;
                let is_ours = event.message_id != MessageId::UNKNOWN || !is_joined;
                if is_ours && filter.covers_account(message) {
                    let message = joined(message, &event, self.config.join_days);
                    written.append(&mut self.form, event, message, place);
                }
            }
            let batch = &written.batch;
            if batch.body.len() > self.limits.octets_max && batch.items.len() > 1 {
                written.take_back();
                break;
            }
            looked_at += 1;
            if written.batch.items.len() >= self.limits.events_max {
                break;
            }
        }
        written.begin_anew();
        Ok((written, looked_at))
    }

    /// Makes a batch again of what the log has at its places, and goes on behind it.
    pub(super) fn make_anew(&mut self, left: &UnderWay) -> Result<Prepared, FeedError> {
        self.reader.seek(Position(left.begin));
        (self.waiting, self.since, self.is_closed) = (None, None, false);
        let mut anew = Prepared::at(Position(left.begin), left.id);
        let mut places = left.places.iter().copied().peekable();
        while self.reader.position() < Position(left.end)
            && let Some(entry) = self.reader.read()?
        {
            let Entry::Event { position, next, mut event } = entry else { continue };
            self.count(position, next);
            self.known.learn(&event);
            while places.next_if(|place| *place < position.0).is_some() {}
            if places.next_if_eq(&position.0).is_none() {
                continue;
            }
            resolve(&mut self.known, &mut event)?;
            let message = joined(find(&mut self.known, &event)?, &event, self.config.join_days);
            anew.append(&mut self.form, *event, message, position.0);
        }
        anew.end = Position(left.end).max(self.reader.position());
        self.reader.seek(anew.end);
        self.open = Prepared::at(anew.end, new_id());
        Ok(anew)
    }
}

/// Finds the message of a record that knows but a queue id.
fn resolve(known: &mut Known, event: &mut Event) -> Result<(), FeedError> {
    if event.message_id == MessageId::UNKNOWN
        && let Some(queue_id) = event.occurrence.queue_id()
        && let Some(id) = known.of_record(queue_id, event.timestamp)?
    {
        event.message_id = id;
        known.learn(event);
    }
    Ok(())
}

fn find<'k>(known: &'k mut Known, event: &Event) -> Result<Option<&'k MessageRecord>, FeedError> {
    match event.message_id == MessageId::UNKNOWN {
        true => Ok(None),
        false => known.find(&event.message_id),
    }
}

/// What is put to an event: after some time nothing is.
fn joined<'m>(
    message: Option<&'m MessageRecord>,
    event: &Event,
    join_days: u64,
) -> Option<&'m MessageRecord> {
    let days = i64::try_from(join_days).unwrap_or(i64::MAX);
    let reach = days.saturating_mul(Timestamp::DAY_MS);
    message.filter(|message| event.timestamp.0.saturating_sub(message.received_at.0) <= reach)
}

/// May the message of this event still become known?
fn is_young(event: &Event, config: &FeederConfig, now: Timestamp, since: Instant) -> bool {
    let age = now.0.saturating_sub(event.timestamp.0);
    // The clock of another machine that is ahead must not hold up one event after the other.
    let young = -CLOCKS_MS..milliseconds(config.join_wait);
    young.contains(&age) && since.elapsed() < config.join_wait
}

/// The id of a new batch, ordered by time (RFC 9562 §5.7).
pub(super) fn new_id() -> Uuid {
    let mut random = [0; 10];
    // Without randomness it is the time alone, which differs as well.
    aws_lc_rs::rand::fill(&mut random).ok();
    let milliseconds = now().0.max(0).cast_unsigned();
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
}
