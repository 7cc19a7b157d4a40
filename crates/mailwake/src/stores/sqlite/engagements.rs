//! Engagements and their verdicts, in the main database. An engagement that has come goes in
//! with what it is in the light of those near it; out go those that it changes.
//!
//! A verdict depends on the engagements of its message within `settle::REACH_MS`, not on the
//! order in which they came, and the event itself is never changed. Only so many neighbours
//! are looked at: a message that is flooded with requests is settled by the nearest.

use super::kind::Kind;
use super::model::Result;
use super::rollups::{First, Grade};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::net::IpAddr;
use tracking::ids::{MessageId, Timestamp};
use tracking::verdict::settle::{self, REACH_MS, Sighting};
use tracking::verdict::{Judgement, Verdict};

/// Engagements before and behind one that are looked at.
const NEIGHBOURS_MAX: i64 = 32;

/// What a recipient did. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Open = 1,
    InitialOpen = 2,
    Click = 4,
    LinkUnsubscribe = 7,
    ListUnsubscribe = 8,
    Honeypot = 9,
}

impl Deed {
    const ALL: [Self; 6] = [
        Self::Open,
        Self::InitialOpen,
        Self::Click,
        Self::LinkUnsubscribe,
        Self::ListUnsubscribe,
        Self::Honeypot,
    ];

    /// What it counts as. Who unsubscribes by a link has read the message; by the field of
    /// its header, perhaps not.
    fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Open => &[Kind::Open, Kind::Rendered, Kind::ConfirmedOpen],
            Self::InitialOpen => &[Kind::InitialOpen, Kind::Rendered, Kind::ConfirmedOpen],
            Self::Click => &[Kind::Click, Kind::LinkClick, Kind::ConfirmedOpen],
            Self::LinkUnsubscribe => &[Kind::Unsubscribe, Kind::ConfirmedOpen],
            Self::ListUnsubscribe => &[Kind::Unsubscribe],
            // It is evidence, and nothing that is counted.
            Self::Honeypot => &[],
        }
    }
}

/// An engagement, and what it was found to be.
#[derive(Debug, Clone)]
pub(super) struct Engagement {
    pub(super) message_id: MessageId,
    pub(super) at: Timestamp,
    /// The event's place in the log.
    pub(super) position: u64,
    pub(super) deed: Deed,
    /// The number of the link's target and name; 0 for none.
    pub(super) link: i64,
    /// The link's place in the message.
    pub(super) link_index: i64,
    pub(super) campaign: i64,
    pub(super) address: Option<IpAddr>,
    /// A digest of the user agent.
    pub(super) agent: u32,
    pub(super) first: Judgement,
    pub(super) settled: Judgement,
}

impl Engagement {
    /// The kinds that it counts for, with the link for those that are counted by link.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (Kind, i64)> {
        let link = self.link;
        let of = move |kind: &Kind| (*kind, if *kind == Kind::LinkClick { link } else { 0 });
        self.deed.kinds().iter().map(of)
    }

    pub(super) fn first_time(&self) -> First {
        First { at: self.at, campaign: self.campaign }
    }

    fn sighting(&self) -> Sighting {
        Sighting {
            at: self.at,
            deed: match self.deed {
                Deed::Open | Deed::InitialOpen => settle::Deed::Open,
                Deed::Click | Deed::LinkUnsubscribe => settle::Deed::Click(self.link_index),
                Deed::ListUnsubscribe => settle::Deed::Wish,
                Deed::Honeypot => settle::Deed::Honeypot,
            },
            address: self.address,
            agent: self.agent,
            first: self.first.clone(),
        }
    }
}

/// Settles an engagement that is not in the table yet, and gives those that it changes, with
/// what they are now.
pub(super) fn settle(
    transaction: &Transaction<'_>,
    this: &mut Engagement,
) -> Result<Vec<(Engagement, Judgement)>> {
    let near = near(transaction, this)?;
    if near.is_empty() {
        return Ok(Vec::new());
    }
    let sightings: Vec<_> =
        near.iter().map(Engagement::sighting).chain([this.sighting()]).collect();
    let mut settled = settle::settle(&sightings);
    this.settled = settled.pop().unwrap_or_default();
    // Of those further away not all neighbours were looked at.
    let is_reached = |other: &Engagement| other.at.0.abs_diff(this.at.0) <= REACH_MS.unsigned_abs();
    // Nor where there are too many: a verdict only gets worse by what is seen besides.
    let is_known = |other: &Engagement, settled: &Judgement| {
        other.settled != *settled && settled.verdict >= other.settled.verdict
    };
    let changed = near
        .into_iter()
        .zip(settled)
        .filter(|(other, settled)| is_reached(other) && is_known(other, settled));
    Ok(changed.collect())
}

/// The engagements of a message that this one and those in its reach are judged by.
fn near(transaction: &Transaction<'_>, this: &Engagement) -> Result<Vec<Engagement>> {
    let mut near = Vec::new();
    for condition in [
        "at <= ?2 AND at >= ?2 - ?3 ORDER BY at DESC, position DESC",
        "at > ?2 AND at <= ?2 + ?3 ORDER BY at, position",
    ] {
        let mut statement = transaction.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM engagements WHERE message_id = ?1 AND {condition} LIMIT ?4"
        ))?;
        let key = params![this.message_id.octets(), this.at.0, 2 * REACH_MS, NEIGHBOURS_MAX];
        for engagement in statement.query_map(key, |row| read(this.message_id, row))? {
            near.push(engagement?);
        }
    }
    Ok(near)
}

