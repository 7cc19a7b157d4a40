//! `mailwake acct-etl`: what PowerMTA starts for its accounting pipe. Records come in on standard
//! input, and their events lie in the spool at once, where they outlive this process; they are
//! on disk a second later. PowerMTA may end it at any time, and `serve` may be down.

use super::ingest::format_of;
use crate::{
    config::{self, Config},
    delivery::{LineBuffer, Spool, SpoolError, Torn},
};
use anyhow::{Context as _, Result};
use clap::Args;
use std::{
    fs::File,
    io::{self, Read, Write},
    path::PathBuf,
    thread,
    time::{Duration, SystemTime},
};
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};
use tracking::{
    delivery::{Format, LineError, Lines, Reading},
    event::Event,
    ids::Timestamp,
};

/// Octets that are read at once; so many such pieces wait in memory.
const READ_OCTETS: usize = 64 << 10;
const PIECES_MAX: usize = 16;

/// What was read is on disk after this time, or when nothing more came for a while.
const SEAL_AFTER: Duration = Duration::from_secs(1);
const SEAL_IDLE: Duration = Duration::from_millis(100);

/// How long a spool is left alone that takes nothing.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// When it is told to end, what is in the pipe already is read, as long as it comes this fast.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Malformed lines that are told.
const TOLD_MAX: u64 = 1_000;

/// What `mailwake acct-etl` takes. Options of the Go reference's program may have one dash.
#[derive(Debug, Args)]
pub(super) struct AcctEtlArgs {
    /// The configuration file. With --spool none is read.
    #[arg(long, value_name = "FILE", env = "MAILWAKE_CONFIG", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// The spool: "delivery/spool" below the data directory of serve. So that the account of
    /// PowerMTA need not read the configuration.
    #[arg(long, value_name = "FOLDER")]
    spool: Option<PathBuf>,
    /// How records are written.
    #[arg(long, value_name = "FORMAT", default_value = "powermta", value_parser = format_of)]
    format: Format,
    /// Read this file in place of standard input.
    #[arg(long, value_name = "FILE")]
    infile: Option<PathBuf>,
    /// Write what there is to tell to this file in place of standard error.
    #[arg(long, value_name = "FILE")]
    logfile: Option<PathBuf>,
}

