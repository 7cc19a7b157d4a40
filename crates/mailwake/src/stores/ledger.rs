//! What a feeder must know after a crash: a database in SQLite of the batch that is under way,
//! so that the same one is sent again; of the events that could not be brought to their place,
//! so that nothing is lost in silence; and of what operators ask of the feeder, which they do
//! while it runs.

mod dead_letters;
mod orders;
mod places;
#[cfg(test)]
mod tests;

pub use dead_letters::{DeadLetter, LetterFilter};
pub use orders::{Replay, ReplayState};

use rusqlite::{
    Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params, types::Type,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tracking::ids::Timestamp;
use uuid::Uuid;

/// How long one who writes waits for another.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS under_way (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        id BLOB NOT NULL,
        begin INTEGER NOT NULL,
        end INTEGER NOT NULL,
        places BLOB NOT NULL,
        pieces TEXT NOT NULL,
        attempts INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS dead_letters (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        event_id TEXT NOT NULL UNIQUE,
        message_id BLOB NOT NULL,
        type TEXT NOT NULL,
        happened_at INTEGER NOT NULL,
        dead_at INTEGER NOT NULL,
        batch_id BLOB NOT NULL,
        reason TEXT NOT NULL,
        status INTEGER,
        event BLOB NOT NULL,
        is_asked_for INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX IF NOT EXISTS asked_for ON dead_letters (number) WHERE is_asked_for = 1;
    CREATE TABLE IF NOT EXISTS replays (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        since INTEGER NOT NULL,
        until INTEGER NOT NULL,
        position INTEGER,
        events INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL DEFAULT 'waiting',
        asked_at INTEGER NOT NULL
    );
";

/// The database cannot be used now. It is tried again.
#[derive(Debug, thiserror::Error)]
#[error("{action} ledger {}: {error}", path.display())]
pub struct LedgerError {
    action: &'static str,
    path: PathBuf,
    error: rusqlite::Error,
}

/// The database of a feeder.
#[derive(Debug)]
pub struct Ledger {
    database: Connection,
    path: PathBuf,
}

/// A batch that was begun, and may have arrived in part or as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// Its id.
    pub id: Uuid,
    /// Where the part of the log begins that it stands for.
    pub begin: u64,
    /// Where that part ends.
    pub end: u64,
    /// The positions of its events.
    pub places: Vec<u64>,
    /// What of it is still to be sent: the first event of each piece and how many there are,
    /// the next one last.
    pub pieces: Vec<(usize, usize)>,
    /// How often the next piece was sent already.
    pub attempts: u32,
}

impl Ledger {
    /// The file of a feeder's ledger.
    pub fn file(directory: &Path, feeder: &str) -> PathBuf {
        directory.join(format!("{feeder}.db"))
    }

    /// Opens the ledger of a feeder in a directory, or makes it.
    pub fn open(directory: &Path, feeder: &str) -> Result<Self, LedgerError> {
        let path = Self::file(directory, feeder);
        let error = |error| LedgerError { action: "open", path: path.clone(), error };
        let database = Connection::open(&path).map_err(error)?;
        database.busy_timeout(BUSY_TIMEOUT).map_err(error)?;
        database.pragma_update(None, "journal_mode", "WAL").map_err(error)?;
        // What is in it is on disk: the log's cursor moves behind it.
        database.pragma_update(None, "synchronous", "FULL").map_err(error)?;
        database.execute_batch(SCHEMA).map_err(error)?;
        Ok(Self { database, path })
    }

    fn error(&self, action: &'static str) -> impl Fn(rusqlite::Error) -> LedgerError + use<> {
        let path = self.path.clone();
        move |error| LedgerError { action, path: path.clone(), error }
    }

    fn write<T>(
        &mut self,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, LedgerError> {
        let error = self.error("write");
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.database.transaction_with_behavior(behavior).map_err(&error)?;
        let written = write(&transaction).map_err(&error)?;
        transaction.commit().map_err(&error)?;
        Ok(written)
    }

    /// Everything in front of this position has arrived, or is among the dead letters.
    pub fn passed(&self) -> Result<u64, LedgerError> {
        Ok(self.number("passed")?.map_or(0, i64::cast_unsigned))
    }

    /// The batch that is under way, if one is.
    pub fn under_way(&self) -> Result<Option<UnderWay>, LedgerError> {
        let sql = "SELECT id, begin, end, places, pieces, attempts FROM under_way";
        self.database.query_row(sql, [], under_way).optional().map_err(self.error("read"))
    }

    /// Begins with a batch; what was under way before has arrived. `dead` are events that go no
    /// further.
    pub fn begin(&mut self, batch: &UnderWay, dead: &[DeadLetter]) -> Result<(), LedgerError> {
        let (places, pieces) = (places::encode(&batch.places), pieces_text(&batch.pieces));
        self.write(|transaction| {
            dead_letters::insert(transaction, dead)?;
            set(transaction, "passed", batch.begin.cast_signed())?;
            transaction.execute(
                "INSERT OR REPLACE INTO under_way VALUES (1, ?, ?, ?, ?, ?, ?)",
                params![
                    batch.id.as_bytes(),
                    batch.begin.cast_signed(),
                    batch.end.cast_signed(),
                    places,
                    pieces,
                    batch.attempts
                ],
            )?;
            Ok(())
        })
    }

    /// What is left of the batch that is under way, and how often the next piece was sent.
    pub fn go_on(
        &mut self,
        pieces: &[(usize, usize)],
        attempts: u32,
        dead: &[DeadLetter],
    ) -> Result<(), LedgerError> {
        let pieces = pieces_text(pieces);
        self.write(|transaction| {
            dead_letters::insert(transaction, dead)?;
            let sql = "UPDATE under_way SET pieces = ?, attempts = ?";
            transaction.execute(sql, params![pieces, attempts])?;
            Ok(())
        })
    }

    /// What is left of the batch that is under way, now that a piece of it has arrived. It is
    /// written at once and synced with what is noted next: a kill loses nothing of it, and after
    /// a crash of the system the piece goes once more.
    pub fn arrived(&mut self, pieces: &[(usize, usize)]) -> Result<(), LedgerError> {
        let pieces = pieces_text(pieces);
        let error = self.error("write");
        self.database.pragma_update(None, "synchronous", "NORMAL").map_err(&error)?;
        let written = self.write(|transaction| {
            let sql = "UPDATE under_way SET pieces = ?, attempts = 0";
            transaction.prepare_cached(sql)?.execute([pieces]).map(|_| ())
        });
        self.database.pragma_update(None, "synchronous", "FULL").map_err(&error)?;
        written
    }

    /// Nothing is under way: all in front of `passed` has arrived, or is dead.
    pub fn finish(&mut self, passed: u64, dead: &[DeadLetter]) -> Result<(), LedgerError> {
        self.write(|transaction| {
            dead_letters::insert(transaction, dead)?;
            set(transaction, "passed", passed.cast_signed())?;
            transaction.execute("DELETE FROM under_way", [])?;
            Ok(())
        })
    }

    /// Puts events aside that are not of the batch under way.
    pub fn put_aside(&mut self, dead: &[DeadLetter]) -> Result<(), LedgerError> {
        self.write(|transaction| dead_letters::insert(transaction, dead))
    }

    /// Since when nothing arrives, if so.
    pub fn failing_since(&self) -> Result<Option<Timestamp>, LedgerError> {
        Ok(self.number("failing_since")?.map(Timestamp))
    }

    /// Notes since when nothing arrives.
    pub fn set_failing_since(&mut self, since: Option<Timestamp>) -> Result<(), LedgerError> {
        self.write(|transaction| match since {
            Some(since) => set(transaction, "failing_since", since.0),
            None => {
                transaction.execute("DELETE FROM state WHERE key = 'failing_since'", []).map(|_| ())
            }
        })
    }

    fn number(&self, key: &str) -> Result<Option<i64>, LedgerError> {
        let sql = "SELECT value FROM state WHERE key = ?";
        let read = || {
            let mut statement = self.database.prepare_cached(sql)?;
            statement.query_row([key], |row| row.get(0)).optional()
        };
        read().map_err(self.error("read"))
    }
}

fn set(transaction: &Transaction<'_>, key: &str, value: i64) -> Result<(), rusqlite::Error> {
    let sql = "INSERT OR REPLACE INTO state VALUES (?, ?)";
    transaction.prepare_cached(sql)?.execute(params![key, value]).map(|_| ())
}

fn under_way(row: &Row<'_>) -> Result<UnderWay, rusqlite::Error> {
    let (places, pieces): (Vec<u8>, String) = (row.get(3)?, row.get(4)?);
    let (begin, end): (i64, i64) = (row.get(1)?, row.get(2)?);
    let unreadable = |column, what: &str| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, what.into())
    };
    Ok(UnderWay {
        id: Uuid::from_bytes(row.get(0)?),
        begin: begin.cast_unsigned(),
        end: end.cast_unsigned(),
        places: places::decode(&places).ok_or_else(|| unreadable(3, "no list of positions"))?,
        pieces: serde_json::from_str(&pieces).map_err(|_| unreadable(4, "no list of pieces"))?,
        attempts: row.get(5)?,
    })
}

fn pieces_text(pieces: &[(usize, usize)]) -> String {
    serde_json::to_string(pieces).expect("numbers are JSON")
}
