//! What a feeder counts, and what it tells of itself.

use super::now;
use crate::{
    event_log::Position,
    telemetry::{Counter, Gauge, Trouble},
};
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};
use tracking::ids::Timestamp;

/// Batches that failed which are remembered.
const FAILED_BATCHES_MAX: usize = 50;

/// The counters of a feeder, since it started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Whether it runs.
    pub is_running: Gauge,
    /// Whether it was told to send nothing.
    pub is_paused: Gauge,
    /// Events that have arrived.
    pub events: Counter,
    /// Octets of them, as the sink writes them.
    pub octets: Counter,
    /// Batches that have arrived.
    pub batches: Counter,
    /// Events that the far side had already, where it tells.
    pub duplicates: Counter,
    /// Events that the far side confirms later, where it does.
    pub confirmed: Counter,
    /// Events that the far side has refused after it had taken their batch.
    pub refused_later: Counter,
    /// Attempts to send a batch that failed.
    pub failed: Counter,
    /// Batches that went in halves.
    pub splits: Counter,
    /// Events that were put aside.
    pub put_aside: Counter,
    /// Dead letters that are there.
    pub dead_letters: Gauge,
    /// Records of messages that are not ours.
    pub foreign: Counter,
    /// Errors of log, store or ledger, after which it was tried again.
    pub errors: Counter,
    /// Failures in a row.
    pub failures: Gauge,
    /// 1 after several of them.
    pub circuit_open: Gauge,
    /// Where the log's cursor stands.
    pub cursor: Gauge,
    /// When something has arrived last, in milliseconds of Unix; 0 for never.
    pub last_success_at: Gauge,
    /// When the next attempt is made, after a failure.
    pub next_attempt_at: Gauge,
    /// When the oldest event happened that has not arrived and was read; 0 where there is none.
    pub oldest_at: Gauge,
    /// Events of the batch that is under way.
    pub under_way: Gauge,
    /// Octets of the log that were read, and in how many events, to tell one by the other.
    pub read_octets: Counter,
    /// How many events.
    pub read_events: Counter,
    /// What kept a batch, or something in it, from arriving last.
    pub last_error: Trouble,
    /// What keeps the feeder itself from working.
    pub trouble: Trouble,
    /// What keeps it from sending again what an operator has asked for.
    pub replay_trouble: Trouble,
    failed_batches: Mutex<VecDeque<FailedBatch>>,
}

/// A batch that has not arrived at once (SparkPost's batch status).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FailedBatch {
    /// Its id.
    pub batch_id: String,
    /// When it failed.
    #[serde(rename = "ts")]
    pub at: Timestamp,
    /// How often it was sent until then.
    pub attempts: u32,
    /// The status of the answer, if there was one.
    #[serde(rename = "response_code")]
    pub status: Option<u16>,
    /// What was wrong.
    #[serde(rename = "failure_code")]
    pub reason: String,
    /// How long it took.
    #[serde(rename = "latency")]
    pub latency_ms: i64,
    /// Its events.
    #[serde(rename = "batch_size")]
    pub events: usize,
}

impl Counters {
    /// The batches that failed last, the latest last.
    pub fn failed_batches(&self) -> Vec<FailedBatch> {
        let batches = self.failed_batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.iter().cloned().collect()
    }

    pub(super) fn set_oldest(&self, at: Option<Timestamp>) {
        self.oldest_at.set(at.map_or(0, |at| at.0.max(0).cast_unsigned()));
    }

    pub(super) fn note_failure(&self, failed: FailedBatch) {
        let mut batches = self.failed_batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.retain(|known| known.batch_id != failed.batch_id);
        if batches.len() >= FAILED_BATCHES_MAX {
            batches.pop_front();
        }
        batches.push_back(failed);
    }

    /// Octets of the log that are not passed yet.
    pub fn lag_octets(&self, durable: Position) -> u64 {
        durable.0.saturating_sub(self.cursor.get())
    }

    /// How long ago the oldest event happened that was read and has not arrived.
    pub fn lag_seconds(&self) -> u64 {
        match self.oldest_at.get() {
            0 => 0,
            at => now().0.max(0).cast_unsigned().saturating_sub(at) / 1_000,
        }
    }

    /// About how many events that are, by the size of those that were read.
    pub fn lag_events(&self, durable: Position) -> u64 {
        let (octets, events) = (self.read_octets.get(), self.read_events.get());
        match events {
            0 => 0,
            _ => {
                let lag = u128::from(self.lag_octets(durable)) * u128::from(events);
                u64::try_from(lag / u128::from(octets.max(1))).unwrap_or(u64::MAX)
            }
        }
    }
}
