//! Reports, read from the rollups: a filter comes in, sums go out. Days that are whole in the
//! report are read as such, the hours around them one by one.

use super::kind::Kind;
use super::reader::unsigned;
use super::rollups::{DAY_HOURS, DAY_ROWS, HOUR_MS};
use crate::stores::report::{
    BounceReport, CampaignReport, Count, Counters, LinkReport, LinkTally, Report, ReportFilter,
    TagReport, Tally,
};
use rusqlite::{Error, Row, Transaction, params};
use std::collections::BTreeMap;
use tracking::bounce::{Category, Class};
use tracking::ids::Timestamp;

/// Links that a report has at most, the most clicked ones.
const LINKS_MAX: i64 = 10_000;

/// The numbers of a report: each in three grades.
const SUMS: &str = "SUM(total) AS clicks, SUM(first_ever), SUM(distinct_day),
    SUM(filtered_total), SUM(filtered_first_ever), SUM(filtered_distinct_day),
    SUM(confirmed_total), SUM(confirmed_first_ever), SUM(confirmed_distinct_day)";

/// Reads a report.
pub(super) fn read(transaction: &Transaction<'_>, filter: &ReportFilter) -> Result<Report, Error> {
    let questions = Questions { transaction, filter, spans: spans(filter) };
    let campaigns = questions.campaigns()?;
    let mut counters = Counters::default();
    campaigns.iter().for_each(|campaign| counters += campaign.counters);
    Ok(Report {
        since: filter.since,
        until: filter.until,
        counters,
        campaigns,
        tags: questions.tags()?,
        bounces: questions.bounces()?,
        links: questions.links(counters.clicks.total)?,
    })
}

/// The rows that a report sums up: hours, whole days, hours. The first of each is in it, the last
/// not.
fn spans(filter: &ReportFilter) -> [(i64, i64); 3] {
    // Further than any time that events can have.
    const ENDLESS: i64 = 1 << 42;
    let first = filter.since.map_or(-ENDLESS, |since| since.0.div_euclid(HOUR_MS));
    let end = filter.until.map_or(ENDLESS, |Timestamp(until)| {
        until.div_euclid(HOUR_MS) + i64::from(until.rem_euclid(HOUR_MS) != 0)
    });
    let first_day = -(-first).div_euclid(DAY_HOURS);
    let end_day = end.div_euclid(DAY_HOURS);
    if first_day >= end_day {
        return [(first, end), (0, 0), (0, 0)];
    }
    let days = (DAY_ROWS + first_day, DAY_ROWS + end_day);
    [(first, first_day * DAY_HOURS), days, (end_day * DAY_HOURS, end)]
}

struct Questions<'a> {
    transaction: &'a Transaction<'a>,
    filter: &'a ReportFilter,
    spans: [(i64, i64); 3],
}

