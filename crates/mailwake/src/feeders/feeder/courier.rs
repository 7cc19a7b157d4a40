//! Sends batches, one after the other: again when one has not arrived, in halves when the far
//! side does not take something in it, until each of its events has arrived or is put aside.

use super::{
    FeedError, FeederConfig,
    counters::{Counters, FailedBatch},
    milliseconds, now,
    pause::pause,
    prepared::{Prepared, Trials, is_too_old, too_old},
};
use crate::{
    feeders::sink::{Limits, Receipt, SendError, Sink},
    stores::ledger::{DeadLetter, Ledger, UnderWay},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use tracking::ids::Timestamp;
use uuid::Uuid;

/// How long an answer is waited for when mailwake stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// The least pause after the far side did not know us: an operator has to act.
const UNAUTHORIZED_PAUSE: Duration = Duration::from_secs(60);

/// After so many failures in a row the circuit is open: what is sent then tries the far side.
const FAILURES_MAX: u32 = 5;

/// Events that are put aside one after the other, without one that arrives, before the far side
/// is taken to be broken;
const REFUSED_MAX: u32 = 16;

/// for so long, before as many again are put aside.
const BROKEN_FOR: Duration = Duration::from_secs(3_600);

/// What has become of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivered {
    /// All of it has arrived, or was put aside.
    All,
    /// The feeder stops, or is paused.
    Interrupted,
    /// What was asked for waits until then; the log goes on.
    Later(Instant),
}

pub(super) struct Courier<S> {
    name: String,
    sink: S,
    pub(super) ledger: Ledger,
    counters: Arc<Counters>,
    config: FeederConfig,
    limits: Limits,
    /// The ledger has a batch under way.
    is_begun: bool,
    failures: u32,
    failing_since: Option<Timestamp>,
    next_attempt: Option<Instant>,
    refused_in_row: u32,
    broken_since: Option<Instant>,
}

impl<S: Sink> Courier<S> {
    pub(super) fn new(
        config: &FeederConfig,
        limits: Limits,
        sink: S,
        mut ledger: Ledger,
        counters: Arc<Counters>,
    ) -> Result<Self, FeedError> {
        let failing_since = ledger.failing_since()?;
        ledger.ask_again()?;
        counters.dead_letters.set(ledger.count_dead_letters()?);
        Ok(Self {
            name: config.name.clone(),
            sink,
            ledger,
            counters,
            config: config.clone(),
            limits,
            is_begun: false,
            failures: 0,
            failing_since,
            next_attempt: None,
            refused_in_row: 0,
            broken_since: None,
        })
    }

    pub(super) fn is_paused(&self) -> Result<bool, FeedError> {
        Ok(self.ledger.is_paused()?)
    }

    /// What the feeder has left when it ended last.
    pub(super) fn left(&self) -> Result<Option<UnderWay>, FeedError> {
        Ok(self.ledger.under_way()?)
    }

    /// Goes on with a batch that was made anew.
    pub(super) fn resume(&mut self, left: UnderWay, prepared: &mut Prepared) {
        self.is_begun = true;
        prepared.begin_anew();
        // Another configuration may have no form for what it had before.
        if prepared.batch.items.len() == left.places.len() {
            prepared.pieces = left.pieces;
        }
        prepared.batch.attempts = left.attempts;
    }

    /// Notes, on disk, that a batch is under way.
    pub(super) fn begin(&mut self, prepared: &mut Prepared) -> Result<(), FeedError> {
        prepared.begin_anew();
        let under_way = UnderWay {
            id: prepared.batch.id,
            begin: prepared.begin.0,
            end: prepared.end.0,
            places: prepared.places.clone(),
            pieces: prepared.pieces.clone(),
            attempts: 0,
        };
        self.ledger.begin(&under_way, &prepared.dead)?;
        self.is_begun = true;
        self.told_dead(&prepared.dead);
        Ok(())
    }

    /// Notes, on disk, that nothing is under way.
    pub(super) fn finish(&mut self, passed: u64, dead: &[DeadLetter]) -> Result<(), FeedError> {
        if self.is_begun || !dead.is_empty() {
            self.ledger.finish(passed, dead)?;
            self.is_begun = false;
            self.told_dead(dead);
        }
        Ok(())
    }

