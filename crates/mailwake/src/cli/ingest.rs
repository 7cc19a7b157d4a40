//! `mailwake ingest`: records of MTAs from files or standard input, once or as they come.

use super::ConfigArgs;
use crate::{
    config::Config,
    delivery::{
        Place, Progress, Recorder, SourceConfig, SourceCounters, Spool, Start, ingest,
        open_records, run_source,
    },
    event_log::{EventLog, OpenError},
    telemetry,
};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::fs::Mode;
use std::{
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracking::delivery::{Format, Lines, Reading};

/// Malformed lines that are told one by one.
const TOLD_MAX: u64 = 20;

/// How long the process that writes the log may take for what it is handed.
const SPOOL_PATIENCE: Duration = Duration::from_secs(60);

/// What `mailwake ingest` takes.
#[derive(Debug, Args)]
pub(super) struct IngestArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// How the MTA writes its records.
    #[arg(long, value_name = "FORMAT", value_parser = format_of)]
    format: Format,
    /// Wait for what is written to the file, and read it, until SIGINT or SIGTERM.
    #[arg(long)]
    follow: bool,
    /// Files, in the order in which they were written, compressed or not; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// The format with this name.
pub(super) fn format_of(name: &str) -> Result<Format, String> {
    let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
    name.parse().map_err(|()| format!("must be one of {}", names.join(", ")))
}

/// Reads all, and prints what came of it.
pub(super) fn run(args: &IngestArgs) -> Result<()> {
    let config = Config::load(&args.config.config)?;
    telemetry::start(config.telemetry);
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let shutdown = CancellationToken::new();
    let (mut end, mut recorder) = End::open(&config, &shutdown)?;
    let counters = SourceCounters::new("ingest");
    if args.follow {
        follow(args, &config, recorder, &counters, &shutdown)?;
    } else {
        let mut reading = config.delivery.reading.clone();
        reading.now = SystemTime::now().into();
        read_all(args, &reading, &config, &mut recorder, &counters)?;
    }
    let waits = end.wait();
    let (lines, events) = (counters.lines.get(), counters.events.get());
    let malformed = counters.malformed_lines.get();
    writeln!(io::stdout(), "{lines} lines read, {events} events, {malformed} malformed lines")?;
    if waits {
        writeln!(io::stdout(), "they wait in the spool, and are taken by serve")?;
    }
    Ok(())
}

fn read_all(
    args: &IngestArgs,
    reading: &Reading,
    config: &Config,
    recorder: &mut Recorder,
    counters: &SourceCounters,
) -> Result<()> {
    let mut lines = Lines::new(args.format, reading);
    for file in &args.files {
        if !args.format.spans_files() {
            lines = Lines::new(args.format, reading);
        }
        let is_stdin = file == Path::new("-");
        let (source, size): (Box<dyn Read + Send>, _) = match is_stdin {
            true => (Box::new(io::stdin()), None),
            false => open_records(file).with_context(|| format!("open {}", file.display()))?,
        };
        let bar = progress_bar(size);
        let mut told = 0;
        let tell = |progress| match progress {
            Progress::Octets(octets) => bar.inc(octets),
            Progress::Malformed(line, error) => {
                told += 1;
                if told <= TOLD_MAX {
                    bar.suspend(|| tell_malformed(file, line, &error.to_string()));
                }
            }
        };
        let octets_max = config.delivery.line_octets_max;
        let read = ingest(source, &mut lines, octets_max, recorder, counters, tell);
        bar.finish_and_clear();
        read.with_context(|| file.display().to_string())?;
        if told > TOLD_MAX {
            let more =
                format!("{}: {} more lines are no records\n", file.display(), told - TOLD_MAX);
            io::stderr().write_all(more.as_bytes())?;
        }
    }
    Ok(())
}

fn tell_malformed(file: &Path, line: u64, error: &str) {
    // With standard error gone, the count at the end tells it.
    drop(writeln!(io::stderr(), "{}:{line}: {error}", file.display()));
}

/// One for people who wait; otherwise one that shows nothing.
fn progress_bar(size: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = match size {
        Some(size) => ProgressBar::new(size),
        None => ProgressBar::no_length(),
    };
    let template = match size {
        Some(_) => "{bar:30} {percent}% {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        None => "{spinner} {bytes}, {bytes_per_sec}",
    };
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.expect("the template is right"));
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar
}

/// Follows one file until a signal.
fn follow(
    args: &IngestArgs,
    config: &Config,
    recorder: Recorder,
    counters: &SourceCounters,
    shutdown: &CancellationToken,
) -> Result<()> {
    let [file] = &args.files[..] else { bail!("--follow takes one file") };
    if file == Path::new("-") {
        bail!("--follow takes a file; standard input is read to its end without it");
    }
    stop_on_signal(shutdown.clone())?;
    let source = SourceConfig {
        name: "ingest".into(),
        format: args.format,
        place: Place::File(file.clone()),
        start: Start::Beginning,
        reading: config.delivery.reading.clone(),
        line_octets_max: config.delivery.line_octets_max,
        checkpoint: None,
    };
    Ok(run_source(source, recorder, counters)?)
}

fn stop_on_signal(shutdown: CancellationToken) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        shutdown.cancel();
    })?;
    Ok(())
}

/// Where events go: into the log, or, where another process writes it, into its spool.
enum End {
    /// Kept open; it is closed when it is dropped.
    Log(#[expect(dead_code, reason = "it closes the log in order")] EventLog),
    Spool(PathBuf, u64),
}

impl End {
    fn open(config: &Config, shutdown: &CancellationToken) -> Result<(Self, Recorder)> {
        match EventLog::open(&config.event_log) {
            Ok((log, _recovered)) => {
                let recorder = Recorder::of_log(log.writer(), shutdown.clone())?;
                Ok((Self::Log(log), recorder))
            }
            Err(OpenError::Locked { .. }) => {
                let (folder, octets_max) =
                    (config.delivery.spool(), config.delivery.spool_octets_max);
                let spool = Spool::open(&folder, octets_max)?;
                let recorder = Recorder::of_spool(spool, shutdown.clone())?;
                Ok((Self::Spool(folder, octets_max), recorder))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until what was handed over is taken. True where it still waits.
    fn wait(&mut self) -> bool {
        let Self::Spool(folder, octets_max) = self else { return false };
        let Ok(spool) = Spool::open(folder, *octets_max) else { return true };
        let deadline = Instant::now() + SPOOL_PATIENCE;
        // Nobody sends: the wait for the next look ends by its time alone.
        let (_sender, pause) = mpsc::channel::<()>();
        while spool.waiting().is_ok_and(|octets| octets > 0) {
            let waited = pause.recv_timeout(Duration::from_millis(50));
            if Instant::now() > deadline || waited.is_ok() {
                return true;
            }
        }
        false
    }
}
