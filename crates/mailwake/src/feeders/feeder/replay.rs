//! Events that are sent again because an operator asks for it: dead letters, and those of some
//! time, which the store has. They go between the batches of the log, with their old ids, and
//! whatever goes wrong with them, the log goes on.

use super::{
    FeedError, Feeder, Filter, RETRY_AFTER, TICK,
    courier::Delivered,
    prepared::{Prepared, id_of},
};
use crate::{
    feeders::sink::Sink,
    stores::{
        ledger::{DeadLetter, LetterFilter, Replay, ReplayState},
        report::EventFilter,
        sqlite::StoreReader,
    },
};
use std::{collections::HashSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// Events that are read at once.
const EVENTS_AT_ONCE: usize = 2_048;

/// Why an event stays among the dead letters that was to be sent again.
const NO_FORM: &str = "the sink has no form for it";

/// A batch that is sent again.
pub(super) struct Again {
    prepared: Prepared,
    of: Of,
}

/// What it is of, and how far that is when it has arrived.
enum Of {
    /// The dead letters, up to a number.
    DeadLetters(i64),
    Replay(Replay),
}

/// What has come of a turn.
enum Turn {
    /// A batch has arrived, or was put aside.
    Sent,
    /// One waits until then.
    Later(Instant),
    /// There is none.
    Nothing,
}

impl<S: Sink> Feeder<S> {
    /// Sends one batch of what is to be sent again, if its time has come, and says whether it
    /// did. What goes wrong with that is told and tried again later: the log does not wait.
    pub(super) async fn send_again(&mut self, shutdown: &CancellationToken) -> bool {
        if self.again_due > Instant::now() {
            return false;
        }
        let sent = self.send_one_again(shutdown).await;
        self.again_due = match &sent {
            Ok(Turn::Sent) => Instant::now(),
            Ok(Turn::Later(due)) => *due,
            Ok(Turn::Nothing) => Instant::now() + TICK,
            Err(_) => Instant::now() + RETRY_AFTER,
        };
        let trouble = sent.as_ref().err().map(ToString::to_string);
        if let Some(error) = &trouble {
            self.counters.errors.increment();
            if self.counters.replay_trouble.get().is_none() {
                let feeder = &self.config.name;
                tracing::warn!(feeder, error, "what is to be sent again waits");
            }
        }
        self.counters.replay_trouble.set(trouble);
        matches!(sent, Ok(Turn::Sent))
    }

    async fn send_one_again(&mut self, shutdown: &CancellationToken) -> Result<Turn, FeedError> {
        let next = match self.again.take() {
            Some(again) => Some(again),
            None => match self.dead_letters()? {
                Some(again) => Some(again),
                None => self.events_of_replay()?,
            },
        };
        let Some(mut again) = next else { return Ok(Turn::Nothing) };
        let turn = match self.deliver(&mut again.prepared, shutdown).await {
            Ok(Delivered::All) => self.note_again(&again.of).map(|()| Turn::Sent),
            Ok(Delivered::Interrupted) => Ok(Turn::Later(Instant::now())),
            Ok(Delivered::Later(due)) => Ok(Turn::Later(due)),
            Err(error) => Err(error),
        };
        if !matches!(turn, Ok(Turn::Sent)) {
            self.again = Some(again);
        }
        turn
    }

    /// Notes that a batch has arrived.
    fn note_again(&mut self, of: &Of) -> Result<(), FeedError> {
        match of {
            Of::DeadLetters(up_to) => {
                // Those that were refused again are not asked for any more, and stay.
                self.courier.ledger.remove_dead_letters(LetterFilter::AskedFor, *up_to)?;
                self.counters.dead_letters.set(self.courier.ledger.count_dead_letters()?);
            }
            Of::Replay(replay) => self.courier.ledger.set_replay(replay)?,
        }
        Ok(())
    }

    fn dead_letters(&mut self) -> Result<Option<Again>, FeedError> {
        let ledger = &self.courier.ledger;
        let letters = ledger.dead_letters(LetterFilter::AskedFor, -1, EVENTS_AT_ONCE)?;
        if letters.is_empty() {
            return Ok(None);
        }
        // The filter was another one, perhaps, when they were put aside.
        let events = letters.iter().map(|(_, letter)| (0, letter.event.clone()));
        let (prepared, looked_at) = self.gather.write(events, &Filter::default())?;
        let ids: HashSet<_> = prepared.batch.items.iter().map(|item| item.event_id).collect();
        let looked_at = letters.into_iter().take(looked_at);
        let (mut up_to, mut formless) = (-1, Vec::new());
        for (number, letter) in looked_at {
            up_to = number;
            if !ids.contains(&letter.event.event_id) {
                formless.push(DeadLetter { reason: NO_FORM.into(), ..letter });
            }
        }
        // In this order each of them is asked for still, should the ledger refuse in between.
        if !formless.is_empty() {
            self.courier.ledger.put_aside(&formless)?;
        }
        self.courier.ledger.take_dead_letters(up_to)?;
        Ok(Some(Again { prepared: with_id(prepared), of: Of::DeadLetters(up_to) }))
    }

    fn events_of_replay(&mut self) -> Result<Option<Again>, FeedError> {
        let Some(mut replay) = self.courier.ledger.next_replay()? else { return Ok(None) };
        let filter = EventFilter {
            // What is older, the far side does not take.
            since: Some(self.gather.oldest_taken().map_or(replay.since, |at| at.max(replay.since))),
            until: Some(replay.until),
            after_position: replay.position,
            limit: EVENTS_AT_ONCE,
            ..EventFilter::default()
        };
        let found = StoreReader::open(&self.config.store_directory)?.events(&filter)?;
        // What the feeder has not passed yet comes by itself.
        let passed = self.passed.0;
        let found: Vec<_> = found.into_iter().take_while(|one| one.position < passed).collect();
        let positions: Vec<_> = found.iter().map(|stored| stored.position).collect();
        let events = found.into_iter().map(|stored| (stored.position, stored.event));
        let filter = self.config.filter.clone();
        let (prepared, looked_at) = self.gather.write(events, &filter)?;
        match positions[..looked_at].last() {
            Some(position) => replay.position = Some(*position),
            None => {
                replay.state = ReplayState::Done;
                let (feeder, events) = (&self.config.name, replay.events);
                tracing::info!(feeder, events, "what was asked for was sent again");
            }
        }
        replay.events += prepared.batch.items.len() as u64;
        Ok(Some(Again { prepared: with_id(prepared), of: Of::Replay(replay) }))
    }
}

/// The id is made of the events: what is in the batch again after a crash has the same.
fn with_id(mut prepared: Prepared) -> Prepared {
    let ids = prepared.batch.items.iter().flat_map(|item| item.event_id.to_string().into_bytes());
    prepared.batch.id = id_of(&ids.collect::<Vec<_>>());
    prepared
}
