//! Counts of the main database: by hour, campaign, tag, kind and link, and in three grades.
//! What is to be counted comes in; rows are changed when it is `write` time.

use super::kind::Kind;
use super::model::Result;
use rusqlite::{Row, Transaction, params, params_from_iter};
use std::collections::HashMap;
use tracking::ids::{MessageId, Timestamp};
use tracking::verdict::Judgement;

/// Milliseconds in an hour, the width of a rollup.
pub(super) const HOUR_MS: i64 = 3_600_000;

/// Where the rows of whole days stand behind those of hours: at this number and the day's. No
/// time that events can have has such an hour. A report takes the days that are whole in it.
pub(super) const DAY_ROWS: i64 = 1 << 43;

/// Hours in a day.
pub(super) const DAY_HOURS: i64 = 24;

/// In the place of a tag: all messages.
pub(super) const ALL: i64 = 0;

/// Which engagements a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grade {
    /// All.
    Raw = 0,
    /// Those that are no machine's.
    Filtered = 1,
    /// Those that are a person's beyond doubt.
    Confirmed = 2,
}

impl Grade {
    pub(super) const ALL: [Self; 3] = [Self::Raw, Self::Filtered, Self::Confirmed];

    pub(super) fn has(self, judgement: &Judgement) -> bool {
        match self {
            Self::Raw => true,
            Self::Filtered => judgement.is_filtered(),
            Self::Confirmed => judgement.is_confirmed(),
        }
    }
}

/// A row of a rollup. `link` is 0 for the rollups that are not per link or class, `tag` for
/// those that count all messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bucket {
    tag: i64,
    hour: i64,
    campaign: i64,
    kind: Kind,
    link: i64,
}

impl Bucket {
    pub(super) fn of(first: First, kind: Kind, link: i64) -> Self {
        let hour = first.at.0.div_euclid(HOUR_MS);
        Self { tag: ALL, hour, campaign: first.campaign, kind, link }
    }

    /// The row of the whole day.
    fn of_day(self) -> Self {
        Self { hour: DAY_ROWS + self.hour.div_euclid(DAY_HOURS), ..self }
    }
}

/// What is to be added to a row of a rollup, in one grade.
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    total: i64,
    first_ever: i64,
    distinct_day: i64,
}

/// A time at which a kind was first seen, and the campaign it was counted under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct First {
    pub(super) at: Timestamp,
    pub(super) campaign: i64,
}

/// When a kind was first seen of a message, on each day and in each grade.
#[derive(Debug)]
pub(super) struct Seen {
    message_id: MessageId,
    kind: Kind,
    link: i64,
    days: Vec<SeenDay>,
}

#[derive(Debug)]
struct SeenDay {
    day: i64,
    first: [Option<First>; 3],
    is_changed: bool,
}

impl Seen {
    /// Of what was not seen yet.
    pub(super) fn new(message_id: MessageId, kind: Kind, link: i64) -> Self {
        Self { message_id, kind, link, days: Vec::new() }
    }

    /// All that was seen of a message.
    pub(super) fn read_all(
        transaction: &Transaction<'_>,
        message_id: &MessageId,
    ) -> Result<Vec<Self>> {
        let mut statement = transaction.prepare_cached(
            "SELECT day, first_at, campaign, filtered_at, filtered_campaign, confirmed_at,
                 confirmed_campaign, kind, link
             FROM seen WHERE message_id = ? ORDER BY kind, link",
        )?;
        let mut rows = statement.query([message_id.octets()])?;
        let mut all: Vec<Self> = Vec::new();
        while let Some(row) = rows.next()? {
            let (number, link): (i64, i64) = (row.get(7)?, row.get(8)?);
            let unknown = || rusqlite::Error::IntegralValueOutOfRange(7, number);
            let kind = Kind::of(number).ok_or_else(unknown)?;
            let day = SeenDay::read(row)?;
            match all.last_mut() {
                Some(last) if last.is_of(kind, link) => last.days.push(day),
                _ => all.push(Self { days: vec![day], ..Self::new(*message_id, kind, link) }),
            }
        }
        Ok(all)
    }

    pub(super) fn is_of(&self, kind: Kind, link: i64) -> bool {
        self.kind == kind && self.link == link
    }

