//! The reading side of the store, beside the process that writes it or without one.
//! Questions come in, answers go out; nothing is written.

use super::day::Day;
use super::{StoreConfig, StoreError, disk, main_path, model, rollup_report, schema, sqlite};
use crate::stores::report::{
    EventFilter, MessageFacts, MessageState, Report, ReportFilter, StoredEvent, StoredMessage,
};
use rusqlite::types::{Type, Value};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params, params_from_iter};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracking::event::{self, DecodeError};
use tracking::ids::{MessageId, Timestamp};

/// The store, open to be read.
#[derive(Debug)]
pub struct StoreReader {
    directory: PathBuf,
    pub(super) path: PathBuf,
    busy_timeout: Duration,
    pub(super) main: Connection,
}

/// KiB of a database that a reader keeps in memory at most, each for itself.
const CACHE_KIB: i64 = 32_768;

/// Records of one message that are found after they had been parked, at most.
const JOINED_MAX: i64 = 1000;

/// A row of a day's events.
struct StoredRow {
    position: u64,
    /// The event's, or the one that was found for it.
    message_id: MessageId,
    octets: Vec<u8>,
}

/// A part of the log that the store could not be told.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StoredDamage {
    /// Where it begins.
    pub position: u64,
    /// How large it is.
    pub octets: u64,
    /// What is wrong.
    pub kind: String,
}

impl StoreReader {
    /// Opens the store in `directory`. Refuses when there is none yet, or when another
    /// mailwake made it.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let (main, path) = open_main(directory)?;
        let busy_timeout = StoreConfig::default().busy_timeout;
        Ok(Self { directory: directory.into(), path, busy_timeout, main })
    }

    /// How far the log was applied.
    pub fn applied(&self) -> Result<u64, StoreError> {
        model::applied(&self.main).map_err(sqlite("read", &self.path))
    }

    /// Counts what happened. All numbers are of one moment.
    pub fn report(&mut self, filter: &ReportFilter) -> Result<Report, StoreError> {
        let mut read = || {
            let transaction = self.main.transaction()?;
            rollup_report::read(&transaction, filter)
        };
        read().map_err(sqlite("read", &self.path))
    }

    /// Events in the log's order.
    pub fn events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, StoreError> {
        let reading = "read events of";
        // Days are written one after the other: what is not counted yet may still get
        // earlier neighbours, which a reader that has gone on would never see.
        let applied = self.applied()?;
        let days = Day::list(&self.directory).map_err(disk(reading, &self.directory))?;
        let first = filter.since.map(Day::of);
        let joined = filter.message_id.map(|id| self.joined_to(&id)).transpose()?;
        let mut rows = Vec::new();
        let last = filter.until.map(Day::of);
        let is_meant = |day: &Day| {
            first.is_none_or(|first| *day >= first) && last.is_none_or(|last| *day <= last)
        };
        for (_, path) in days.into_iter().filter(|(day, _)| is_meant(day)) {
            let of_day = self.events_of_day(&path, filter, joined.as_deref())?;
            rows.extend(of_day.into_iter().filter(|row| row.position < applied));
            // Days overlap in the log only a little: this keeps few rows too many.
            rows.sort_unstable_by_key(|row: &StoredEvent| row.position);
            rows.truncate(filter.limit);
        }
        self.join(&mut rows)?;
        Ok(rows)
    }

    /// What the store knows of a message; none if it does not know it.
    pub fn message(&self, id: &MessageId) -> Result<Option<StoredMessage>, StoreError> {
        let read = || {
            self.main
                .prepare_cached(
                    "SELECT transmission_id, received_at, rcpt_to, msg_from, subject,
                        friendly_from, campaigns.campaign_id, msg_size, state, raw_reason, queue_id
                     FROM messages JOIN campaigns ON campaigns.id = campaign
                     WHERE message_id = ? AND facts <> ''",
                )?
                .query_row([id.octets()], |row| message(*id, row))
                .optional()
        };
        read().map_err(sqlite("read", &self.path))
    }

    /// The damage that was found in the log.
    pub fn damage(&self) -> Result<Vec<StoredDamage>, StoreError> {
        let read = || {
            self.main
                .prepare_cached("SELECT position, octets, kind FROM damage ORDER BY position")?
                .query_map([], |row| {
                    let (position, octets) = (unsigned(row, 0)?, unsigned(row, 1)?);
                    Ok(StoredDamage { position, octets, kind: row.get(2)? })
                })?
                .collect::<Result<Vec<_>, _>>()
        };
        read().map_err(sqlite("read", &self.path))
    }

    fn events_of_day(
        &self,
        path: &Path,
        filter: &EventFilter,
        joined: Option<&[i64]>,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let connection = match open_to_read(path, self.busy_timeout) {
            // Removed since the days were listed.
            Err(_) if !path.try_exists().unwrap_or(true) => return Ok(Vec::new()),
            opened => opened?,
        };
        if !schema::check_day(&connection, path)? {
            return Ok(Vec::new());
        }
        let rows = stored(&connection, filter, joined).map_err(sqlite("read", path))?;
        rows.into_iter().map(|row| self.stored_event(path, row)).collect()
    }

    /// The event of a row. A record that has but a queue id gets the id of the message that was
    /// found by it.
    fn stored_event(&self, path: &Path, row: StoredRow) -> Result<StoredEvent, StoreError> {
        let StoredRow { position, message_id, octets } = row;
        let mut event =
            event::decode(&octets).map_err(|error| unreadable(path, position, &error))?;
        if event.message_id == MessageId::UNKNOWN {
            event.message_id = message_id;
        }
        if event.message_id == MessageId::UNKNOWN {
            event.message_id = self.joined_at(position)?.unwrap_or(MessageId::UNKNOWN);
        }
        Ok(StoredEvent { position, event, message: MessageFacts::default(), settled: None })
    }

    /// The message that was found for a record after it had been parked.
    fn joined_at(&self, position: u64) -> Result<Option<MessageId>, StoreError> {
        let read = || {
            self.main
                .prepare_cached("SELECT message_id FROM joined WHERE position = ?")?
                .query_row([position.cast_signed()], |row| row.get(0).map(MessageId::from_octets))
                .optional()
        };
        read().map_err(sqlite("read", &self.path))
    }

    /// Where the records are that were found to be of a message after they had been parked.
    fn joined_to(&self, id: &MessageId) -> Result<Vec<i64>, StoreError> {
        let read = || {
            self.main
                .prepare_cached("SELECT position FROM joined WHERE message_id = ? LIMIT ?")?
                .query_map(params![id.octets(), JOINED_MAX], |row| row.get(0))?
                .collect::<Result<Vec<_>, _>>()
        };
        read().map_err(sqlite("read", &self.path))
    }
}

