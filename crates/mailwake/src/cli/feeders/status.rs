//! How feeders are: what they have told last, and how far they are behind the log.

use crate::{
    config::{Config, Feeder},
    event_log::{
        Position,
        cursor::Cursor,
        reader::{Entry, Reader},
    },
    feeders::feeder::{Status, cursor_name},
    stores::ledger::{Ledger, Replay},
};
use anyhow::Result;
use serde_json::{Value, json};
use std::{
    io::Write,
    path::Path,
    time::{Duration, SystemTime},
};
use tracking::ids::Timestamp;

/// A feeder that has told nothing for so long does not run.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// Events that are counted; more are not.
const EVENTS_MAX: u64 = 100_000;

/// Replays that are told of.
const REPLAYS_MAX: usize = 5;

/// How far a feeder is behind.
struct Lag {
    octets: u64,
    events: u64,
    /// Since when the first of them waits.
    oldest_at: Option<Timestamp>,
}

/// All that is known of a feeder.
struct View<'c> {
    feeder: &'c Feeder,
    told: Option<Status>,
    lag: Option<Lag>,
    is_paused: bool,
    dead_letters: u64,
    replays: Vec<Replay>,
}

pub(super) fn tell(
    config: &Config,
    name: Option<&str>,
    is_json: bool,
    out: &mut impl Write,
) -> Result<()> {
    let is_asked = |feeder: &&Feeder| name.is_none_or(|name| name == feeder.config.name);
    let now = Timestamp::from(SystemTime::now());
    for feeder in config.feeders.feeders.iter().filter(is_asked) {
        let view = view(config, feeder)?;
        match is_json {
            true => writeln!(out, "{}", view.json(now))?,
            false => view.write(now, out)?,
        }
    }
    if config.feeders.feeders.is_empty() && !is_json {
        writeln!(out, "the configuration has no feeder")?;
    }
    Ok(())
}

fn view<'c>(config: &Config, feeder: &'c Feeder) -> Result<View<'c>> {
    let (directory, name) = (&feeder.config.directory, &feeder.config.name);
    let told = Status::read(directory, name)?;
    let mut view =
        View { feeder, told, lag: None, is_paused: false, dead_letters: 0, replays: Vec::new() };
    if Ledger::file(directory, name).try_exists()? {
        let ledger = Ledger::open(directory, name)?;
        view.is_paused = ledger.is_paused()?;
        view.dead_letters = ledger.count_dead_letters()?;
        view.replays = ledger.replays(REPLAYS_MAX)?;
        view.lag = lag(&config.event_log.directory, name, Position(ledger.passed()?))?;
    }
    Ok(view)
}

/// Nothing where the feeder has no cursor.
fn lag(log: &Path, name: &str, passed: Position) -> Result<Option<Lag>> {
    let cursor = cursor_name(name);
    if !Cursor::is_there(log, &cursor) {
        return Ok(None);
    }
    let from = Cursor::open(log, &cursor)?.position().max(passed);
    let mut reader = Reader::open(log, from)?;
    let octets = reader.durable()?.0.saturating_sub(from.0);
    let mut lag = Lag { octets, events: 0, oldest_at: None };
    while lag.events < EVENTS_MAX
        && let Some(entry) = reader.read()?
    {
        if let Entry::Event { event, .. } = entry {
            lag.events += 1;
            lag.oldest_at.get_or_insert(event.timestamp);
        }
    }
    Ok(Some(lag))
}

impl View<'_> {
    /// In one word.
    fn state(&self, now: Timestamp) -> &'static str {
        let silence = i64::try_from(SILENCE_MAX.as_millis()).unwrap_or(i64::MAX);
        match &self.told {
            _ if self.is_paused => "paused",
            Some(told) if !told.is_running || now.0 - told.told_at.0 > silence => "stopped",
            None => "stopped",
            Some(told) if told.trouble.is_some() => "failing",
            Some(told) if told.failures > 0 => "retrying",
            Some(told) if told.under_way > 0 => "sending",
            Some(_) => "waiting",
        }
    }

    fn lag_seconds(&self, now: Timestamp) -> Option<i64> {
        let lag = self.lag.as_ref()?;
        Some(lag.oldest_at.map_or(0, |at| (now.0 - at.0).max(0) / 1_000))
    }

    fn json(&self, now: Timestamp) -> Value {
        let replays = self.replays.iter().map(|replay| {
            let (id, events) = (replay.id, replay.events);
            json!({
                "id": id, "from": replay.since, "to": replay.until,
                "events": events, "state": replay.state.name(),
            })
        });
        json!({
            "name": self.feeder.config.name,
            "kind": self.feeder.sink.kind(),
            "state": self.state(now),
            "lag_bytes": self.lag.as_ref().map(|lag| lag.octets),
            "lag_events": self.lag.as_ref().map(|lag| lag.events),
            "lag_seconds": self.lag_seconds(now),
            "dead_letters": self.dead_letters,
            "replays": replays.collect::<Vec<_>>(),
            "told": self.told,
        })
    }

    fn write(&self, now: Timestamp, out: &mut impl Write) -> Result<()> {
        let (name, kind) = (&self.feeder.config.name, self.feeder.sink.kind());
        writeln!(out, "{name} ({kind}): {}", self.state(now))?;
        if let (Some(lag), Some(seconds)) = (&self.lag, self.lag_seconds(now)) {
            let more = if lag.events >= EVENTS_MAX { "more than " } else { "" };
            let (events, octets) = (lag.events, lag.octets);
            writeln!(out, "  behind: {more}{events} events, {octets} octets, {seconds} s")?;
        }
        if let Some(told) = &self.told {
            write_told(told, out)?;
        }
        if self.dead_letters > 0 {
            let letters = self.dead_letters;
            writeln!(out, "  dead letters: {letters}; see mailwake feeders dead-letters {name}")?;
        }
        for replay in &self.replays {
            let (id, state, events) = (replay.id, replay.state.name(), replay.events);
            writeln!(out, "  replay {id}: {state}, {events} events")?;
        }
        Ok(())
    }
}

fn write_told(told: &Status, out: &mut impl Write) -> Result<()> {
    let time = |at: Timestamp| jiff::Timestamp::from_millisecond(at.0);
    let Status { events, batches, failed_attempts, .. } = told;
    writeln!(
        out,
        "  since its start: {events} events in {batches} batches, {failed_attempts} attempts failed"
    )?;
    if told.under_way > 0 {
        writeln!(out, "  under way: {} events", told.under_way)?;
    }
    if let Some(at) = told.last_success_at {
        writeln!(out, "  last arrival: {:.0}", time(at)?)?;
    }
    if let Some(error) = &told.last_error {
        writeln!(out, "  last error: {}", error.escape_debug())?;
    }
    if let Some(trouble) = &told.trouble {
        writeln!(out, "  trouble: {}", trouble.escape_debug())?;
    }
    if let Some(trouble) = &told.replay_trouble {
        writeln!(out, "  what is to be sent again waits: {}", trouble.escape_debug())?;
    }
    if let Some(at) = told.next_attempt_at {
        let circuit = if told.is_circuit_open { ", the circuit is open" } else { "" };
        writeln!(
            out,
            "  {} failures in a row, next attempt: {:.0}{circuit}",
            told.failures,
            time(at)?
        )?;
    }
    Ok(())
}