    /// Sends what is left of a batch until nothing is.
    pub(super) async fn deliver(
        &mut self,
        prepared: &mut Prepared,
        shutdown: &CancellationToken,
    ) -> Result<Delivered, FeedError> {
        while let Some(&(first, count)) = prepared.pieces.last() {
            match prepared.trials {
                None => self.rest(shutdown).await,
                Some(trials) => {
                    let due = trials.next_attempt.max(self.next_attempt);
                    if let Some(due) = due.filter(|due| *due > Instant::now()) {
                        return Ok(Delivered::Later(due));
                    }
                }
            }
            if shutdown.is_cancelled() || self.ledger.is_paused()? {
                return Ok(Delivered::Interrupted);
            }
            if self.put_too_old_aside(prepared)? {
                continue;
            }
            let part;
            let batch = match count == prepared.batch.items.len() {
                true => &prepared.batch,
                false => {
                    part = prepared.part(first, count);
                    &part
                }
            };
            let begun = Instant::now();
            let sent = tokio::select! {
                sent = self.sink.send(batch) => sent,
                () = late(shutdown) => return Ok(Delivered::Interrupted),
            };
            let (id, octets) = (batch.id, batch.body.len());
            match sent {
                Ok(receipt) => self.arrived(prepared, octets, &receipt)?,
                Err(error) => self.failed(prepared, id, begun.elapsed(), &error)?,
            }
        }
        Ok(Delivered::All)
    }

    /// Tells whether the far side is there; nothing is sent to it while the feeder is paused.
    pub(super) async fn greet(&mut self, shutdown: &CancellationToken) {
        if self.ledger.is_paused().unwrap_or(true) {
            return;
        }
        let greeted = tokio::select! {
            greeted = self.sink.greet() => greeted,
            () = shutdown.cancelled() => return,
        };
        if let Err(error) = greeted {
            let reason = error.to_string();
            tracing::warn!(feeder = self.name, reason, "a test of the receiver has failed");
        }
    }

    /// Has the sink do what it does besides.
    pub(super) fn let_rest(&mut self) {
        self.sink.rest();
    }

    /// Until the next attempt is due.
    async fn rest(&mut self, shutdown: &CancellationToken) {
        if let Some(then) = self.next_attempt {
            tokio::select! {
                () = tokio::time::sleep_until(then.into()) => {}
                () = shutdown.cancelled() => return,
            }
        }
        self.next_attempt = None;
        self.counters.next_attempt_at.set(0);
    }

    fn arrived(
        &mut self,
        prepared: &mut Prepared,
        octets: usize,
        receipt: &Receipt,
    ) -> Result<(), FeedError> {
        let Some((_, count)) = prepared.pieces.pop() else { return Ok(()) };
        prepared.batch.attempts = 0;
        // First of all: a kill before it is noted has the piece sent again.
        match &mut prepared.trials {
            None => self.ledger.arrived(&prepared.pieces)?,
            Some(trials) => *trials = Trials::default(),
        }
        self.counters.batches.increment();
        self.counters.events.add(count as u64);
        self.counters.octets.add(octets as u64);
        self.counters.duplicates.add(receipt.duplicates);
        self.counters.last_success_at.set(now().0.max(0).cast_unsigned());
        (self.failures, self.refused_in_row) = (0, 0);
        self.broken_since = None;
        self.counters.failures.set(0);
        self.counters.circuit_open.set(0);
        if self.failing_since.take().is_some() {
            self.ledger.set_failing_since(None)?;
            self.counters.last_error.set(None);
            tracing::info!(feeder = self.name, "events arrive again");
        }
        Ok(())
    }

    /// These pieces are what is left, and these events are put aside: on disk first, so that
    /// nothing has changed where the ledger refuses. When nothing is left, the next batch or
    /// `finish` says so.
    fn keep_pieces(
        &mut self,
        prepared: &mut Prepared,
        pieces: Vec<(usize, usize)>,
        attempts: u32,
        dead: &[DeadLetter],
    ) -> Result<(), FeedError> {
        let is_of_log = prepared.trials.is_none();
        if is_of_log && !(pieces.is_empty() && dead.is_empty()) {
            self.ledger.go_on(&pieces, attempts, dead)?;
        } else if !dead.is_empty() {
            self.ledger.put_aside(dead)?;
        }
        (prepared.pieces, prepared.batch.attempts) = (pieces, attempts);
        self.told_dead(dead);
        Ok(())
    }

