//! The reading side of the store, beside the process that writes it or without one.
//! Questions come in, answers go out; nothing is written.

use super::day::Day;
use super::model::{self, Kind};
use super::rollups::HOUR_MS;
use super::{StoreConfig, StoreError, disk, main_path, schema, sqlite};
use crate::stores::report::{
    CampaignReport, Count, Counters, EventFilter, LinkReport, LinkTally, MessageFacts,
    MessageState, Report, ReportFilter, StoredEvent, StoredMessage, TagReport, Tally,
};
use rusqlite::types::{Type, Value};
use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Row, Transaction, params, params_from_iter,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracking::event::{self, DecodeError};
use tracking::ids::{MessageId, Timestamp};

/// Links that a report has at most, the most clicked ones.
const LINKS_MAX: i64 = 10_000;

/// The store, open to be read.
#[derive(Debug)]
pub struct StoreReader {
    directory: PathBuf,
    pub(super) path: PathBuf,
    busy_timeout: Duration,
    pub(super) main: Connection,
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
            let campaigns = campaigns(&transaction, filter)?;
            let mut counters = Counters::default();
            campaigns.iter().for_each(|campaign| counters += campaign.counters);
            let tags = tags(&transaction, filter)?;
            let links = links(&transaction, filter, counters.clicks.total)?;
            let (since, until) = (filter.since, filter.until);
            Ok(Report { since, until, counters, campaigns, tags, links })
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
        let mut rows = Vec::new();
        let last = filter.until.map(Day::of);
        let is_meant = |day: &Day| {
            first.is_none_or(|first| *day >= first) && last.is_none_or(|last| *day <= last)
        };
        for (_, path) in days.into_iter().filter(|(day, _)| is_meant(day)) {
            let of_day = self.events_of_day(&path, filter)?;
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
                     WHERE message_id = ?",
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
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let connection = match open_to_read(path, self.busy_timeout) {
            // Removed since the days were listed.
            Err(_) if !path.try_exists().unwrap_or(true) => return Ok(Vec::new()),
            opened => opened?,
        };
        if !schema::check_day(&connection, path)? {
            return Ok(Vec::new());
        }
        let rows = stored(&connection, filter).map_err(sqlite("read", path))?;
        rows.into_iter()
            .map(|(position, octets)| match event::decode(&octets) {
                Ok(event) => {
                    let message = MessageFacts::default();
                    Ok(StoredEvent { position, event, message, settled: None })
                }
                Err(error) => Err(unreadable(path, position, &error)),
            })
            .collect()
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
        Ok(connection)
    };
    open().map_err(sqlite("open", path))
}

/// The positions and stored forms of a day's events.
fn stored(
    connection: &Connection,
    filter: &EventFilter,
) -> Result<Vec<(u64, Vec<u8>)>, rusqlite::Error> {
    let mut conditions = vec!["position > ?"];
    let mut values = vec![Value::from(filter.after_position.map_or(-1, u64::cast_signed))];
    if let Some(since) = filter.since {
        conditions.push("timestamp >= ?");
        values.push(since.0.into());
    }
    if let Some(until) = filter.until {
        conditions.push("timestamp < ?");
        values.push(until.0.into());
    }
    if let Some(message_id) = filter.message_id {
        conditions.push("message_id = ?");
        values.push(message_id.octets().to_vec().into());
    }
    if let Some(type_name) = &filter.type_name {
        conditions.push("type = ?");
        values.push(type_name.clone().into());
    }
    values.push(i64::try_from(filter.limit).unwrap_or(i64::MAX).into());
    let conditions = conditions.join(" AND ");
    let query =
        format!("SELECT position, event FROM events WHERE {conditions} ORDER BY position LIMIT ?");
    connection
        .prepare(&query)?
        .query_map(params_from_iter(values), |row| Ok((unsigned(row, 0)?, row.get(1)?)))?
        .collect()
}

/// Whole hours, the first included and the last not.
fn hours(filter: &ReportFilter) -> (i64, i64) {
    let first = filter.since.map_or(i64::MIN, |since| since.0.div_euclid(HOUR_MS));
    let end = filter.until.map_or(i64::MAX, |Timestamp(until)| {
        until.div_euclid(HOUR_MS) + i64::from(until.rem_euclid(HOUR_MS) != 0)
    });
    (first, end)
}

fn campaigns(
    transaction: &Transaction<'_>,
    filter: &ReportFilter,
) -> Result<Vec<CampaignReport>, rusqlite::Error> {
    let (first, end) = hours(filter);
    let query = format!(
        "SELECT campaign_id, kind, {SUMS}
         FROM rollups JOIN campaigns ON campaigns.id = campaign
         WHERE hour >= ?1 AND hour < ?2 AND (?3 IS NULL OR campaign_id = ?3)
         GROUP BY campaign, kind"
    );
    let mut statement = transaction.prepare_cached(&of_tag(&query, filter))?;
    let mut campaigns: BTreeMap<String, Counters> = BTreeMap::new();
    let mut rows = statement.query(params![first, end, filter.campaign, filter.tag])?;
    while let Some(row) = rows.next()? {
        let count = counted(row)?;
        set(campaigns.entry(row.get(0)?).or_default(), row.get(1)?, count);
    }
    let report = |(campaign_id, counters)| CampaignReport { campaign_id, counters };
    Ok(campaigns.into_iter().map(report).collect())
}