fn unreadable(path: &Path, position: u64, error: &DecodeError) -> StoreError {
    StoreError::Content {
        path: path.into(),
        what: format!("event at position {position}: {error}"),
    }
}

/// Opens the main database of a store to be read, and tells where it is.
pub(super) fn open_main(directory: &Path) -> Result<(Connection, PathBuf), StoreError> {
    let path = main_path(directory);
    let absent = || StoreError::Absent { directory: directory.into() };
    if !path.try_exists().map_err(disk("open", &path))? {
        return Err(absent());
    }
    let main = open_to_read(&path, StoreConfig::default().busy_timeout)?;
    if !schema::check_main(&main, &path)? {
        return Err(absent());
    }
    Ok((main, path))
}

fn open_to_read(path: &Path, busy_timeout: Duration) -> Result<Connection, StoreError> {
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(busy_timeout)?;
        super::keep_plans(&connection)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        Ok(connection)
    };
    open().map_err(sqlite("open", path))
}

/// The rows of a day's events. `joined` are the places of those of the message besides.
fn stored(
    connection: &Connection,
    filter: &EventFilter,
    joined: Option<&[i64]>,
) -> Result<Vec<StoredRow>, rusqlite::Error> {
    let mut conditions = vec!["position > ?".to_owned()];
    let mut values = vec![Value::from(filter.after_position.map_or(-1, u64::cast_signed))];
    if let Some(since) = filter.since {
        conditions.push("timestamp >= ?".into());
        values.push(since.0.into());
    }
    if let Some(until) = filter.until {
        conditions.push("timestamp < ?".into());
        values.push(until.0.into());
    }
    if let Some(message_id) = filter.message_id {
        let joined = joined.unwrap_or_default();
        let places = vec!["?"; joined.len()].join(", ");
        conditions.push(match joined {
            [] => "message_id = ?".into(),
            _ => format!("(message_id = ? OR position IN ({places}))"),
        });
        values.push(message_id.octets().to_vec().into());
        values.extend(joined.iter().copied().map(Value::from));
    }
    if let Some(type_name) = &filter.type_name {
        conditions.push("type = ?".into());
        values.push(type_name.clone().into());
    }
    values.push(i64::try_from(filter.limit).unwrap_or(i64::MAX).into());
    let conditions = conditions.join(" AND ");
    let query = format!(
        "SELECT position, message_id, event FROM events WHERE {conditions}
         ORDER BY position LIMIT ?"
    );
    let row = |row: &Row<'_>| {
        let message_id = MessageId::from_octets(row.get(1)?);
        Ok(StoredRow { position: unsigned(row, 0)?, message_id, octets: row.get(2)? })
    };
    connection.prepare(&query)?.query_map(params_from_iter(values), row)?.collect()
}

fn message(message_id: MessageId, row: &Row<'_>) -> Result<StoredMessage, rusqlite::Error> {
    let state: String = row.get(8)?;
    let known = MessageState::ALL.into_iter().find(|known| known.name() == state);
    let transmission_id: String = row.get(0)?;
    Ok(StoredMessage {
        message_id,
        transmission_id: transmission_id.parse().map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
        })?,
        received_at: Timestamp(row.get(1)?),
        rcpt_to: row.get(2)?,
        msg_from: row.get(3)?,
        subject: row.get(4)?,
        friendly_from: row.get(5)?,
        campaign_id: row.get(6)?,
        msg_size: unsigned(row, 7)?,
        state: known.ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(8, Type::Text, state.into())
        })?,
        raw_reason: row.get(9)?,
        queue_id: row.get(10)?,
    })
}

pub(super) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}
