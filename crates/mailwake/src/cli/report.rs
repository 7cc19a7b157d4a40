//! `mailwake report`: counters, campaigns and links, as tables or as JSON.

use super::ConfigArgs;
use crate::{
    config::Config,
    stores::{
        report::{BounceReport, Count, Counters, LinkReport, Report, ReportFilter},
        sqlite::StoreReader,
    },
};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use std::io::{self, Write};
use tracking::ids::Timestamp;

/// Links that the table shows; JSON has all.
const LINKS_SHOWN_MAX: usize = 20;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// From this time on: 2026-11-21, 2026-11-21T10:00:00Z, or back from now: 7d, 12h, 30m.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Up to this time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// Only this campaign.
    #[arg(long, value_name = "ID")]
    campaign: Option<String>,
    /// Only messages with this tag.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ReportArgs) -> Result<()> {
    let mut reader = open_store(&args.config)?;
    let filter = ReportFilter {
        since: args.since,
        until: args.until,
        campaign: args.campaign.clone(),
        tag: args.tag.clone(),
    };
    let report = reader.report(&filter)?;
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        return Ok(writeln!(out)?);
    }
    Ok(write_tables(&mut out, &report)?)
}

/// The store that a configuration names.
pub(super) fn open_store(args: &ConfigArgs) -> Result<StoreReader> {
    let config = Config::load(&args.config)?;
    Ok(StoreReader::open(&config.store_directory)?)
}

/// Writes a report for people.
pub(crate) fn write_tables(out: &mut impl Write, report: &Report) -> io::Result<()> {
    write_counters(out, &report.counters)?;
    if report.campaigns.iter().any(|campaign| !campaign.campaign_id.is_empty()) {
        let rows = report.campaigns.iter().map(|one| (one.campaign_id.as_str(), one.counters));
        write_groups(out, "Campaign", rows)?;
    }
    if !report.tags.is_empty() {
        write_groups(out, "Tag", report.tags.iter().map(|one| (one.tag.as_str(), one.counters)))?;
    }
    write_bounces(out, &report.bounces)?;
    if report.links.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n{:>10} {:>10} {:>10} {:>10} {:>7}  Name and link",
        "Raw clicks", "Clicks", "Filtered", "Confirmed", "Total"
    )?;
    for link in report.links.iter().take(LINKS_SHOWN_MAX) {
        let LinkReport { unique_clicks, clicks, share, target_link_url, name, .. } = link;
        let (filtered, confirmed) = (link.filtered.clicks, link.confirmed.clicks);
        let percent = share * 100.0;
        // They come from mail: what could move the cursor is shown as an escape.
        let (name, url) = (name.escape_debug(), target_link_url.escape_debug());
        writeln!(
            out,
            "{unique_clicks:>10} {clicks:>10} {filtered:>10} {confirmed:>10} {percent:>6.1}%  \
             {name}: {url}"
        )?;
    }
    match report.links.len().checked_sub(LINKS_SHOWN_MAX) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(out, "and {more} more links; --json has them all"),
    }
}

/// A line for each group of messages.
fn write_groups<'r>(
    out: &mut impl Write,
    title: &str,
    groups: impl Iterator<Item = (&'r str, Counters)>,
) -> io::Result<()> {
    writeln!(
        out,
        "\n{title:<32} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "Outbound", "Failed", "Opens", "Filtered", "Clicks", "Filtered"
    )?;
    for (name, Counters { outbound, failed, opens, clicks, .. }) in groups {
        // A name comes from mail: what could move the cursor is shown as an escape.
        let name = match name {
            "" => "(none)".to_owned(),
            name => name.escape_debug().to_string(),
        };
        let (opened, clicked) = (opens.filtered.unique, clicks.filtered.unique);
        let (opens, clicks) = (opens.unique, clicks.unique);
        writeln!(
            out,
            "{name:<32} {outbound:>10} {failed:>10} {opens:>10} {opened:>10} {clicks:>10} \
             {clicked:>10}"
        )?;
    }
    Ok(())
}