impl Questions<'_> {
    /// Asks with the filter's times, campaign and tag as the first eight parameters, and a limit.
    fn ask<T>(
        &self,
        query: &str,
        read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let [(a, b), (c, d), (e, f)] = self.spans;
        let (campaign, tag) = (&self.filter.campaign, &self.filter.tag);
        let mut statement = self.transaction.prepare_cached(query)?;
        let key = params![a, b, c, d, e, f, campaign, tag, LINKS_MAX];
        statement.query_map(key, read)?.collect()
    }

    /// The sums of a table by campaign and `of`, which is its last column of the key: of all
    /// messages, or of those with the filter's tag.
    fn sums(&self, table: &str, of: &str) -> String {
        let (tag, table) = match self.filter.tag {
            None => ("?8 IS NULL", table.to_owned()),
            Some(_) => ("tag = (SELECT id FROM tags WHERE tag = ?8)", format!("tag_{table}")),
        };
        format!(
            "WITH spans(first, last) AS (VALUES (?1, ?2), (?3, ?4), (?5, ?6)),
             sums AS (
                 SELECT campaign, {of} AS of, {SUMS} FROM spans CROSS JOIN {table}
                 WHERE {tag} AND hour >= first AND hour < last AND {OF_CAMPAIGN}
                 GROUP BY campaign, {of} HAVING clicks <> 0)"
        )
    }

    fn campaigns(&self) -> Result<Vec<CampaignReport>, Error> {
        let mut campaigns: BTreeMap<String, Counters> = BTreeMap::new();
        let join = "FROM sums JOIN campaigns ON campaigns.id = campaign WHERE ?9 > 0";
        let query = format!("{} SELECT campaign_id, sums.* {join}", self.sums("rollups", "kind"));
        let of_kinds = self.ask(&query, |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(2)?, counted(row, 3)?))
        })?;
        for (campaign, kind, count) in of_kinds {
            set(campaigns.entry(campaign).or_default(), kind, count);
        }
        let sums = self.sums("bounce_rollups", "class");
        let query = format!("{sums} SELECT campaign_id, sums.of, clicks {join}");
        for (campaign, class, count) in self.ask(&query, bounced)? {
            bounce(campaigns.entry(campaign).or_default(), class, count);
        }
        let report = |(campaign_id, mut counters): (String, Counters)| {
            counters.way.derive();
            CampaignReport { campaign_id, counters }
        };
        Ok(campaigns.into_iter().map(report).collect())
    }

    fn tags(&self) -> Result<Vec<TagReport>, Error> {
        let sums = |table: &str, of: &str| {
            format!(
                "WITH spans(first, last) AS (VALUES (?1, ?2), (?3, ?4), (?5, ?6))
                 SELECT tags.tag, {of}, {SUMS}
                 FROM tags CROSS JOIN spans CROSS JOIN {table} AS of_tags ON of_tags.tag = tags.id
                 WHERE hour >= first AND hour < last AND {OF_CAMPAIGN}
                     AND (?8 IS NULL OR tags.tag = ?8) AND ?9 > 0
                 GROUP BY tags.id, {of} HAVING clicks <> 0"
            )
        };
        let mut tags: BTreeMap<String, Counters> = BTreeMap::new();
        let of_kinds = self.ask(&sums("tag_rollups", "kind"), |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, counted(row, 2)?))
        })?;
        for (tag, kind, count) in of_kinds {
            set(tags.entry(tag).or_default(), kind, count);
        }
        for (tag, class, count) in self.ask(&sums("tag_bounce_rollups", "class"), bounced)? {
            bounce(tags.entry(tag).or_default(), class, count);
        }
        let report = |(tag, mut counters): (String, Counters)| {
            counters.way.derive();
            TagReport { tag, counters }
        };
        Ok(tags.into_iter().map(report).collect())
    }

    fn bounces(&self) -> Result<Vec<BounceReport>, Error> {
        let sums = self.sums("bounce_rollups", "class");
        let query = format!(
            "{sums} SELECT '', of, SUM(clicks) AS bounces FROM sums WHERE ?9 > 0
             GROUP BY of ORDER BY bounces DESC, of"
        );
        let report = |(_, class, count): (String, Class, u64)| BounceReport {
            bounce_class: class.code(),
            name: class.name(),
            category: class.category().name(),
            count,
        };
        Ok(self.ask(&query, bounced)?.into_iter().map(report).collect())
    }

    fn links(&self, all_clicks: u64) -> Result<Vec<LinkReport>, Error> {
        let query = format!(
            "{} SELECT campaign_id, target_link_url, name, sums.*
             FROM sums JOIN campaigns ON campaigns.id = campaign JOIN links ON links.id = of
             ORDER BY clicks DESC, campaign_id, target_link_url, name LIMIT ?9",
            self.sums("link_rollups", "link")
        );
        self.ask(&query, |row| {
            let Count { total: clicks, unique: unique_clicks, filtered, confirmed, .. } =
                counted(row, 5)?;
            let of_grade =
                |tally: Tally| LinkTally { clicks: tally.total, unique_clicks: tally.unique };
            Ok(LinkReport {
                campaign_id: row.get(0)?,
                target_link_url: row.get(1)?,
                name: row.get(2)?,
                clicks,
                unique_clicks,
                filtered: of_grade(filtered),
                confirmed: of_grade(confirmed),
                share: clicks as f64 / all_clicks.max(1) as f64,
            })
        })
    }
}