    pub(super) fn write(&self, transaction: &Transaction<'_>) -> Result<()> {
        for SeenDay { day, first, .. } in self.days.iter().filter(|day| day.is_changed) {
            let at = |grade: Grade| first[grade as usize].map(|first| first.at.0);
            let campaign = |grade: Grade| first[grade as usize].map(|first| first.campaign);
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute(params![
                    self.message_id.octets(),
                    self.kind as i64,
                    self.link,
                    day,
                    at(Grade::Raw),
                    campaign(Grade::Raw),
                    at(Grade::Filtered),
                    campaign(Grade::Filtered),
                    at(Grade::Confirmed),
                    campaign(Grade::Confirmed),
                ])?;
        }
        Ok(())
    }

    fn ever(&self, grade: Grade) -> Option<First> {
        let of_days = self.days.iter().filter_map(|day| day.first[grade as usize]);
        of_days.min_by_key(|first| first.at)
    }

    fn of_day(&self, day: i64, grade: Grade) -> Option<First> {
        self.days.iter().find(|known| known.day == day)?.first[grade as usize]
    }

    fn set(&mut self, day: i64, grade: Grade, first: Option<First>) {
        let place = self.days.iter().position(|known| known.day == day).unwrap_or_else(|| {
            self.days.push(SeenDay { day, first: [None; 3], is_changed: false });
            self.days.len() - 1
        });
        self.days[place].first[grade as usize] = first;
        self.days[place].is_changed = true;
    }
}

impl SeenDay {
    fn read(row: &Row<'_>) -> Result<Self> {
        let first = |column: usize| -> Result<Option<First>> {
            let at: Option<i64> = row.get(column)?;
            let campaign: Option<i64> = row.get(column + 1)?;
            Ok(at.zip(campaign).map(|(at, campaign)| First { at: Timestamp(at), campaign }))
        };
        Ok(Self { day: row.get(0)?, first: [first(1)?, first(3)?, first(5)?], is_changed: false })
    }
}

/// What is to be added to rollups.
#[derive(Debug, Default)]
pub(super) struct Rollups {
    changes: HashMap<Bucket, [Change; 3]>,
}

impl Rollups {
    /// Counts so much more, without asking whether it is the first time.
    pub(super) fn count(&mut self, bucket: Bucket, grade: Grade, tags: &[i64], amount: i64) {
        self.change(bucket, grade, tags, |change| change.total += amount);
    }

    /// Moves the first times of some days to a campaign and tags. They were counted for all
    /// messages alone.
    pub(super) fn move_firsts(
        &mut self,
        seen: &mut Seen,
        campaign: i64,
        tags: &[i64],
        is_moved: impl Fn(i64) -> bool,
    ) {
        let (kind, link) = (seen.kind, seen.link);
        for grade in Grade::ALL {
            let ever = seen.ever(grade);
            for day in seen.days.iter_mut().filter(|day| is_moved(day.day)) {
                let Some(first) = &mut day.first[grade as usize] else { continue };
                let is_ever = ever == Some(*first);
                let mut by = |bucket, tags: &[i64], number| {
                    self.change(bucket, grade, tags, |change| {
                        change.distinct_day += number;
                        change.first_ever += if is_ever { number } else { 0 };
                    });
                };
                by(Bucket::of(*first, kind, link), &[ALL], -1);
                first.campaign = campaign;
                day.is_changed = true;
                by(Bucket::of(*first, kind, link), tags, 1);
            }
        }
    }

    /// Counts an engagement and, where it is the earliest of its kind so far, moves the first
    /// time to its hour. So the counts do not depend on the order of events.
    pub(super) fn add(&mut self, seen: &mut Seen, this: First, grade: Grade, tags: &[i64]) {
        self.count(Bucket::of(this, seen.kind, seen.link), grade, tags, 1);
        let of_day = seen.of_day(this.at.day(), grade);
        if of_day.is_none_or(|first| this.at < first.at) {
            self.set_first(seen, this.at.day(), Some(this), grade, tags);
        }
    }

    /// Takes an engagement out of a grade. Where it was the first of its day, `next` tells
    /// the one behind it.
    pub(super) fn take(
        &mut self,
        seen: &mut Seen,
        this: First,
        grade: Grade,
        tags: &[i64],
        next: impl FnOnce() -> Result<Option<First>>,
    ) -> Result<()> {
        let bucket = Bucket::of(this, seen.kind, seen.link);
        self.change(bucket, grade, tags, |change| change.total -= 1);
        if seen.of_day(this.at.day(), grade) == Some(this) {
            self.set_first(seen, this.at.day(), next()?, grade, tags);
        }
        Ok(())
    }

