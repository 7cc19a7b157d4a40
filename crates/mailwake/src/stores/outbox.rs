//! What is still to be told to senders: a database in SQLite of those who have unsubscribed,
//! each with the URL of its sender. What was told stays for a while, so that nobody is told
//! twice; what could not be told stays, so that nothing is lost in silence.

use rusqlite::{Connection, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use tracking::ids::{MessageId, Timestamp};

#[cfg(test)]
mod tests;

/// The file, in the directory of the outbox.
const FILE: &str = "unsubscribe.db";

/// Waiting, told, given up.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS letters (
        message_id BLOB PRIMARY KEY,
        target_url TEXT NOT NULL,
        host TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'told', 'given_up')),
        since INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        next_at INTEGER NOT NULL,
        reason TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS waiting ON letters (host, next_at) WHERE state = 'waiting';
    CREATE INDEX IF NOT EXISTS told ON letters (next_at) WHERE state = 'told';
";

/// The database cannot be used now. It is tried again.
#[derive(Debug, thiserror::Error)]
#[error("{action} outbox {}: {error}", path.display())]
pub struct OutboxError {
    action: &'static str,
    path: PathBuf,
    error: rusqlite::Error,
}

/// Somebody has unsubscribed, and the sender is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The message by which it was done.
    pub message_id: MessageId,
    /// Where its sender is told.
    pub target_url: String,
    /// The host of that URL, which has its share of connections.
    pub host: String,
    /// When it was done.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}

/// The database, open to be written.
#[derive(Debug)]
pub struct Outbox {
    database: Connection,
    path: PathBuf,
}

impl Outbox {
    /// Opens the database in a directory, or makes it.
    pub fn open(directory: &Path) -> Result<Self, OutboxError> {
        let path = directory.join(FILE);
        let error = |error| OutboxError { action: "open", path: path.clone(), error };
        let database = Connection::open(&path).map_err(error)?;
        // What is in it is on disk: the log's cursor moves behind it.
        database.pragma_update(None, "journal_mode", "WAL").map_err(error)?;
        database.pragma_update(None, "synchronous", "FULL").map_err(error)?;
        database.execute_batch(SCHEMA).map_err(error)?;
        Ok(Self { database, path })
    }

    fn error(&self, action: &'static str) -> impl Fn(rusqlite::Error) -> OutboxError + use<> {
        let path = self.path.clone();
        move |error| OutboxError { action, path: path.clone(), error }
    }

    /// Takes letters in, to be tried at once. One of a message that is known already is none:
    /// who unsubscribes twice has unsubscribed. But one that was given up before is tried anew.
    /// Gives how many are new.
    pub fn take(&mut self, letters: &[Letter]) -> Result<usize, OutboxError> {
        let error = self.error("write");
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.database.transaction_with_behavior(behavior).map_err(&error)?;
        let mut new = 0;
        for Letter { message_id, target_url, host, since, attempts } in letters {
            let sql = "INSERT INTO letters VALUES (?1, ?2, ?3, 'waiting', ?4, ?5, ?4, '')
                ON CONFLICT DO UPDATE SET target_url = excluded.target_url, host = excluded.host,
                    state = 'waiting', since = excluded.since, attempts = excluded.attempts,
                    next_at = excluded.next_at, reason = ''
                WHERE state = 'given_up' AND excluded.since > next_at";
            let values = params![message_id.octets(), target_url, host, since.0, attempts];
            new += transaction.execute(sql, values).map_err(&error)?;
        }
        transaction.commit().map_err(&error)?;
        Ok(new)
    }

    /// Letters that are due, so many of each host and of all at most.
    pub fn due(
        &self,
        now: Timestamp,
        of_host_max: usize,
        max: usize,
    ) -> Result<Vec<Letter>, OutboxError> {
        let error = self.error("read");
        let sql = "SELECT message_id, target_url, host, since, attempts FROM (
                SELECT *, row_number() OVER (PARTITION BY host ORDER BY next_at) AS place
                FROM letters WHERE state = 'waiting' AND next_at <= ?1
            ) WHERE place <= ?2 ORDER BY next_at LIMIT ?3";
        let mut statement = self.database.prepare_cached(sql).map_err(&error)?;
        let rows = statement
            .query_map(params![now.0, of_host_max as i64, max as i64], |row| {
                Ok(Letter {
                    message_id: MessageId::from_octets(row.get(0)?),
                    target_url: row.get(1)?,
                    host: row.get(2)?,
                    since: Timestamp(row.get(3)?),
                    attempts: row.get(4)?,
                })
            })
            .map_err(&error)?;
        rows.collect::<Result<_, _>>().map_err(&error)
    }

    /// When the next letter is due, if one waits.
    pub fn next_due(&self) -> Result<Option<Timestamp>, OutboxError> {
        let error = self.error("read");
        let sql = "SELECT min(next_at) FROM letters WHERE state = 'waiting'";
        let next: Option<i64> =
            self.database.query_row(sql, [], |row| row.get(0)).map_err(&error)?;
        Ok(next.map(Timestamp))
    }

    /// Puts a letter off: while it is under way, and after an attempt that failed.
    pub fn put_off(
        &self,
        letter: MessageId,
        until: Timestamp,
        attempts: u32,
        reason: &str,
    ) -> Result<(), OutboxError> {
        let sql = "UPDATE letters SET next_at = ?2, attempts = ?3, reason = ?4
            WHERE message_id = ?1 AND state = 'waiting'";
        self.write(sql, params![letter.octets(), until.0, attempts, reason])
    }

    /// The sender was told. Its URL is no longer kept.
    pub fn told(&self, letter: MessageId, now: Timestamp) -> Result<(), OutboxError> {
        let sql = "UPDATE letters SET state = 'told', next_at = ?2, target_url = '', reason = ''
            WHERE message_id = ?1";
        self.write(sql, params![letter.octets(), now.0])
    }

    /// It is not tried any more. It stays, with the reason.
    pub fn give_up(
        &self,
        letter: MessageId,
        now: Timestamp,
        reason: &str,
    ) -> Result<(), OutboxError> {
        let sql = "UPDATE letters SET state = 'given_up', next_at = ?2, reason = ?3
            WHERE message_id = ?1";
        self.write(sql, params![letter.octets(), now.0, reason])
    }

    /// Forgets what was told before.
    pub fn forget_told(&self, before: Timestamp) -> Result<(), OutboxError> {
        let sql = "DELETE FROM letters WHERE state = 'told' AND next_at < ?1";
        self.write(sql, params![before.0])
    }

    /// How many wait.
    pub fn waiting(&self) -> Result<u64, OutboxError> {
        // The index of those that wait is counted, and not all that were told.
        self.count("SELECT count(*) FROM letters WHERE state = 'waiting'")
    }

    fn count(&self, sql: &str) -> Result<u64, OutboxError> {
        let count = self.database.query_row(sql, [], |row| row.get::<_, i64>(0));
        count.map(i64::unsigned_abs).map_err(self.error("read"))
    }

    fn write(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<(), OutboxError> {
        self.database.execute(sql, values).map_err(self.error("write"))?;
        Ok(())
    }
}