fn write_counters(out: &mut impl Write, counters: &Counters) -> io::Result<()> {
    let grades = ["All", "Without machines", "Confirmed"];
    writeln!(out, "{:<16} {:^36} | {:^21} | {:^21}", "", grades[0], grades[1], grades[2])?;
    let (total, unique) = ("Total", "Unique");
    writeln!(
        out,
        "{:<16} {total:>10} {unique:>10} {:>14} | {total:>10} {unique:>10} | {total:>10} \
         {unique:>10}",
        "", "Unique per day"
    )?;
    let way = counters.way;
    write_numbers(
        out,
        &[
            ("Outbound", counters.outbound),
            ("Sent", way.sent),
            ("Failed", counters.failed),
            ("Complaints", way.spam_complaint),
        ],
    )?;
    write_counts(
        out,
        &[
            ("Opens", counters.opens),
            ("Clicks", counters.clicks),
            ("Unsubscribes", counters.unsubscribes),
        ],
    )?;
    write_numbers(out, &[("Inbound", way.inbound)])?;
    writeln!(out)?;
    write_counts(
        out,
        &[
            ("Initial opens", counters.initial_opens),
            ("Rendered", counters.rendered),
            ("Confirmed opens", counters.confirmed_opens),
        ],
    )?;
    write_numbers(
        out,
        &[
            ("Targeted", way.targeted),
            ("Refused", counters.refused),
            ("Delayed", counters.delayed),
            ("  at first", way.delayed_first),
            ("Accepted", way.accepted),
            ("Delivered", way.delivered),
            ("  at first", way.delivered_first),
            ("  later", way.delivered_subsequent),
            ("Inband bounces", way.inband_bounce),
            ("Out of band", way.outofband_bounce),
        ],
    )
}

fn write_numbers(out: &mut impl Write, numbers: &[(&str, u64)]) -> io::Result<()> {
    numbers.iter().try_for_each(|(name, number)| writeln!(out, "{name:<16} {number:>10}"))
}

fn write_counts(out: &mut impl Write, counts: &[(&str, Count)]) -> io::Result<()> {
    for (name, count) in counts {
        let Count { total, unique, unique_per_day, filtered, confirmed } = count;
        writeln!(
            out,
            "{name:<16} {total:>10} {unique:>10} {unique_per_day:>14} | {:>10} {:>10} | {:>10} \
             {:>10}",
            filtered.total, filtered.unique, confirmed.total, confirmed.unique
        )?;
    }
    Ok(())
}

/// How many bounces mean what.
fn write_bounces(out: &mut impl Write, bounces: &[BounceReport]) -> io::Result<()> {
    if bounces.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{:>10}  {:<12}  Class", "Bounces", "Category")?;
    for BounceReport { bounce_class, name, category, count } in bounces {
        writeln!(out, "{count:>10}  {category:<12}  {bounce_class} {name}")?;
    }
    Ok(())
}

/// A time of day, a day, or a span back from now.
pub(super) fn parse_time(text: &str) -> Result<Timestamp> {
    let wrong = || {
        anyhow!(
            "must be a time like 2026-11-21 or 2026-11-21T10:00:00Z, or a span like 7d, 12h, 30m"
        )
    };
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp(time.as_millisecond()));
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).context("a day in range")?;
        return Ok(Timestamp(midnight.timestamp().as_millisecond()));
    }
    let unit_at = text.len().checked_sub(1).filter(|at| text.is_char_boundary(*at));
    let (number, unit) = text.split_at(unit_at.ok_or_else(wrong)?);
    let unit_ms = match unit {
        "d" => Timestamp::DAY_MS,
        "h" => 3_600_000,
        "m" => 60_000,
        _ => return Err(wrong()),
    };
    let number: i64 = number.parse::<u32>().map_err(|_| wrong())?.into();
    Ok(Timestamp(jiff::Timestamp::now().as_millisecond() - number * unit_ms))
}

#[cfg(test)]
mod tests;
