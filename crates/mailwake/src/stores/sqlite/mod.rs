//! The store in SQLite: a directory with the main database `mailwake.db`, which has
//! messages, first-seen bits, rollups and how far events were applied, and a database
//! `events-YYYY-MM-DD.db` for each day with the events themselves, which goes as a file.
//!
//! # Why counts are exact after any crash
//!
//! In WAL mode SQLite commits each database by itself, and with `synchronous=NORMAL` a
//! power failure can take back the last commits of each. So `apply` goes in two steps:
//! 1. Events go into the files of their days. The key is the log's position, and what is
//!    there already is left alone, so this can be done over and over.
//! 2. Messages, first-seen bits, rollups, damage and the applied position go into the
//!    main database in one transaction. Events in front of the applied position are
//!    passed over.
//!
//! A crash between the steps leaves events without counts; the applied position is still
//! in front of them, so they are applied again: step 1 finds them, step 2 counts them. A
//! power failure can leave either database behind the other. Therefore the log's cursor,
//! in front of which segments are removed, moves only after `checkpoint` has brought both
//! to disk; at start events are given again from the cursor on, and step 1 puts back the
//! rows of events that step 2 has counted.
//!
//! One process writes, which a lock file holds. Readers may be many, and elsewhere.

mod day;
mod engagements;
mod ids;
mod join;
mod kind;
mod messages;
mod model;
mod outcome;
mod reader;
mod records;
mod rollup_report;
mod rollups;
mod rows;
mod schema;
mod store;

pub use messages::Messages;
pub use reader::StoreReader;
pub use records::RecordCounts;
pub use store::{LogEntry, Store};

use rusqlite::{Connection, ErrorCode, config::DbConfig};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracking::bounce::Rules;

/// How the store is kept.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Days (UTC) that events are kept; counts and messages stay. None keeps all.
    pub retention_days: Option<u32>,
    /// How long a statement waits for another process.
    pub busy_timeout: Duration,
    /// The rules by which bounces get their class. None takes those that mailwake comes with.
    pub bounce_rules: Option<Rules>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        let busy_timeout = Duration::from_secs(5);
        Self { retention_days: Some(90), busy_timeout, bounce_rules: None }
    }
}

/// Why the store did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process writes this store.
    #[error("open store {}: another process has it open", directory.display())]
    Locked {
        /// The store's directory.
        directory: PathBuf,
    },
    /// There is nothing to read.
    #[error("open store {}: there is none yet; `mailwake serve` makes it", directory.display())]
    Absent {
        /// The store's directory.
        directory: PathBuf,
    },
    /// Another mailwake made it.
    #[error("open {}: it has version {found}, this mailwake knows version {known}", path.display())]
    Version {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version that was expected.
        known: i64,
    },
    /// What a database holds is not what was put in.
    #[error("read {}: {what}", path.display())]
    Content {
        /// The database.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// SQLite failed.
    #[error("{action} {}: {error}", path.display())]
    Sqlite {
        /// What was being done.
        action: &'static str,
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
    /// The disk failed.
    #[error("{action} {}: {error}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the disk said.
        error: io::Error,
    },
}

impl StoreError {
    /// Whether the same can succeed later: the disk is full, or another process is in
    /// the way.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Sqlite { error, .. } => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::DiskFull
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::CannotOpen
                )
            ),
            Self::Io { .. } => true,
            _ => false,
        }
    }
}

/// Gives SQLite's error its place.
fn sqlite<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(rusqlite::Error) -> StoreError + 'a {
    move |error| StoreError::Sqlite { action, path: path.into(), error }
}

/// Gives a disk's error its place.
fn disk<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StoreError + 'a {
    move |error| StoreError::Io { action, path: path.into(), error }
}

/// The path of the main database.
fn main_path(directory: &Path) -> PathBuf {
    directory.join("mailwake.db")
}

/// Opens a database to write it.
fn open_to_write(path: &Path, busy_timeout: Duration) -> Result<Connection, StoreError> {
    let open = || {
        let connection = Connection::open(path)?;
        connection.busy_timeout(busy_timeout)?;
        keep_plans(&connection)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        connection.pragma_update(None, "cache_size", -16_384)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    };
    open().map_err(sqlite("open", path))
}

/// Has statements keep the plan that they were prepared with; else SQLite makes a new one for each
/// value that is bound to a range.
fn keep_plans(connection: &Connection) -> rusqlite::Result<bool> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
}

/// Brings all commits of a database to disk. False if a reader holds some back.
fn checkpoint(connection: &Connection) -> Result<bool, rusqlite::Error> {
    // The log is synced, copied into the database, and that is synced.
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        let (is_busy, in_log, copied) =
            (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?);
        Ok(is_busy == 0 && in_log == copied)
    })
}

#[cfg(test)]
mod tests;
