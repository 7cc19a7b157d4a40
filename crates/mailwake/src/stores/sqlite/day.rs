//! The events of one day (UTC), each day in a database of its own, so that events of a
//! day that is over go by removing a file.

use super::records::Fresh;
use super::store::LogEntry;
use super::{StoreError, checkpoint, disk, open_to_write, schema, sqlite};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracking::event;
use tracking::ids::Timestamp;

/// Days that stay open at once. Events of other days open and close theirs.
const OPEN_MAX: usize = 8;

/// A day, counted from the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(i64);

impl Day {
    /// The day of a time. Times that no calendar has count as the calendar's last day,
    /// those before 1970 as the first.
    pub(super) fn of(time: Timestamp) -> Self {
        let last_day = 2_932_896;
        Self(time.day().clamp(0, last_day))
    }

    fn path(self, directory: &Path) -> PathBuf {
        let date = date(1970, 1, 1).saturating_add(self.0.days());
        directory.join(format!("events-{date}.db"))
    }

    fn from_name(name: &str) -> Option<Self> {
        let date: Date = name.strip_prefix("events-")?.strip_suffix(".db")?.parse().ok()?;
        let days = (date - date_zero()).get_days();
        Some(Self(days.into()))
    }

    /// The days that a store has events of, in order, with their databases.
    pub(super) fn list(directory: &Path) -> io::Result<Vec<(Self, PathBuf)>> {
        let mut days = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if let Some(day) = entry.file_name().to_str().and_then(Self::from_name) {
                days.push((day, entry.path()));
            }
        }
        days.sort_unstable();
        Ok(days)
    }
}

fn date_zero() -> Date {
    date(1970, 1, 1)
}

/// Puts events into the databases of their days.
#[derive(Debug)]
pub(super) struct Days {
    directory: PathBuf,
    busy_timeout: Duration,
    open: BTreeMap<Day, Connection>,
}

impl Days {
    pub(super) fn new(directory: &Path, busy_timeout: Duration) -> Self {
        Self { directory: directory.into(), busy_timeout, open: BTreeMap::new() }
    }

    /// Puts in what is not there yet.
    pub(super) fn insert(&mut self, entries: &[Fresh<'_>]) -> Result<(), StoreError> {
        let mut by_day: BTreeMap<Day, Vec<&Fresh<'_>>> = BTreeMap::new();
        for entry in entries {
            if let LogEntry::Event { event, .. } = entry.entry {
                by_day.entry(Day::of(event.timestamp)).or_default().push(entry);
            }
        }
        for (day, entries) in by_day {
            let path = day.path(&self.directory);
            let connection = self.connection(day, &path)?;
            insert(connection, &entries).map_err(sqlite("write", &path))?;
        }
        Ok(())
    }

    /// Brings all that was put in to disk. False if readers hold some of it back.
    pub(super) fn checkpoint(&mut self) -> Result<bool, StoreError> {
        let mut is_all = true;
        for (day, connection) in &self.open {
            let path = day.path(&self.directory);
            is_all &= checkpoint(connection).map_err(sqlite("checkpoint", &path))?;
        }
        Ok(is_all)
    }

    /// Removes the days in front of `first`.
    pub(super) fn remove_before(&mut self, first: Day) -> Result<(), StoreError> {
        let removing = "remove old events of";
        let days = Day::list(&self.directory).map_err(disk(removing, &self.directory))?;
        for (day, path) in days.into_iter().take_while(|(day, _)| *day < first) {
            self.open.remove(&day);
            remove(&path).map_err(disk(removing, &path))?;
        }
        Ok(())
    }

    fn connection(&mut self, day: Day, path: &Path) -> Result<&mut Connection, StoreError> {
        if !self.open.contains_key(&day) {
            self.close_some()?;
            let mut connection = open_to_write(path, self.busy_timeout)?;
            schema::migrate_day(&mut connection, path)?;
            self.open.insert(day, connection);
        }
        Ok(self.open.get_mut(&day).expect("it was just put in"))
    }

    /// Closes the oldest of many days. What a reader holds back stays open, because only
    /// open days are brought to disk by a checkpoint.
    fn close_some(&mut self) -> Result<(), StoreError> {
        if self.open.len() < OPEN_MAX {
            return Ok(());
        }
        let Some((day, connection)) = self.open.first_key_value() else { return Ok(()) };
        let day = *day;
        let path = day.path(&self.directory);
        if checkpoint(connection).map_err(sqlite("checkpoint", &path))? {
            self.open.remove(&day);
        }
        Ok(())
    }
}

fn insert(connection: &mut Connection, entries: &[&Fresh<'_>]) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    {
        let mut statement =
            transaction.prepare_cached("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)")?;
        for entry in entries {
            if let LogEntry::Event { position, event, .. } = entry.entry {
                statement.execute(params![
                    position.cast_signed(),
                    entry.message_id(event).octets(),
                    event.timestamp.0,
                    event.occurrence.type_name(),
                    event::encode(event),
                ])?;
            }
        }
    }
    transaction.commit()
}

/// Removes a database with the files that belong to it; they need not be there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
