//! What operators ask of a feeder, while it runs or for its next start.

use super::{Ledger, LedgerError, set};
use rusqlite::{OptionalExtension, Row, params, types::Type};
use tracking::ids::Timestamp;

/// Events that are to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Its number.
    pub id: i64,
    /// Events that happened then or later,
    pub since: Timestamp,
    /// and before that.
    pub until: Timestamp,
    /// The position of the last event that was sent again.
    pub position: Option<u64>,
    /// How many were.
    pub events: u64,
    /// How far it is.
    pub state: ReplayState,
}

/// How far a replay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayState {
    /// It waits, or goes on.
    Waiting,
    /// It is over.
    Done,
}

impl ReplayState {
    /// As it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
        }
    }
}

impl Ledger {
    /// Is the feeder to send nothing?
    pub fn is_paused(&self) -> Result<bool, LedgerError> {
        Ok(self.number("paused")?.is_some_and(|paused| paused != 0))
    }

    /// Has the feeder send nothing, or go on.
    pub fn set_paused(&mut self, is_paused: bool) -> Result<(), LedgerError> {
        self.write(|transaction| set(transaction, "paused", i64::from(is_paused)))
    }

    /// Asks for a replay.
    pub fn ask_for_replay(
        &mut self,
        since: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<i64, LedgerError> {
        self.write(|transaction| {
            let sql = "INSERT INTO replays (since, until, asked_at) VALUES (?, ?, ?)";
            transaction.execute(sql, params![since.0, until.0, now.0])?;
            Ok(transaction.last_insert_rowid())
        })
    }

    /// The replay that is to go on, if there is one.
    pub fn next_replay(&self) -> Result<Option<Replay>, LedgerError> {
        let sql = "SELECT id, since, until, position, events, state FROM replays
            WHERE state = 'waiting' ORDER BY id LIMIT 1";
        let read = || {
            let mut statement = self.database.prepare_cached(sql)?;
            statement.query_row([], replay).optional()
        };
        read().map_err(self.error("read"))
    }

    /// The last replays, the latest first.
    pub fn replays(&self, max: usize) -> Result<Vec<Replay>, LedgerError> {
        let sql = "SELECT id, since, until, position, events, state FROM replays
            ORDER BY id DESC LIMIT ?";
        let read = || {
            let mut statement = self.database.prepare_cached(sql)?;
            statement.query_map([max as i64], replay)?.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(self.error("read"))
    }

    /// Notes how far a replay is.
    pub fn set_replay(&mut self, replay: &Replay) -> Result<(), LedgerError> {
        self.write(|transaction| {
            let sql = "UPDATE replays SET position = ?, events = ?, state = ? WHERE id = ?";
            let position = replay.position.map(u64::cast_signed);
            let events = replay.events.cast_signed();
            let state = replay.state.name();
            transaction.execute(sql, params![position, events, state, replay.id]).map(|_| ())
        })
    }
}

fn replay(row: &Row<'_>) -> Result<Replay, rusqlite::Error> {
    let state: String = row.get(5)?;
    let states = [ReplayState::Waiting, ReplayState::Done];
    let state = states.into_iter().find(|known| known.name() == state);
    let unknown = || {
        let error = "no state of a replay".into();
        rusqlite::Error::FromSqlConversionFailure(5, Type::Text, error)
    };
    Ok(Replay {
        id: row.get(0)?,
        since: Timestamp(row.get(1)?),
        until: Timestamp(row.get(2)?),
        position: row.get::<_, Option<i64>>(3)?.map(i64::cast_unsigned),
        events: row.get::<_, i64>(4)?.cast_unsigned(),
        state: state.ok_or_else(unknown)?,
    })
}
