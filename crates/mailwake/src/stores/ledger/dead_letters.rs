//! Events that could not be brought to their place, each with the reason. They stay until an
//! operator removes them, or has them sent again.

use super::{Ledger, LedgerError};
use rusqlite::{Row, Transaction, params, types::Type};
use tracking::{
    event::{self, Event},
    ids::Timestamp,
};
use uuid::Uuid;

/// An event that could not be brought to its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The event, with its message id where that was found.
    pub event: Event,
    /// When it was given up.
    pub dead_at: Timestamp,
    /// The batch in which it went last.
    pub batch_id: Uuid,
    /// Why.
    pub reason: String,
    /// What the far side answered, where it did with a status.
    pub status: Option<u16>,
}

/// Which dead letters are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterFilter {
    /// All.
    All,
    /// Those that are to be sent again.
    AskedFor,
}

impl Ledger {
    /// How many there are.
    pub fn count_dead_letters(&self) -> Result<u64, LedgerError> {
        let sql = "SELECT count(*) FROM dead_letters";
        let count = self.database.query_row(sql, [], |row| row.get::<_, i64>(0));
        count.map(i64::cast_unsigned).map_err(self.error("read"))
    }

    /// The next ones behind a number, the oldest first, each with its number.
    pub fn dead_letters(
        &self,
        filter: LetterFilter,
        behind: i64,
        max: usize,
    ) -> Result<Vec<(i64, DeadLetter)>, LedgerError> {
        let condition = match filter {
            LetterFilter::All => "1",
            LetterFilter::AskedFor => "is_asked_for = 1",
        };
        let sql = format!(
            "SELECT number, dead_at, batch_id, reason, status, event FROM dead_letters
             WHERE {condition} AND number > ? ORDER BY number LIMIT ?"
        );
        let read = || {
            let mut statement = self.database.prepare_cached(&sql)?;
            statement.query_map(params![behind, max as i64], letter)?.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(self.error("read"))
    }

    /// Has every one of now sent again; gives how many.
    pub fn ask_for_dead_letters(&mut self) -> Result<usize, LedgerError> {
        self.write(|transaction| {
            transaction.execute("UPDATE dead_letters SET is_asked_for = 1", [])
        })
    }

    /// Those up to a number that are to be sent again are under way now.
    pub fn take_dead_letters(&mut self, up_to: i64) -> Result<usize, LedgerError> {
        let sql = "UPDATE dead_letters SET is_asked_for = 2 WHERE is_asked_for = 1 AND number <= ?";
        self.write(|transaction| transaction.execute(sql, [up_to]))
    }

    /// Those that were under way when the feeder ended are to be sent again.
    pub fn ask_again(&mut self) -> Result<usize, LedgerError> {
        let sql = "UPDATE dead_letters SET is_asked_for = 1 WHERE is_asked_for = 2";
        self.write(|transaction| transaction.execute(sql, []))
    }

    /// Removes those up to a number, or of these only those that are under way: they have
    /// arrived. One that was refused again, or is asked for again, stays.
    pub fn remove_dead_letters(
        &mut self,
        filter: LetterFilter,
        up_to: i64,
    ) -> Result<usize, LedgerError> {
        let sql = match filter {
            LetterFilter::All => "DELETE FROM dead_letters WHERE number <= ?",
            LetterFilter::AskedFor => {
                "DELETE FROM dead_letters WHERE number <= ? AND is_asked_for = 2"
            }
        };
        self.write(|transaction| transaction.execute(sql, [up_to]))
    }
}

/// One that is there already has another reason now, and is not asked for any more.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    letters: &[DeadLetter],
) -> Result<(), rusqlite::Error> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO dead_letters
            (event_id, message_id, type, happened_at, dead_at, batch_id, reason, status, event)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (event_id) DO UPDATE SET dead_at = excluded.dead_at,
            batch_id = excluded.batch_id, reason = excluded.reason, status = excluded.status,
            is_asked_for = 0",
    )?;
    for letter in letters {
        let event = &letter.event;
        statement.execute(params![
            event.event_id.to_string(),
            event.message_id.octets(),
            event.occurrence.type_name(),
            event.timestamp.0,
            letter.dead_at.0,
            letter.batch_id.as_bytes(),
            letter.reason,
            letter.status,
            event::encode(event),
        ])?;
    }
    Ok(())
}

fn letter(row: &Row<'_>) -> Result<(i64, DeadLetter), rusqlite::Error> {
    let stored: Vec<u8> = row.get(5)?;
    let event = event::decode(&stored).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(5, Type::Blob, Box::new(error))
    })?;
    let letter = DeadLetter {
        event,
        dead_at: Timestamp(row.get(1)?),
        batch_id: Uuid::from_bytes(row.get(2)?),
        reason: row.get(3)?,
        status: row.get(4)?,
    };
    Ok((row.get(0)?, letter))
}