/// The numbers of a report: each in three grades.
const SUMS: &str = "SUM(total), SUM(first_ever), SUM(distinct_day),
    SUM(filtered_total), SUM(filtered_first_ever), SUM(filtered_distinct_day),
    SUM(confirmed_total), SUM(confirmed_first_ever), SUM(confirmed_distinct_day)";

/// The numbers behind a name and a kind.
fn counted(row: &Row<'_>) -> Result<Count, rusqlite::Error> {
    let tally = |column| {
        Ok::<_, rusqlite::Error>(Tally {
            total: unsigned(row, column)?,
            unique: unsigned(row, column + 1)?,
            unique_per_day: unsigned(row, column + 2)?,
        })
    };
    let Tally { total, unique, unique_per_day } = tally(2)?;
    Ok(Count { total, unique, unique_per_day, filtered: tally(5)?, confirmed: tally(8)? })
}

/// A query of rollups, of those of one tag where the filter wants that. `?4` is the tag.
fn of_tag(query: &str, filter: &ReportFilter) -> String {
    let condition = match filter.tag {
        None => "WHERE ?4 IS NULL AND ",
        Some(_) => "WHERE tag = (SELECT id FROM tags WHERE tag = ?4) AND ",
    };
    let query = query.replacen("WHERE ", condition, 1);
    match filter.tag {
        None => query,
        Some(_) => query
            .replace("FROM rollups", "FROM tag_rollups")
            .replace("FROM link_rollups", "FROM tag_link_rollups"),
    }
}

fn tags(
    transaction: &Transaction<'_>,
    filter: &ReportFilter,
) -> Result<Vec<TagReport>, rusqlite::Error> {
    let (first, end) = hours(filter);
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT tags.tag, kind, {SUMS}
         FROM tag_rollups JOIN campaigns ON campaigns.id = campaign
         JOIN tags ON tags.id = tag_rollups.tag
         WHERE hour >= ?1 AND hour < ?2 AND (?3 IS NULL OR campaign_id = ?3)
             AND (?4 IS NULL OR tags.tag = ?4)
         GROUP BY tags.tag, kind"
    ))?;
    let mut tags: BTreeMap<String, Counters> = BTreeMap::new();
    let mut rows = statement.query(params![first, end, filter.campaign, filter.tag])?;
    while let Some(row) = rows.next()? {
        set(tags.entry(row.get(0)?).or_default(), row.get(1)?, counted(row)?);
    }
    Ok(tags.into_iter().map(|(tag, counters)| TagReport { tag, counters }).collect())
}

fn set(counters: &mut Counters, kind: i64, count: Count) {
    let is = |wanted: Kind| wanted as i64 == kind;
    match kind {
        _ if is(Kind::Open) => counters.opens = count,
        _ if is(Kind::InitialOpen) => counters.initial_opens = count,
        _ if is(Kind::Rendered) => counters.rendered = count,
        _ if is(Kind::Click) => counters.clicks = count,
        _ if is(Kind::Unsubscribe) => counters.unsubscribes = count,
        _ if is(Kind::ConfirmedOpen) => counters.confirmed_opens = count,
        _ if is(Kind::Injection) => counters.outbound = count.total,
        _ if is(Kind::PolicyRejection) => counters.refused = count.total,
        _ if is(Kind::Bounce) => counters.failed = count.total,
        _ if is(Kind::Delay) => counters.delayed = count.total,
        // Receptions are no counter of the report.
        _ => {}
    }
}

fn links(
    transaction: &Transaction<'_>,
    filter: &ReportFilter,
    all_clicks: u64,
) -> Result<Vec<LinkReport>, rusqlite::Error> {
    let (first, end) = hours(filter);
    let mut statement = transaction.prepare_cached(&of_tag(
        "SELECT campaign_id, target_link_url, name, SUM(total) AS clicks, SUM(first_ever),
             SUM(filtered_total), SUM(filtered_first_ever),
             SUM(confirmed_total), SUM(confirmed_first_ever)
         FROM link_rollups
         JOIN campaigns ON campaigns.id = campaign JOIN links ON links.id = link
         WHERE hour >= ?1 AND hour < ?2 AND (?3 IS NULL OR campaign_id = ?3)
         GROUP BY campaign, link
         ORDER BY clicks DESC, campaign_id, target_link_url, name LIMIT ?5",
        filter,
    ))?;
    let parameters = params![first, end, filter.campaign, filter.tag, LINKS_MAX];
    let link = |row: &Row<'_>| {
        let clicks = unsigned(row, 3)?;
        let tally = |column| {
            Ok::<_, rusqlite::Error>(LinkTally {
                clicks: unsigned(row, column)?,
                unique_clicks: unsigned(row, column + 1)?,
            })
        };
        Ok(LinkReport {
            campaign_id: row.get(0)?,
            target_link_url: row.get(1)?,
            name: row.get(2)?,
            clicks,
            unique_clicks: unsigned(row, 4)?,
            filtered: tally(5)?,
            confirmed: tally(7)?,
            share: clicks as f64 / all_clicks.max(1) as f64,
        })
    };
    statement.query_map(parameters, link)?.collect()
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

fn unsigned(row: &Row<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}