    /// What could not be counted now is counted with the next ones.
    fn told_dead(&self, dead: &[DeadLetter]) {
        if let Some(letter) = dead.last() {
            self.counters.put_aside.add(dead.len() as u64);
            if let Ok(all) = self.ledger.count_dead_letters() {
                self.counters.dead_letters.set(all);
            }
            tracing::error!(
                feeder = self.name,
                events = dead.len(),
                reason = letter.reason,
                "events are not brought to their place: see mailwake feeders dead-letters"
            );
        }
    }

    fn failed(
        &mut self,
        prepared: &mut Prepared,
        batch_id: Uuid,
        latency: Duration,
        error: &SendError,
    ) -> Result<(), FeedError> {
        let Some(&(first, count)) = prepared.pieces.last() else { return Ok(()) };
        prepared.batch.attempts = prepared.batch.attempts.saturating_add(1);
        let (reason, status) = (error.to_string(), status(error));
        self.counters.failed.increment();
        self.counters.last_error.set(Some(reason.clone()));
        self.counters.note_failure(FailedBatch {
            batch_id: batch_id.to_string(),
            at: now(),
            attempts: prepared.batch.attempts,
            status,
            reason: reason.clone(),
            latency_ms: milliseconds(latency),
            events: count,
        });
        let is_whole = matches!(error, SendError::TooLarge { .. } | SendError::Refused { .. });
        if is_whole && count > 1 {
            let half = count / 2;
            let halves = [(first + half, count - half), (first, half)];
            let pieces = prepared.others().chain(halves).collect();
            self.counters.splits.increment();
            tracing::debug!(feeder = self.name, events = count, reason, "a batch goes in halves");
            return self.keep_pieces(prepared, pieces, 0, &[]);
        }
        if is_whole && !self.is_far_side_broken() {
            self.put_piece_aside(prepared, &reason, status)?;
            self.refused_in_row += 1;
            return Ok(());
        }
        self.try_again(prepared, error, &reason, status)
    }

    /// Nothing arrives, one event after the other is refused: it may be no fault of the events.
    /// A few at a time are put aside until something arrives.
    fn is_far_side_broken(&mut self) -> bool {
        if self.refused_in_row < REFUSED_MAX {
            return false;
        }
        let since = *self.broken_since.get_or_insert_with(Instant::now);
        if since.elapsed() < BROKEN_FOR {
            return true;
        }
        (self.refused_in_row, self.broken_since) = (0, None);
        false
    }

    fn try_again(
        &mut self,
        prepared: &mut Prepared,
        error: &SendError,
        reason: &str,
        status: Option<u16>,
    ) -> Result<(), FeedError> {
        let now = now();
        self.note_failing(prepared, now, reason)?;
        if self.is_given_up(prepared, now) {
            let hours = self.config.retry_for.as_secs() / 3_600;
            let reason = format!("given up after {hours} hours: {reason}");
            return self.put_piece_aside(prepared, &reason, status);
        }
        let failures = match &mut prepared.trials {
            None => &mut self.failures,
            Some(trials) => &mut trials.failures,
        };
        *failures = failures.saturating_add(1);
        let failures = *failures;
        self.counters.failures.set(u64::from(failures));
        self.counters.circuit_open.set(u64::from(failures >= FAILURES_MAX));
        let asked = match error {
            SendError::Retry { after, .. } => *after,
            SendError::Unauthorized { .. } => {
                tracing::error!(feeder = self.name, reason, "the far side does not know us");
                Some(UNAUTHORIZED_PAUSE)
            }
            SendError::TooLarge { .. } | SendError::Refused { .. } => None,
        };
        let pause = pause(self.config.pauses, failures, random(), asked);
        let next_attempt = Some(Instant::now() + pause);
        match &mut prepared.trials {
            Some(trials) if asked.is_none() => trials.next_attempt = next_attempt,
            // Who wants to be left alone is, whatever is to be sent.
            _ => self.next_attempt = next_attempt,
        }
        let next = now.0.saturating_add(milliseconds(pause)).max(0);
        self.counters.next_attempt_at.set(next.cast_unsigned());
        tracing::debug!(feeder = self.name, reason, ?pause, "a batch waits to be sent again");
        let (pieces, attempts) = (prepared.pieces.clone(), prepared.batch.attempts);
        self.keep_pieces(prepared, pieces, attempts, &[])
    }