    /// Moves the first time of a day, and that of all days with it.
    fn set_first(
        &mut self,
        seen: &mut Seen,
        day: i64,
        first: Option<First>,
        grade: Grade,
        tags: &[i64],
    ) {
        let (of_day, ever) = (seen.of_day(day, grade), seen.ever(grade));
        seen.set(day, grade, first);
        let (kind, link) = (seen.kind, seen.link);
        let mut move_ = |from: Option<First>, to: Option<First>, by: fn(&mut Change, i64)| {
            for (first, number) in [(from, -1), (to, 1)] {
                let Some(first) = first else { continue };
                let bucket = Bucket::of(first, kind, link);
                self.change(bucket, grade, tags, |change| by(change, number));
            }
        };
        move_(of_day, first, |change, number| change.distinct_day += number);
        move_(ever, seen.ever(grade), |change, number| change.first_ever += number);
    }

    /// Changes a row, in the rollups of all messages and in those of the tags.
    fn change(&mut self, bucket: Bucket, grade: Grade, tags: &[i64], by: impl Fn(&mut Change)) {
        for tag in tags {
            let change = self.changes.entry(Bucket { tag: *tag, ..bucket }).or_default();
            by(&mut change[grade as usize]);
        }
    }

    /// Adds all to the tables, to hours and days.
    pub(super) fn write(mut self, transaction: &Transaction<'_>) -> Result<()> {
        for (bucket, changes) in self.changes.clone() {
            let day = self.changes.entry(bucket.of_day()).or_default();
            for (of_day, change) in day.iter_mut().zip(changes) {
                of_day.add(change);
            }
        }
        let mut changes: Vec<_> = self.changes.into_iter().collect();
        // In the order of the tables, which are quicker to write so.
        changes.sort_unstable_by_key(|(Bucket { tag, hour, campaign, kind, link }, _)| {
            (Table::of(*kind), *tag, *hour, *campaign, *kind as i64, *link)
        });
        for tables in changes.chunk_by(|(one, _), (other, _)| one.table() == other.table()) {
            let table = tables[0].0.table();
            let mut statement = transaction.prepare_cached(&addition(table))?;
            for (Bucket { tag, hour, campaign, kind, link }, change) in tables {
                let of = if table.0 == Table::Kinds { *kind as i64 } else { *link };
                let tag = Some(*tag).filter(|tag| *tag != ALL);
                let numbers = change.map(|of| [of.total, of.first_ever, of.distinct_day]);
                let key = tag.into_iter().chain([*hour, *campaign, of]);
                statement.execute(params_from_iter(key.chain(numbers.into_iter().flatten())))?;
            }
        }
        Ok(())
    }
}

impl Change {
    fn add(&mut self, other: Self) {
        self.total += other.total;
        self.first_ever += other.first_ever;
        self.distinct_day += other.distinct_day;
    }
}

/// Which rollups count a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Table {
    Kinds,
    Links,
    Bounces,
}

impl Table {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::LinkClick => Self::Links,
            Kind::BounceClass => Self::Bounces,
            _ => Self::Kinds,
        }
    }
}

impl Bucket {
    /// The rollups that it is in, and whether they are those of tags.
    fn table(&self) -> (Table, bool) {
        (Table::of(self.kind), self.tag != ALL)
    }
}

/// The statement that adds numbers to a row.
fn addition((table, has_tag): (Table, bool)) -> String {
    let table = match (table, has_tag) {
        (Table::Kinds, false) => "rollups",
        (Table::Kinds, true) => "tag_rollups",
        (Table::Links, false) => "link_rollups",
        (Table::Links, true) => "tag_link_rollups",
        (Table::Bounces, false) => "bounce_rollups",
        (Table::Bounces, true) => "tag_bounce_rollups",
    };
    let tag = if has_tag { "?, " } else { "" };
    format!(
        "INSERT INTO {table} VALUES ({tag}?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET total = total + excluded.total,
             first_ever = first_ever + excluded.first_ever,
             distinct_day = distinct_day + excluded.distinct_day,
             filtered_total = filtered_total + excluded.filtered_total,
             filtered_first_ever = filtered_first_ever + excluded.filtered_first_ever,
             filtered_distinct_day = filtered_distinct_day + excluded.filtered_distinct_day,
             confirmed_total = confirmed_total + excluded.confirmed_total,
             confirmed_first_ever = confirmed_first_ever + excluded.confirmed_first_ever,
             confirmed_distinct_day = confirmed_distinct_day + excluded.confirmed_distinct_day"
    )
}
