//! `mailwake feeders`: how feeders are, and what operators ask of them. Works on their files,
//! while serve runs and while it does not.

mod ping;
mod status;

use super::{ConfigArgs, events::time_of, report::parse_time};
use crate::{
    config::{Config, Feeder, SinkConfig},
    feeders::{http::Client, ndjson::Place, webhook::Webhook},
    stores::ledger::{DeadLetter, Ledger, LetterFilter},
};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use std::{
    io::{self, Write},
    sync::Arc,
    time::SystemTime,
};
use tracking::ids::Timestamp;

/// Dead letters that are read at once.
const PAGE_LETTERS: usize = 1_000;

/// `mailwake feeders`.
#[derive(Debug, Args)]
pub(super) struct FeedersArgs {
    #[command(subcommand)]
    command: FeedersCommand,
}

#[derive(Debug, Subcommand)]
enum FeedersCommand {
    /// Tell how feeders are: how far behind, what is under way, what was wrong last.
    Status(StatusArgs),
    /// Post a batch without events to a webhook, and tell what it answers.
    Ping(NameArgs),
    /// Have a feeder send nothing, until it is told to resume. Its events stay in the log.
    Pause(NameArgs),
    /// Have a feeder go on.
    Resume(NameArgs),
    /// Send the events of some time again, with their old ids, as far as the store still has
    /// them. They go between the batches of the log.
    Replay(ReplayArgs),
    /// List events that could not be brought to their place, and why.
    DeadLetters(DeadLettersArgs),
}

#[derive(Debug, Args)]
struct StatusArgs {
    /// Only this feeder.
    name: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct NameArgs {
    /// The feeder: NAME of [feeder.NAME].
    name: String,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    #[command(flatten)]
    feeder: NameArgs,
    /// Events since this time: 2026-11-21, 2026-11-21T10:00:00Z, 7d, 12h, 30m.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Timestamp,
    /// Events before this time; now, unless told.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<Timestamp>,
}

#[derive(Debug, Args)]
struct DeadLettersArgs {
    #[command(flatten)]
    feeder: NameArgs,
    /// Print one JSON object a line, with the event.
    #[arg(long)]
    json: bool,
    /// Send all of them again. Those that arrive are dead letters no more.
    #[arg(long, conflicts_with_all = ["json", "remove"])]
    replay: bool,
    /// Remove them, after they were printed.
    #[arg(long)]
    remove: bool,
}

/// Runs the command.
pub(super) fn run(args: &FeedersArgs) -> Result<()> {
    let mut out = io::stdout().lock();
    match &args.command {
        FeedersCommand::Status(args) => {
            let config = Config::load(&args.config.config)?;
            if let Some(name) = &args.name {
                find(&config, name)?;
            }
            status::tell(&config, args.name.as_deref(), args.json, &mut out)
        }
        FeedersCommand::Ping(args) => {
            let config = Config::load(&args.config.config)?;
            ping::run(find(&config, &args.name)?, &mut out)
        }
        FeedersCommand::Pause(args) => {
            open(args)?.set_paused(true)?;
            Ok(writeln!(out, "{} is paused; its events stay in the log", args.name)?)
        }
        FeedersCommand::Resume(args) => {
            open(args)?.set_paused(false)?;
            Ok(writeln!(out, "{} goes on", args.name)?)
        }
        FeedersCommand::Replay(args) => replay(args, &mut out),
        FeedersCommand::DeadLetters(args) => dead_letters(args, &mut out),
    }
}

/// Tells where each feeder of a configuration brings events. What it needs is read, and a mistake
/// in it is an error.
pub(super) fn describe(out: &mut impl Write, config: &Config) -> Result<()> {
    for feeder in &config.feeders.feeders {
        let name = &feeder.config.name;
        let place = match &feeder.sink {
            SinkConfig::Ingest(ingest) => {
                let named = || format!("feeder {name:?}");
                ingest.key.load().with_context(named)?;
                Client::load(ingest.http.clone()).with_context(named)?;
                ingest.url.to_string()
            }
            SinkConfig::Ndjson(ndjson) => match &ndjson.place {
                Place::Directory(directory) => directory.display().to_string(),
                Place::Output => "standard output".into(),
            },
            SinkConfig::Webhook(webhook) => {
                let rules = Arc::new(config.bounce_rules.clone());
                let loaded = Webhook::load((**webhook).clone(), rules);
                loaded.with_context(|| format!("feeder {name:?}"))?;
                webhook.url.to_string()
            }
            SinkConfig::Redis(_) => "Redis".into(),
        };
        writeln!(out, "  feeder {name}: {} to {place}", feeder.sink.kind())?;
    }
    Ok(())
}

fn find<'c>(config: &'c Config, name: &str) -> Result<&'c Feeder> {
    let feeders = &config.feeders.feeders;
    let found = feeders.iter().find(|feeder| feeder.config.name == name);
    found.with_context(|| {
        let names: Vec<_> = feeders.iter().map(|feeder| feeder.config.name.as_str()).collect();
        match names.is_empty() {
            true => "the configuration has no feeder".to_owned(),
            false => format!("there is no feeder {name:?}; there are {}", names.join(", ")),
        }
    })
}

