//! Follows the files of one source: what is written to them, files that come later, rotation
//! by renaming and by truncating. Lines are read in the order of the files; events are on disk
//! before the place is.

mod failures;
mod listing;

use super::{
    checkpoint::{Checkpoint, CheckpointError, Mark},
    counters::SourceCounters,
    files::Place,
    lines::Torn,
    recorder::{Recorder, Stopped},
    tracked::{Look, Tracked},
};
use failures::{Failures, StepError};
use std::{
    collections::HashSet,
    mem,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};
use tracking::{
    delivery::{Format, LineError, Lines, Reading},
    event::Event,
    ids::Timestamp,
};

/// How often files are looked at.
const POLL: Duration = Duration::from_millis(250);

/// How often a folder is listed.
const LIST: Duration = Duration::from_secs(1);

/// The times of files lag behind the clock.
const CLOCK_STEP: Duration = Duration::from_secs(1);

/// Octets that are read at once.
const READ_OCTETS: usize = 1 << 20;

/// How often the place is written at most.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);

/// Files of a source that are known at a time.
const FILES_MAX: usize = 10_000;

/// Malformed lines of a source that are told in a minute.
const TOLD_A_MINUTE: u32 = 20;

/// Where a source begins that was never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With what the files hold.
    Beginning,
    /// With what is written from now on.
    End,
}

/// A source of records.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Its name.
    pub name: String,
    /// What its lines are.
    pub format: Format,
    /// Where they are.
    pub place: Place,
    /// Where it begins.
    pub start: Start,
    /// How records are read; `now` is set at the start.
    pub reading: Reading,
    /// Longest line that is read, in octets, where the format has no limit of its own.
    pub line_octets_max: usize,
    /// The file that remembers how far it has read; without one, it begins anew each time.
    pub checkpoint: Option<PathBuf>,
}

/// Why a source is not read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It is not known how far it was read.
    #[error("read records of {name}: {error}")]
    Checkpoint {
        /// The source.
        name: String,
        /// What is wrong.
        error: CheckpointError,
    },
}

/// Reads a source until it is told to stop. Blocks: give it a thread of its own. What fails is
/// told, counted, and tried again.
pub fn run(
    config: SourceConfig,
    mut recorder: Recorder,
    counters: &SourceCounters,
) -> Result<(), SourceError> {
    let mut source = Source::open(config, counters)?;
    loop {
        match source.step(&mut recorder) {
            Ok(()) => {}
            Err(StepError::Stopped) => break,
            Err(StepError::Io(error)) => source.trouble(&error.to_string()),
        }
        if !recorder.pause(POLL) {
            break;
        }
    }
    source.checkpoint(true);
    Ok(())
}

struct Source<'c> {
    config: SourceConfig,
    counters: &'c SourceCounters,
    tracked: Vec<Tracked>,
    /// Files that are no longer there.
    past: Vec<Mark>,
    /// Those that are not of this source, by device and inode.
    ignored: HashSet<(u64, u64)>,
    /// Where the format goes on from file to file.
    shared: Option<Lines>,
    /// Older parts of a file were last written to behind this time, or read already.
    since: SystemTime,
    was_read_before: bool,
    /// Look for older parts of the file.
    wants_siblings: bool,
    has_told_missing: bool,
    has_told_too_many: bool,
    listed: Option<Instant>,
    /// When it began to look for files the last time that it took all of them.
    all_taken_at: SystemTime,
    /// Octets of files that are too many.
    left_bytes: u64,
    files_max: usize,
    checkpoint_due: Instant,
    has_changed: bool,
    buffer: Vec<u8>,
    events: Vec<Event>,
    told: Told,
}

/// Malformed lines that were told in this minute.
struct Told {
    minute: Instant,
    lines: u32,
}

impl<'c> Source<'c> {
    fn open(mut config: SourceConfig, counters: &'c SourceCounters) -> Result<Self, SourceError> {
        config.reading.now = SystemTime::now().into();
        let read = config.checkpoint.as_deref().map(Checkpoint::read).transpose();
        let read = read
            .map_err(|error| SourceError::Checkpoint { name: config.name.clone(), error })?
            .flatten();
        let was_read_before = read.is_some();
        let mut shared =
            config.format.spans_files().then(|| Lines::new(config.format, &config.reading));
        let (mut since, mut past) = (SystemTime::now(), Vec::new());
        if let Some(read) = read {
            let at = u64::try_from(read.at.0).unwrap_or_default();
            since = SystemTime::UNIX_EPOCH + Duration::from_millis(at) - CLOCK_STEP;
            if let (Some(lines), Some(state)) = (&mut shared, &read.state)
                && read.format == config.format.name()
            {
                lines.restore(state);
            }
            past = read.marks;
        }
        Ok(Self {
            config,
            counters,
            tracked: Vec::new(),
            past,
            ignored: HashSet::new(),
            shared,
            since,
            was_read_before,
            wants_siblings: was_read_before,
            has_told_missing: false,
            has_told_too_many: false,
            listed: None,
            all_taken_at: since,
            left_bytes: 0,
            files_max: FILES_MAX,
            checkpoint_due: Instant::now(),
            has_changed: false,
            buffer: vec![0; READ_OCTETS],
            events: Vec::new(),
            told: Told { minute: Instant::now(), lines: 0 },
        })
    }