/// Holds for the filter's campaign, or for all.
const OF_CAMPAIGN: &str =
    "(?7 IS NULL OR campaign = (SELECT id FROM campaigns WHERE campaign_id = ?7))";

/// The numbers from a column on.
fn counted(row: &Row<'_>, column: usize) -> Result<Count, Error> {
    let tally = |column| {
        Ok::<_, Error>(Tally {
            total: unsigned(row, column)?,
            unique: unsigned(row, column + 1)?,
            unique_per_day: unsigned(row, column + 2)?,
        })
    };
    let Tally { total, unique, unique_per_day } = tally(column)?;
    let (filtered, confirmed) = (tally(column + 3)?, tally(column + 6)?);
    Ok(Count { total, unique, unique_per_day, filtered, confirmed })
}

/// A name, a class and its number of bounces.
fn bounced(row: &Row<'_>) -> Result<(String, Class, u64), Error> {
    let class = u8::try_from(row.get::<_, i64>(1)?).ok().and_then(Class::of_code);
    Ok((row.get(0)?, class.unwrap_or(Class::UNDETERMINED), unsigned(row, 2)?))
}

fn bounce(counters: &mut Counters, class: Class, count: u64) {
    let way = &mut counters.way;
    *match class.category() {
        Category::Undetermined => &mut way.undetermined_bounce,
        Category::Hard => &mut way.hard_bounce,
        Category::Soft => &mut way.soft_bounce,
        Category::Block => &mut way.block_bounce,
        Category::Admin => &mut way.admin_bounce,
    } += count;
}

fn set(counters: &mut Counters, kind: i64, count: Count) {
    let (Some(kind), total) = (Kind::of(kind), count.total) else { return };
    let way = &mut counters.way;
    match kind {
        Kind::Open => counters.opens = count,
        Kind::InitialOpen => counters.initial_opens = count,
        Kind::Rendered => counters.rendered = count,
        Kind::Click => counters.clicks = count,
        Kind::Unsubscribe => counters.unsubscribes = count,
        Kind::ConfirmedOpen => counters.confirmed_opens = count,
        Kind::Injection => (counters.outbound, way.injected) = (total, total),
        Kind::PolicyRejection => (counters.refused, way.policy_rejection) = (total, total),
        Kind::Bounce | Kind::InbandBounce => {
            counters.failed += total;
            way.inband_bounce += total;
        }
        Kind::OutOfBand => {
            counters.failed += total;
            way.outofband_bounce = total;
        }
        Kind::Delay | Kind::DeferralSubsequent => counters.delayed += total,
        Kind::DeferralFirst => {
            counters.delayed += total;
            way.delayed_first = total;
        }
        Kind::DeliveryFirst => way.delivered_first = total,
        Kind::DeliverySubsequent => way.delivered_subsequent = total,
        Kind::DeliveryTimeFirst => way.total_delivery_time_first = total,
        Kind::DeliveryTimeSubsequent => way.total_delivery_time_subsequent = total,
        Kind::DeliveredVolume => way.total_msg_volume = total,
        Kind::SpamComplaint => way.spam_complaint = total,
        Kind::GenerationFailure => way.generation_failed = total,
        Kind::GenerationRejection => way.generation_rejection = total,
        Kind::RelayInjection => way.inbound = total,
        Kind::RelayRejection => way.relay_rejection = total,
        Kind::RelayDelivery => way.relay_delivery = total,
        Kind::RelayTempfail => way.relay_tempfail = total,
        Kind::RelayPermfail => way.relay_permfail = total,
        // Receptions are no counter of the report; the others are counted by link or class.
        Kind::Reception | Kind::LinkClick | Kind::BounceClass => {}
    }
}
