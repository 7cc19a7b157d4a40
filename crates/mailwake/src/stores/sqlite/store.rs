//! The writing side of the store. Entries of the log come in, in order; they are in the
//! databases when `apply` returns, and on disk when `checkpoint` says so.

use super::day::{self, Day, Days};
use super::ids::Ids;
use super::records::{self, Fresh, RecordCounts};
use super::{
    StoreConfig, StoreError, checkpoint, disk, engagements, main_path, model, open_to_write,
    schema, sqlite,
};
use rusqlite::{Connection, TransactionBehavior};
use std::cell::OnceCell;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tracking::bounce::Rules;
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
    ids: Ids,
    /// Made when the first bounce comes.
    rules: OnceCell<Rules>,
    records: RecordCounts,
    /// The time, as it was last told.
    now: Timestamp,
    /// The latest time of an event that was applied.
    latest: Option<Timestamp>,
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
        let parked = records::parked(&main).map_err(sqlite("read", &path))?;
        Ok(Self {
            directory: directory.into(),
            path,
            days: Days::new(directory, config.busy_timeout),
            rules: config.bounce_rules.clone().map(OnceCell::from).unwrap_or_default(),
            config,
            main,
            applied,
            ids: Ids::default(),
            records: RecordCounts { parked, ..RecordCounts::default() },
            now: SystemTime::now().into(),
            latest: None,
            _lock: lock,
        })
    }

    /// What became of the records of MTAs.
    pub fn records(&self) -> RecordCounts {
        self.records
    }

    /// The position up to which everything is counted.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Applies entries, which must be in the log's order. Those in front of `applied`
    /// are not counted again, but put back should they be missing. After an error the
    /// same entries can be given again.
    pub fn apply(&mut self, entries: &[LogEntry]) -> Result<(), StoreError> {
        let fresh = self.apply_events(entries)?;
        self.apply_counts(entries, &fresh)
    }

    /// The first step of `apply`; the module's head says why it comes first. Gives what the
    /// second one needs.
    pub(super) fn apply_events<'e>(
        &mut self,
        entries: &'e [LogEntry],
    ) -> Result<Vec<Fresh<'e>>, StoreError> {
        let fresh = records::fresh(&self.main, entries).map_err(sqlite("read", &self.path))?;
        self.days.insert(&fresh)?;
        Ok(fresh)
    }

    /// The second step of `apply`.
    fn apply_counts(
        &mut self,
        entries: &[LogEntry],
        fresh: &[Fresh<'_>],
    ) -> Result<(), StoreError> {
        let begin = entries.partition_point(|entry| entry.position() < self.applied);
        let Some(last) = entries[begin..].last() else { return Ok(()) };
        let duplicates = fresh.partition_point(|one| one.entry.position() < self.applied);
        let fresh = &fresh[duplicates..];
        let mut run = || {
            let transaction =
                self.main.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let tools = model::Tools {
                rules: &self.rules,
                ids: &mut self.ids,
                parked: self.records.parked,
                today: self.now.day(),
            };
            let outcome = model::apply(&transaction, fresh, tools)?;
            model::set_applied(&transaction, last.next())?;
            transaction.commit()?;
            Ok(outcome)
        };
        let outcome = run().inspect_err(|_| self.ids = Ids::default());
        let outcome = outcome.map_err(sqlite("write", &self.path))?;
        self.records.duplicates += (entries.len() - begin - fresh.len()) as u64;
        self.records.foreign += outcome.foreign;
        self.records.parked = outcome.parked;
        self.applied = last.next();
        let times = fresh.iter().filter_map(|one| match one.entry {
            LogEntry::Event { event, .. } => Some(event.timestamp),
            LogEntry::Damage { .. } => None,
        });
        self.latest = self.latest.max(times.max());
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

    /// Removes events that are older than the configuration keeps them, and what records have
    /// left behind that nobody will need.
    pub fn remove_expired(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.now = now;
        let begin = self.config.retention_days.map(|days| {
            let first = Timestamp(now.0.saturating_sub(i64::from(days) * Timestamp::DAY_MS));
            Timestamp(first.day() * Timestamp::DAY_MS)
        });
        self.remove_records(begin).map_err(sqlite("write", &self.path))?;
        let Some(begin) = begin else { return Ok(()) };
        engagements::remove_before(&self.main, begin).map_err(sqlite("write", &self.path))?;
        self.days.remove_before(Day::of(begin))
    }

    fn remove_records(&mut self, events_before: Option<Timestamp>) -> rusqlite::Result<()> {
        records::forget(&self.main, self.now.day(), events_before)?;
        // While the store catches up with the log, the log's time counts: what a record waits
        // for is still to come.
        let Some(latest) = self.latest else { return Ok(()) };
        let before = Timestamp(latest.min(self.now).0.saturating_sub(records::PARKED_MS));
        let given_up = records::give_up(&self.main, self.records.parked, before)?;
        self.records.foreign += given_up;
        self.records.parked = self.records.parked.saturating_sub(given_up);
        Ok(())
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