    /// Looks for files, and reads what is new in them.
    fn step(&mut self, recorder: &mut Recorder) -> Result<(), StepError> {
        let is_one_file = self.config.place.is_one_file();
        let mut failures = Failures::default();
        if is_one_file || self.listed.is_none_or(|listed| listed.elapsed() >= LIST) {
            failures.or_stopped(self.list(recorder))?;
        }
        let mut index = 0;
        while index < self.tracked.len() {
            failures.or_stopped(self.read(index, recorder))?;
            index += 1;
        }
        let lag_bytes: u64 = self.tracked.iter().map(Tracked::lag_bytes).sum();
        self.counters.lag_bytes.set(lag_bytes + self.left_bytes);
        self.counters.files.set(self.tracked.len() as u64);
        self.checkpoint(false);
        failures.first()?;
        self.counters.set_trouble(None);
        Ok(())
    }

    fn record(&mut self, events: &[Event], recorder: &mut Recorder) -> Result<(), Stopped> {
        let recorded = recorder.record(events, self.counters);
        if recorded.is_err() {
            // The parser is ahead of what is recorded: the last checkpoint holds.
            self.has_changed = false;
        }
        recorded
    }

    /// Reads a file as far as it goes now.
    fn read(&mut self, index: usize, recorder: &mut Recorder) -> Result<(), StepError> {
        match self.tracked[index].look()? {
            Look::Nothing => return Ok(()),
            Look::Replaced => return Ok(self.restart(index)?),
            Look::More => {}
        }
        loop {
            let is_at_end = self.read_some(index, recorder)?;
            self.checkpoint(false);
            if is_at_end {
                return Ok(());
            }
            if recorder.is_stopped() {
                return Err(StepError::Stopped);
            }
        }
    }

    /// Reads once, and records what is whole. True where there is no more.
    fn read_some(&mut self, index: usize, recorder: &mut Recorder) -> Result<bool, StepError> {
        let tracked = &mut self.tracked[index];
        let (shared, counters) = (&mut self.shared, self.counters);
        let (events, told, path) = (&mut self.events, &mut self.told, tracked.path.clone());
        let name = &self.config.name;
        let lines = tracked.own.as_mut().or(shared.as_mut());
        if let Some(lines) = lines {
            lines.set_now(SystemTime::now().into());
        }
        let mut take = |line: u64, octets: Result<&[u8], Torn>, own: Option<&mut Lines>| {
            let Some(lines) = own.or(shared.as_mut()) else { return false };
            counters.lines.increment();
            let read = match octets {
                Ok(octets) => lines.line(octets, events),
                Err(torn) => Err(too_long(torn)),
            };
            if let Err(error) = read {
                counters.malformed_lines.increment();
                told.tell(name, &path, line, &error);
            }
            lines.is_within_record()
        };
        let octets = tracked.read(&mut self.buffer, &mut take)?;
        if octets == 0 && tracked.is_over() {
            tracked.end(&mut take);
            if let Some(lines) = tracked.own.as_mut().or(shared.as_mut())
                && let Err(error) = lines.end(events)
            {
                counters.malformed_lines.increment();
                told.tell(name, &path, tracked.line(), &error);
            }
            tracked.ended();
            self.has_changed = true;
        }
        let events = mem::take(&mut self.events);
        self.record(&events, recorder)?;
        self.events = events;
        self.events.clear();
        self.has_changed |= self.tracked[index].passed();
        Ok(octets == 0)
    }

    /// Remembers how far it has read, durably, if it is time to.
    fn checkpoint(&mut self, is_last: bool) {
        let is_due = is_last || self.checkpoint_due <= Instant::now();
        let is_due = is_due && self.has_changed;
        let Some(path) = self.config.checkpoint.as_deref().filter(|_| is_due) else {
            return;
        };
        let begun = Instant::now();
        let marks = self.past.iter().chain(self.tracked.iter().map(|tracked| &tracked.mark));
        let state = self.shared.as_ref().and_then(Lines::state);
        let format = self.config.format.name();
        let at: Timestamp = self.all_taken_at.into();
        let checkpoint = Checkpoint::new(format, at, marks.cloned().collect(), state);
        match checkpoint.write(path) {
            Ok(()) => self.has_changed = false,
            // Lines are read again then, and are counted once all the same.
            Err(error) => self.trouble(&error.to_string()),
        }
        // What takes long is done less often.
        self.checkpoint_due = begun + CHECKPOINT_INTERVAL.max(20 * begun.elapsed());
    }

    fn trouble(&self, told: &str) {
        self.counters.retries.increment();
        let text = format!("records of {}: {told}", self.config.name);
        if self.counters.trouble().as_ref() != Some(&text) {
            tracing::warn!(source = self.config.name, "records are not read for now: {told}");
        }
        self.counters.set_trouble(Some(text));
    }
}

impl Told {
    /// Tells of a malformed line, unless many were told already.
    fn tell(&mut self, source: &str, path: &Path, line: u64, error: &LineError) {
        if self.minute.elapsed() >= Duration::from_secs(60) {
            if self.lines > TOLD_A_MINUTE {
                let more = self.lines - TOLD_A_MINUTE;
                tracing::warn!(source, "{more} more lines that are no records");
            }
            *self = Self { minute: Instant::now(), lines: 0 };
        }
        self.lines += 1;
        if self.lines <= TOLD_A_MINUTE {
            tracing::warn!(source, "{}:{line}: {error}", path.display());
        }
    }
}

/// What is said of a line that is too long.
pub(super) fn too_long(Torn { octets_max, .. }: Torn) -> LineError {
    LineError::new(format!("longer than {octets_max} octets"))
}

#[cfg(test)]
mod tests;