/// Reads until the end of the input, or a signal.
pub(super) fn run(args: &AcctEtlArgs) -> Result<()> {
    let mut log: Box<dyn Write> = match &args.logfile {
        None => Box::new(io::stderr()),
        Some(path) => {
            let file = File::options().append(true).create(true).open(path);
            Box::new(file.with_context(|| format!("open {}", path.display()))?)
        }
    };
    let mut etl = Etl::open(args)?;
    let input: Box<dyn Read + Send> = match &args.infile {
        None => Box::new(io::stdin()),
        Some(path) => {
            Box::new(File::open(path).with_context(|| format!("open {}", path.display()))?)
        }
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(etl.run(input, &mut log));
    // A thread that reads standard input cannot be waited for.
    runtime.shutdown_background();
    let (lines, events, malformed) = (etl.line, etl.events_taken, etl.malformed);
    writeln!(log, "{lines} lines read, {events} events, {malformed} malformed lines")?;
    ended
}

struct Etl {
    spool: Spool,
    lines: Lines,
    /// PowerMTA names the columns of its pipe when it starts, and not each time that it starts
    /// this program; so the spool keeps them.
    has_columns: bool,
    /// What the spool has kept of them.
    columns: Option<String>,
    unfinished: LineBuffer,
    /// What the spool has not taken yet.
    events: Vec<Event>,
    line: u64,
    events_taken: u64,
    malformed: u64,
}

/// Why reading has ended.
enum Ended {
    Input,
    Signal,
}

impl Etl {
    fn open(args: &AcctEtlArgs) -> Result<Self> {
        let now: Timestamp = SystemTime::now().into();
        let (spool, octets_max, reading, line) = match &args.spool {
            Some(folder) => {
                let mut reading = Reading::new(now);
                reading.time_zone = jiff::tz::TimeZone::system();
                (folder.clone(), u64::MAX, reading, 256 << 10)
            }
            None => {
                let config = Config::load(&args.config)?.delivery;
                let reading = Reading { now, ..config.reading.clone() };
                (config.spool(), config.spool_octets_max, reading, config.line_octets_max)
            }
        };
        let spool = Spool::open(&spool, octets_max)?;
        let mut lines = Lines::new(args.format, &reading);
        // A file names its own.
        let has_columns = args.format == Format::PowerMta && args.infile.is_none();
        let columns = spool.columns().filter(|_| has_columns);
        columns.iter().for_each(|columns| lines.restore(columns));
        Ok(Self {
            spool,
            lines,
            has_columns,
            columns,
            unfinished: LineBuffer::new(args.format, line),
            events: Vec::new(),
            line: 0,
            events_taken: 0,
            malformed: 0,
        })
    }

    async fn run(&mut self, input: Box<dyn Read + Send>, log: &mut dyn Write) -> Result<()> {
        let mut signals = Signals::new()?;
        let mut pieces = read_in_a_thread(input)?;
        let ended = loop {
            let (first, mut last) = (Instant::now(), Instant::now());
            let mut has_written = false;
            let ended = loop {
                let due = (first + SEAL_AFTER).min(last + SEAL_IDLE);
                tokio::select! {
                    biased;
                    piece = pieces.recv() => match piece {
                        None => break Some(Ended::Input),
                        Some(octets) => {
                            self.take(&octets?, log);
                            self.keep_columns(log);
                            self.write(&mut signals, log).await?;
                            has_written = true;
                            last = Instant::now();
                        }
                    },
                    () = signals.any() => break Some(Ended::Signal),
                    () = sleep_until(due), if has_written => break None,
                }
                if has_written && first.elapsed() >= SEAL_AFTER {
                    break None;
                }
            };
            self.seal(log).await;
            if let Some(ended) = ended {
                break ended;
            }
        };
        match ended {
            Ended::Input => self.end(log),
            Ended::Signal => {
                // What PowerMTA has written to the pipe it does not write again.
                while let Ok(Some(octets)) = timeout(LAST_WORDS, pieces.recv()).await {
                    self.take(&octets?, log);
                }
            }
        }
        self.end_record(log);
        self.keep_columns(log);
        self.write(&mut signals, log).await?;
        Ok(self.spool.seal()?)
    }

    /// Takes octets of the input.
    fn take(&mut self, octets: &[u8], log: &mut dyn Write) {
        let Self { lines, unfinished, events, line, malformed, .. } = self;
        lines.set_now(SystemTime::now().into());
        unfinished.push(octets, |whole| {
            *line += 1;
            *malformed += u64::from(!read(lines, whole, *line, events, *malformed, log));
        });
    }

    /// Keeps the columns, where others were named than those that are kept.
    fn keep_columns(&mut self, log: &mut dyn Write) {
        let named = self.lines.state().filter(|_| self.has_columns);
        let Some(named) = named.filter(|named| self.columns.as_ref() != Some(named)) else {
            return;
        };
        match self.spool.keep_columns(&named) {
            Ok(()) => self.columns = Some(named),
            Err(error) => tell(log, &format!("columns are not kept: {error}")),
        }
    }

    /// The last line may have no line end.
    fn end(&mut self, log: &mut dyn Write) {
        let Self { lines, unfinished, events, line, malformed, .. } = self;
        unfinished.end(|whole| {
            *line += 1;
            *malformed += u64::from(!read(lines, whole, *line, events, *malformed, log));
        });
    }

    /// The last record may go on in a line that does not come.
    fn end_record(&mut self, log: &mut dyn Write) {
        if let Err(error) = self.lines.end(&mut self.events) {
            if self.malformed < TOLD_MAX {
                tell(log, &format!("line {}: {error}", self.line));
            }
            self.malformed += 1;
        }
    }

    /// Writes to the spool, however long that takes: the pipe has to wait. A signal ends it.
    async fn write(&mut self, signals: &mut Signals, log: &mut dyn Write) -> Result<()> {
        let mut has_told = false;
        while let Err(error) = self.spool.write(&self.events) {
            if let SpoolError::TooLarge { index, .. } = error {
                self.events.remove(index);
                self.malformed += 1;
                tell(log, &format!("a record is lost: {error}"));
                continue;
            }
            if !std::mem::replace(&mut has_told, true) {
                tell(log, &format!("records wait: {error}"));
            }
            tokio::select! {
                () = sleep(RETRY_AFTER) => {}
                () = signals.any() => {
                    let lost = self.events.len();
                    let error: SpoolError = error;
                    return Err(error).with_context(|| format!("{lost} events are lost"));
                }
            }
        }
        self.events_taken += self.events.len() as u64;
        self.events.clear();
        Ok(())
    }

    async fn seal(&mut self, log: &mut dyn Write) {
        if let Err(error) = self.spool.seal() {
            tell(log, &error.to_string());
        }
    }
}

/// Reads a line; false where it is no record.
fn read(
    lines: &mut Lines,
    whole: Result<&[u8], Torn>,
    number: u64,
    events: &mut Vec<Event>,
    told: u64,
    log: &mut dyn Write,
) -> bool {
    let too_long = |torn: Torn| LineError::new(format!("longer than {} octets", torn.octets_max));
    match whole.map_err(too_long).and_then(|octets| lines.line(octets, events)) {
        Ok(()) => true,
        Err(error) => {
            if told < TOLD_MAX {
                tell(log, &format!("line {number}: {error}"));
            }
            false
        }
    }
}

/// A log that takes nothing must not stop records.
fn tell(log: &mut dyn Write, text: &str) {
    drop(writeln!(log, "mailwake acct-etl: {text}"));
}

/// Pieces of the input as they come.
fn read_in_a_thread(
    mut input: Box<dyn Read + Send>,
) -> Result<mpsc::Receiver<io::Result<Vec<u8>>>> {
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    thread::Builder::new().name("input".into()).spawn(move || {
        let mut buffer = vec![0; READ_OCTETS];
        loop {
            let piece = match input.read(&mut buffer) {
                Ok(0) => return,
                Ok(octets) => Ok(buffer[..octets].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let is_over = piece.is_err();
            if sender.blocking_send(piece).is_err() || is_over {
                return;
            }
        }
    })?;
    Ok(pieces)
}

/// The signals that end a program.
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn any(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
