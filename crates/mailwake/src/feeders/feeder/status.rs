//! What a feeder tells of itself to commands that look at it from outside: a small file, which is
//! replaced as a whole.

use super::{
    FeederConfig,
    counters::{Counters, FailedBatch},
    now,
};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use tracking::ids::Timestamp;

/// The state of a feeder, as it was told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// When it was told; a feeder that runs does so every few seconds.
    pub told_at: Timestamp,
    /// Whether it runs.
    pub is_running: bool,
    /// The kind of its sink.
    pub kind: String,
    /// Events that have arrived since it started.
    pub events: u64,
    /// Batches that have.
    pub batches: u64,
    /// Events that the far side had already, where it tells.
    pub duplicates: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Records of messages that are not ours.
    pub foreign: u64,
    /// Events of the batch that is under way.
    pub under_way: u64,
    /// When the oldest event happened that was read and has not arrived.
    pub oldest_at: Option<Timestamp>,
    /// When something has arrived last.
    pub last_success_at: Option<Timestamp>,
    /// Failures in a row.
    pub failures: u64,
    /// Are there so many that the next batch only tries the far side?
    pub is_circuit_open: bool,
    /// When the next attempt is made, after a failure.
    pub next_attempt_at: Option<Timestamp>,
    /// What kept a batch from arriving last.
    pub last_error: Option<String>,
    /// What keeps the feeder itself from working.
    pub trouble: Option<String>,
    /// What keeps it from sending again what an operator has asked for.
    pub replay_trouble: Option<String>,
    /// The batches that failed last, the latest last.
    pub failed_batches: Vec<FailedBatch>,
}

/// The file in which a feeder tells its state.
pub fn status_file(directory: &Path, feeder: &str) -> PathBuf {
    directory.join(format!("{feeder}.status.json"))
}

impl Status {
    /// What the counters say now.
    pub(super) fn of(kind: &str, counters: &Counters) -> Self {
        let time = |milliseconds: u64| {
            let time = i64::try_from(milliseconds).unwrap_or(i64::MAX);
            (time > 0).then_some(Timestamp(time))
        };
        Self {
            told_at: now(),
            is_running: counters.is_running.get() == 1,
            kind: kind.into(),
            events: counters.events.get(),
            batches: counters.batches.get(),
            duplicates: counters.duplicates.get(),
            failed_attempts: counters.failed.get(),
            foreign: counters.foreign.get(),
            under_way: counters.under_way.get(),
            oldest_at: time(counters.oldest_at.get()),
            last_success_at: time(counters.last_success_at.get()),
            failures: counters.failures.get(),
            is_circuit_open: counters.circuit_open.get() == 1,
            next_attempt_at: time(counters.next_attempt_at.get()),
            last_error: counters.last_error.get(),
            trouble: counters.trouble.get(),
            replay_trouble: counters.replay_trouble.get(),
            failed_batches: counters.failed_batches(),
        }
    }

    /// Reads what a feeder has told; nothing before its first time.
    pub fn read(directory: &Path, feeder: &str) -> io::Result<Option<Self>> {
        match fs::read(status_file(directory, feeder)) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tells it.
    pub(super) fn write(&self, config: &FeederConfig) -> io::Result<()> {
        let path = status_file(&config.directory, &config.name);
        let fresh = path.with_extension("tmp");
        fs::write(&fresh, serde_json::to_vec(self).map_err(io::Error::other)?)?;
        fs::rename(fresh, path)
    }
}