/// What `read` reads, in its order.
const COLUMNS: &str = "at, position, deed, link, link_index, campaign, address, agent,
    first_verdict, first_reasons, verdict, reasons";

fn read(message_id: MessageId, row: &Row<'_>) -> Result<Engagement> {
    let deed: i64 = row.get(2)?;
    let address: Option<String> = row.get(6)?;
    let unknown = || rusqlite::Error::IntegralValueOutOfRange(2, deed);
    Ok(Engagement {
        message_id,
        at: Timestamp(row.get(0)?),
        position: row.get::<_, i64>(1)?.cast_unsigned(),
        deed: Deed::ALL.into_iter().find(|one| *one as i64 == deed).ok_or_else(unknown)?,
        link: row.get(3)?,
        link_index: row.get(4)?,
        campaign: row.get(5)?,
        address: address.and_then(|address| address.parse().ok()),
        agent: row.get(7)?,
        first: judgement(row, 8)?,
        settled: judgement(row, 10)?,
    })
}

/// The verdict in a column, and its reasons in the next one.
fn judgement(row: &Row<'_>, column: usize) -> Result<Judgement> {
    let (verdict, reasons): (String, String) = (row.get(column)?, row.get(column + 1)?);
    let unknown =
        || rusqlite::Error::FromSqlConversionFailure(column, Type::Text, verdict.clone().into());
    Ok(Judgement {
        verdict: Verdict::from_name(&verdict).ok_or_else(unknown)?,
        reasons: reasons.split_ascii_whitespace().map(str::to_owned).collect(),
    })
}

pub(super) fn insert(transaction: &Transaction<'_>, this: &Engagement) -> Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO engagements
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            this.message_id.octets(),
            this.at.0,
            this.position.cast_signed(),
            this.deed as i64,
            this.link,
            this.link_index,
            this.campaign,
            this.address.map(|address| address.to_string()),
            this.agent,
            this.first.verdict.name(),
            this.first.reasons.join(" "),
            this.settled.verdict.name(),
            this.settled.reasons.join(" "),
        ])?;
    Ok(())
}

pub(super) fn set_settled(transaction: &Transaction<'_>, this: &Engagement) -> Result<()> {
    transaction
        .prepare_cached(
            "UPDATE engagements SET verdict = ?, reasons = ?
             WHERE message_id = ? AND at = ? AND position = ?",
        )?
        .execute(params![
            this.settled.verdict.name(),
            this.settled.reasons.join(" "),
            this.message_id.octets(),
            this.at.0,
            this.position.cast_signed(),
        ])?;
    Ok(())
}

/// The first engagement of its message and day that counts for this kind, link and grade.
pub(super) fn first_of_day(
    transaction: &Transaction<'_>,
    this: &Engagement,
    kind: Kind,
    grade: Grade,
) -> Result<Option<First>> {
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM engagements WHERE message_id = ? AND at >= ? AND at < ?
         ORDER BY at, position"
    ))?;
    let begin = this.at.day() * Timestamp::DAY_MS;
    let key = params![this.message_id.octets(), begin, begin.saturating_add(Timestamp::DAY_MS)];
    let link = this.kinds().find(|(of, _)| *of == kind).map(|(_, link)| link);
    for engagement in statement.query_map(key, |row| read(this.message_id, row))? {
        let engagement = engagement?;
        let counts = engagement.kinds().any(|(of, by)| of == kind && Some(by) == link);
        if counts && grade.has(&engagement.settled) {
            return Ok(Some(engagement.first_time()));
        }
    }
    Ok(None)
}

/// All engagements of a message that are kept.
pub(super) fn of_message(
    transaction: &Transaction<'_>,
    message_id: MessageId,
) -> Result<Vec<Engagement>> {
    let query = format!("SELECT {COLUMNS} FROM engagements WHERE message_id = ?");
    let mut statement = transaction.prepare_cached(&query)?;
    statement.query_map([message_id.octets()], |row| read(message_id, row))?.collect()
}

/// Sets the campaign of all engagements of a message.
pub(super) fn set_campaign(
    transaction: &Transaction<'_>,
    message_id: MessageId,
    campaign: i64,
) -> Result<()> {
    transaction
        .prepare_cached("UPDATE engagements SET campaign = ? WHERE message_id = ?")?
        .execute(params![campaign, message_id.octets()])?;
    Ok(())
}

/// What an event was found to be, by its message, time and place in the log.
pub(super) fn settled(
    connection: &Connection,
    message_id: &MessageId,
    at: Timestamp,
    position: u64,
) -> Result<Option<Judgement>> {
    connection
        .prepare_cached(
            "SELECT verdict, reasons FROM engagements
             WHERE message_id = ? AND at = ? AND position = ?",
        )?
        .query_row(params![message_id.octets(), at.0, position.cast_signed()], |row| {
            judgement(row, 0)
        })
        .optional()
}

/// Removes what happened before a time. Counts stay.
pub(super) fn remove_before(connection: &Connection, time: Timestamp) -> Result<()> {
    connection.prepare_cached("DELETE FROM engagements WHERE at < ?")?.execute([time.0])?;
    Ok(())
}