/// The ledger of a feeder that has run already: a command makes none.
fn open(args: &NameArgs) -> Result<Ledger> {
    let config = Config::load(&args.config.config)?;
    let feeder = find(&config, &args.name)?;
    let directory = &feeder.config.directory;
    if !Ledger::file(directory, &args.name).try_exists()? {
        bail!("feeder {:?} has not run yet", args.name);
    }
    Ok(Ledger::open(directory, &args.name)?)
}

fn replay(args: &ReplayArgs, out: &mut impl Write) -> Result<()> {
    let now = Timestamp::from(SystemTime::now());
    let until = args.to.unwrap_or(now);
    if until <= args.from {
        bail!("--to must be later than --from");
    }
    let id = open(&args.feeder)?.ask_for_replay(args.from, until, now)?;
    let name = &args.feeder.name;
    let text = "goes on as long as serve runs; `mailwake feeders status` tells how far it is";
    Ok(writeln!(out, "{name}: replay {id} was asked for; it {text}")?)
}

fn dead_letters(args: &DeadLettersArgs, out: &mut impl Write) -> Result<()> {
    let mut ledger = open(&args.feeder)?;
    if args.replay {
        let asked = ledger.ask_for_dead_letters()?;
        let name = &args.feeder.name;
        return Ok(writeln!(out, "{name}: {asked} events are sent again while serve runs")?);
    }
    let mut last = -1;
    loop {
        let letters = ledger.dead_letters(LetterFilter::All, last, PAGE_LETTERS)?;
        if letters.is_empty() {
            break;
        }
        for (number, letter) in &letters {
            match args.json {
                true => write_json(out, letter)?,
                false => write_line(out, letter)?,
            }
            last = *number;
        }
    }
    out.flush()?;
    if args.remove {
        let removed = ledger.remove_dead_letters(LetterFilter::All, last)?;
        writeln!(io::stderr(), "{removed} were removed")?;
    }
    Ok(())
}

fn write_json(out: &mut impl Write, letter: &DeadLetter) -> Result<()> {
    let value = serde_json::json!({
        "dead_at": letter.dead_at,
        "batch_id": letter.batch_id.to_string(),
        "reason": letter.reason,
        "status": letter.status,
        "event": letter.event,
    });
    Ok(writeln!(out, "{value}")?)
}

fn write_line(out: &mut impl Write, letter: &DeadLetter) -> Result<()> {
    let event = &letter.event;
    Ok(writeln!(
        out,
        "{}  {}  {:<16}  {}  {}  {}",
        time_of(event.timestamp),
        event.message_id,
        event.occurrence.type_name(),
        event.event_id,
        time_of(letter.dead_at),
        letter.reason.escape_debug()
    )?)
}