    /// Notes since when nothing arrives.
    fn note_failing(
        &mut self,
        prepared: &mut Prepared,
        now: Timestamp,
        reason: &str,
    ) -> Result<(), FeedError> {
        if let Some(trials) = &mut prepared.trials {
            trials.failing_since.get_or_insert_with(Instant::now);
        } else if self.failing_since.is_none() {
            self.failing_since = Some(now);
            self.ledger.set_failing_since(Some(now))?;
            tracing::warn!(feeder = self.name, reason, "a batch has not arrived, it is sent again");
        }
        Ok(())
    }

    /// Each event is tried for as long as the configuration says, and for as long as nothing
    /// arrives: those that come after an outage has begun have their own time.
    fn is_given_up(&self, prepared: &Prepared, now: Timestamp) -> bool {
        let Some(&(first, count)) = prepared.pieces.last() else { return false };
        let retry_for = self.config.retry_for;
        if let Some(trials) = prepared.trials {
            return trials.failing_since.is_some_and(|since| since.elapsed() >= retry_for);
        }
        let begin = now.0.saturating_sub(milliseconds(retry_for));
        let newest =
            prepared.events[first..first + count].iter().map(|event| event.timestamp).max();
        self.failing_since.is_some_and(|since| since.0 <= begin)
            && newest.is_some_and(|newest| newest.0 <= begin)
    }

    /// Puts all of the next piece aside.
    fn put_piece_aside(
        &mut self,
        prepared: &mut Prepared,
        reason: &str,
        status: Option<u16>,
    ) -> Result<(), FeedError> {
        let Some(&(first, count)) = prepared.pieces.last() else { return Ok(()) };
        let range = first..first + count;
        let dead: Vec<_> = range.map(|index| prepared.letter(index, reason, status)).collect();
        let pieces = prepared.others().collect();
        self.keep_pieces(prepared, pieces, 0, &dead)
    }

    /// Puts those events of the next piece aside that have become too old meanwhile. Says
    /// whether there were any.
    fn put_too_old_aside(&mut self, prepared: &mut Prepared) -> Result<bool, FeedError> {
        let Some(&(first, count)) = prepared.pieces.last() else { return Ok(false) };
        let now = now();
        let is_old =
            |index: &usize| is_too_old(self.limits, prepared.events[*index].timestamp, now);
        let dead: Vec<_> = (first..first + count).filter(is_old).collect();
        if dead.is_empty() {
            return Ok(false);
        }
        // What is left between them, the first one last.
        let mut left = Vec::new();
        let mut begin = first;
        for index in dead.iter().copied().chain([first + count]) {
            if index > begin {
                left.push((begin, index - begin));
            }
            begin = index + 1;
        }
        let dead: Vec<_> = dead.into_iter().map(|index| too_old(prepared, index)).collect();
        let pieces = prepared.others().chain(left.into_iter().rev()).collect();
        self.keep_pieces(prepared, pieces, 0, &dead)?;
        Ok(true)
    }
}

fn status(error: &SendError) -> Option<u16> {
    match error {
        SendError::Retry { status, .. }
        | SendError::TooLarge { status, .. }
        | SendError::Refused { status, .. }
        | SendError::Unauthorized { status, .. } => *status,
    }
}

/// When mailwake stops, a little later.
async fn late(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(STOP_PATIENCE).await;
}

/// Spreads attempts; without randomness they come back together.
pub(super) fn random() -> u32 {
    let mut octets = [128; 4];
    aws_lc_rs::rand::fill(&mut octets).ok();
    u32::from_be_bytes(octets)
}
