//! Counts of the main database: by hour, campaign, tag, kind and link, and in three grades.
//! What is to be counted comes in; rows are changed when it is `write` time.

use super::model::{Kind, Result};
use rusqlite::{Transaction, params, params_from_iter, types::Value};
use std::collections::HashMap;
use tracking::ids::{MessageId, Timestamp};
use tracking::verdict::Judgement;

/// Milliseconds in an hour, the width of a rollup.
pub(super) const HOUR_MS: i64 = 3_600_000;

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

/// A row of a rollup. `link` is 0 for the rollups that are not per link, `tag` for those
/// that count all messages.
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
    pub(super) fn read(
        transaction: &Transaction<'_>,
        message_id: &MessageId,
        kind: Kind,
        link: i64,
    ) -> Result<Self> {
        let mut statement = transaction.prepare_cached(
            "SELECT day, first_at, campaign, filtered_at, filtered_campaign, confirmed_at,
                 confirmed_campaign
             FROM seen WHERE message_id = ? AND kind = ? AND link = ?",
        )?;
        let day = |row: &rusqlite::Row<'_>| {
            let first = |column: usize| -> Result<Option<First>> {
                let at: Option<i64> = row.get(column)?;
                let campaign: Option<i64> = row.get(column + 1)?;
                Ok(at.zip(campaign).map(|(at, campaign)| First { at: Timestamp(at), campaign }))
            };
            let first = [first(1)?, first(3)?, first(5)?];
            Ok(SeenDay { day: row.get(0)?, first, is_changed: false })
        };
        let key = params![message_id.octets(), kind as i64, link];
        let days = statement.query_map(key, day)?.collect::<Result<_>>()?;
        Ok(Self { message_id: *message_id, kind, link, days })
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

/// What is to be added to rollups.
#[derive(Debug, Default)]
pub(super) struct Rollups {
    changes: HashMap<Bucket, [Change; 3]>,
}

impl Rollups {
    /// Counts once more, without asking whether it is the first time.
    pub(super) fn count(&mut self, bucket: Bucket, grade: Grade, tags: &[i64]) {
        self.change(bucket, grade, tags, |change| change.total += 1);
    }

    /// Counts an engagement and, where it is the earliest of its kind so far, moves the first
    /// time to its hour. So the counts do not depend on the order of events.
    pub(super) fn add(&mut self, seen: &mut Seen, this: First, grade: Grade, tags: &[i64]) {
        self.count(Bucket::of(this, seen.kind, seen.link), grade, tags);
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

    pub(super) fn write(self, transaction: &Transaction<'_>) -> Result<()> {
        for (Bucket { tag, hour, campaign, kind, link }, change) in self.changes {
            let (table, of) = match (kind, tag) {
                (Kind::LinkClick, ALL) => ("link_rollups", link),
                (Kind::LinkClick, _) => ("tag_link_rollups", link),
                (_, ALL) => ("rollups", kind as i64),
                _ => ("tag_rollups", kind as i64),
            };
            let tag = Some(tag).filter(|tag| *tag != ALL);
            let numbers = change.map(|of| [of.total, of.first_ever, of.distinct_day]);
            let key = tag.into_iter().chain([hour, campaign, of]);
            let values = key.chain(numbers.into_iter().flatten()).map(Value::from);
            transaction
                .prepare_cached(&addition(table, tag.is_some()))?
                .execute(params_from_iter(values))?;
        }
        Ok(())
    }
}

/// The statement that adds numbers to a row.
fn addition(table: &str, has_tag: bool) -> String {
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
