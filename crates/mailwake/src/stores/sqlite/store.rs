//! The writing side of the store. Entries of the log come in, in order; they are in the
//! databases when `apply` returns, and on disk when `checkpoint` says so.

use super::day::{self, Day, Days};
use super::{
    StoreConfig, StoreError, checkpoint, disk, engagements, main_path, model, open_to_write,
    schema, sqlite,
};
use rusqlite::{Connection, TransactionBehavior};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use tracking::event::Event;
use tracking::ids::Timestamp;

/// What the log has at a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry {
    /// An event.
    Event {
        /// Its place in the log.
        position: u64,
        /// The place of the next entry.
        next: u64,
        /// What happened.
        event: Box<Event>,
    },
    /// A part that cannot be read; the store keeps that it was there.
    Damage {
        /// Where it begins.
        position: u64,
        /// The place of the next entry.
        next: u64,
        /// A stable name of what is wrong.
        kind: &'static str,
    },
}

impl LogEntry {
    /// Its place in the log.
    pub fn position(&self) -> u64 {
        match self {
            Self::Event { position, .. } | Self::Damage { position, .. } => *position,
        }
    }

    /// The place of the next entry.
    pub fn next(&self) -> u64 {
        match self {
            Self::Event { next, .. } | Self::Damage { next, .. } => *next,
        }
    }
}

/// The store, open to be written.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    path: PathBuf,
    config: StoreConfig,
    main: Connection,
    days: Days,
    applied: u64,
    /// Unlocked when it is dropped.
    _lock: File,
}

impl Store {
    /// Opens the store in `directory`, and makes it where there is none. Refuses when
    /// another process writes it, or a later mailwake made it.
    pub fn open(directory: &Path, config: StoreConfig) -> Result<Self, StoreError> {
        let lock = lock(directory)?;
        Self::open_locked(directory, config, lock)
    }

    /// Opens an empty store in `directory`; what was there is removed.
    pub fn open_anew(directory: &Path, config: StoreConfig) -> Result<Self, StoreError> {
        let lock = lock(directory)?;
        let removing = "remove store";
        // The counts go first: events without counts are counted when they come again,
        // counts without events would stay.
        let main = main_path(directory);
        day::remove(&main).map_err(disk(removing, &main))?;
        for (_, path) in Day::list(directory).map_err(disk(removing, directory))? {
            day::remove(&path).map_err(disk(removing, &path))?;
        }
        Self::open_locked(directory, config, lock)
    }

    fn open_locked(directory: &Path, config: StoreConfig, lock: File) -> Result<Self, StoreError> {
        let path = main_path(directory);
        let mut main = open_to_write(&path, config.busy_timeout)?;
        schema::migrate_main(&mut main, &path)?;
        let applied = model::applied(&main).map_err(sqlite("read", &path))?;
        let days = Days::new(directory, config.busy_timeout);
        Ok(Self { directory: directory.into(), path, config, main, days, applied, _lock: lock })
    }

    /// The position up to which everything is counted.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Applies entries, which must be in the log's order. Those in front of `applied`
    /// are not counted again, but put back should they be missing. After an error the
    /// same entries can be given again.
    pub fn apply(&mut self, entries: &[LogEntry]) -> Result<(), StoreError> {
        self.apply_events(entries)?;
        self.apply_counts(entries)
    }

    /// The first step of `apply`; the module's head says why it comes first.
    pub(super) fn apply_events(&mut self, entries: &[LogEntry]) -> Result<(), StoreError> {
        self.days.insert(entries)
    }

    /// The second step of `apply`.
    pub(super) fn apply_counts(&mut self, entries: &[LogEntry]) -> Result<(), StoreError> {
        let begin = entries.partition_point(|entry| entry.position() < self.applied);
        let fresh = &entries[begin..];
        let Some(last) = fresh.last() else { return Ok(()) };
        let mut run = || {
            let transaction =
                self.main.transaction_with_behavior(TransactionBehavior::Immediate)?;
            model::apply(&transaction, fresh)?;
            model::set_applied(&transaction, last.next())?;
            transaction.commit()
        };
        run().map_err(sqlite("write", &self.path))?;
        self.applied = last.next();
        Ok(())
    }

    /// Brings all that was applied to disk. False if a reader holds some of it back for
    /// now; then nothing in front of `applied` may be forgotten yet.
    pub fn checkpoint(&mut self) -> Result<bool, StoreError> {
        let is_all = self.days.checkpoint()?
            & checkpoint(&self.main).map_err(sqlite("checkpoint", &self.path))?;
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(disk("sync", &self.directory))?;
        Ok(is_all)
    }

    /// Removes events that are older than the configuration keeps them.
    pub fn remove_expired(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let Some(retention_days) = self.config.retention_days else { return Ok(()) };
        let kept_ms = i64::from(retention_days) * Timestamp::DAY_MS;
        let first = Timestamp(now.0.saturating_sub(kept_ms));
        let begin = Timestamp(first.day() * Timestamp::DAY_MS);
        engagements::remove_before(&self.main, begin).map_err(sqlite("write", &self.path))?;
        self.days.remove_before(Day::of(first))
    }
}

fn lock(directory: &Path) -> Result<File, StoreError> {
    fs::create_dir_all(directory).map_err(disk("make store", directory))?;
    let path = directory.join("lock");
    let file = File::create(&path).map_err(disk("make", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { directory: directory.into() }),
        Err(TryLockError::Error(error)) => Err(disk("lock", &path)(error)),
    }
}
