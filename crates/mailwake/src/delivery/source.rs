//! Follows the files of one source: what is written to them, files that come later, rotation
//! by renaming and by truncating. Lines are read in the order of the files; events are on disk
//! before the place is.

mod failures;

use super::{
    checkpoint::{Checkpoint, CheckpointError, Mark},
    counters::SourceCounters,
    files::{Found, HEAD_OCTETS, Place, digest_of, head},
    lines::Torn,
    recorder::{Recorder, Stopped},
    tracked::{Look, Tracked},
};
use failures::{Failures, StepError};
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io, mem,
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

/// A file that nobody writes to is closed after this time; one that is no longer there under
/// its name, and was not written to for so long, is over.
const CLOSE_AFTER: Duration = Duration::from_secs(30);

/// The times of files lag behind the clock.
const CLOCK_STEP: Duration = Duration::from_secs(1);

/// Octets that are read at once.
const READ_OCTETS: usize = 1 << 20;

/// How often the place is written at most.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);

/// Files of a source that are known at a time.
const FILES_MAX: usize = 10_000;

/// Files that are gone, and are known again if they come back compressed or as a copy.
const PAST_MAX: usize = 64;

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
    /// Longest line that is read, in octets.
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
    listed: Option<Instant>,
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
            listed: None,
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
        self.counters.lag_bytes.set(self.tracked.iter().map(Tracked::lag_bytes).sum());
        self.counters.files.set(self.tracked.len() as u64);
        self.checkpoint(false);
        failures.first()?;
        self.counters.set_trouble(None);
        Ok(())
    }

    fn list(&mut self, recorder: &mut Recorder) -> Result<(), StepError> {
        let ids = self.tracked.iter().enumerate();
        let index_of: HashMap<_, _> = ids.map(|(index, tracked)| (tracked.id(), index)).collect();
        let mut found = self.config.place.list(self.wants_siblings)?;
        let is_rotated = self.config.place.is_one_file() && !self.tracked.is_empty();
        let is_new = |found: &Found| !index_of.contains_key(&found.id());
        if is_rotated && found.iter().any(is_new) && !self.wants_siblings {
            found = self.config.place.list(true)?;
        }
        self.wants_siblings = false;
        self.listed = Some(Instant::now());
        let mut failures = Failures::default();
        for found in &found {
            match index_of.get(&found.id()) {
                Some(index) => {
                    let tracked = &mut self.tracked[*index];
                    tracked.path.clone_from(&found.path);
                    (tracked.bytes, tracked.modified) = (found.bytes, found.modified);
                }
                None => failures.add(self.adopt(found)),
            }
        }
        self.was_read_before = true;
        if found.is_empty() && !mem::replace(&mut self.has_told_missing, true) {
            tracing::warn!(source = self.config.name, "there is no file to read yet");
        }
        let there: HashSet<_> = found.iter().map(Found::id).collect();
        // Whoever writes to a file that has lost its name may not be done yet.
        for index in (0..self.tracked.len()).rev() {
            let tracked = &mut self.tracked[index];
            let is_there = there.contains(&tracked.id());
            if tracked.gave.elapsed() < CLOSE_AFTER {
                continue;
            }
            match is_there {
                true if !self.config.place.is_one_file() => tracked.close(),
                true => {}
                false => self.forget(index, recorder)?,
            }
        }
        Ok(failures.first()?)
    }

    /// Takes a file that was not known under this inode.
    fn adopt(&mut self, found: &Found) -> io::Result<()> {
        let id = found.id();
        if self.ignored.contains(&id) || self.tracked.len() >= FILES_MAX {
            return Ok(());
        }
        // Of an empty file nobody can tell what it is an older part of.
        if found.is_sibling && found.bytes == 0 {
            return Ok(());
        }
        let octets_max = self.config.line_octets_max;
        let is_same_file = |mark: &&Mark| (mark.device, mark.inode) == id;
        let by_inode = self.past.iter().filter(is_same_file);
        // The same content elsewhere: moved to another disk, compressed, copied and truncated.
        let by_head = self.past.iter().filter(|mark| mark.head_octets > 0);
        let live = self.tracked.iter().map(|tracked| &tracked.mark);
        let by_head = by_head.chain(live.filter(|mark| mark.head_octets > 0));
        let marks: Vec<Mark> = by_inode.chain(by_head).cloned().collect();
        for mark in marks {
            if let Some(tracked) = Tracked::open(found, mark.clone(), octets_max)? {
                self.past.retain(|of| *of != mark);
                self.track(tracked, mark.state.as_deref());
                return Ok(());
            }
        }
        let is_of_before = found.is_sibling && found.modified < self.since;
        if is_of_before || (found.is_sibling && !self.was_read_before) {
            self.ignored.insert(id);
            return Ok(());
        }
        let is_passed_over = !self.was_read_before && self.config.start == Start::End;
        let mark = if is_passed_over { at_end(found)? } else { Mark::default() };
        if let Some(tracked) = Tracked::open(found, mark, octets_max)? {
            self.track(tracked, None);
        }
        Ok(())
    }

    fn track(&mut self, mut tracked: Tracked, state: Option<&str>) {
        if !self.config.format.spans_files() {
            let mut own = Lines::new(self.config.format, &self.config.reading);
            state.into_iter().for_each(|state| own.restore(state));
            tracked.own = Some(own);
        }
        self.has_changed = true;
        let file = tracked.path.display();
        tracing::info!(source = self.config.name, %file, offset = tracked.mark.offset, "records are read");
        self.tracked.push(tracked);
    }

    /// A file is gone, and nobody writes to it any more.
    fn forget(&mut self, index: usize, recorder: &mut Recorder) -> Result<(), StepError> {
        let tracked = &mut self.tracked[index];
        if let Some(own) = tracked.own.as_mut().filter(|own| own.is_within_record()) {
            let mut events = Vec::new();
            if let Err(error) = own.end(&mut events) {
                self.counters.malformed_lines.increment();
                self.told.tell(&self.config.name, &tracked.path, tracked.line(), &error);
            }
            self.record(&events, recorder)?;
            self.tracked[index].passed();
        }
        let tracked = self.tracked.remove(index);
        let file = tracked.path.display();
        tracing::info!(source = self.config.name, %file, "records are read to the end");
        self.past.push(tracked.mark);
        let too_many = self.past.len().saturating_sub(PAST_MAX);
        self.past.drain(..too_many);
        self.has_changed = true;
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
        let mut is_within = lines.is_some_and(|lines| {
            lines.set_now(SystemTime::now().into());
            lines.is_within_record()
        });
        let mut take = |line: u64, octets: Result<&[u8], Torn>, own: Option<&mut Lines>| {
            let Some(lines) = own.or(shared.as_mut()) else { return };
            counters.lines.increment();
            let read = match octets {
                Ok(octets) => lines.line(octets, events),
                Err(torn) => Err(too_long(torn)),
            };
            is_within = lines.is_within_record();
            if let Err(error) = read {
                counters.malformed_lines.increment();
                told.tell(name, &path, line, &error);
            }
        };
        let octets = tracked.read(&mut self.buffer, &mut take)?;
        if octets == 0 && tracked.mark.is_over {
            tracked.end(&mut take);
            if let Some(lines) = tracked.own.as_mut().or(shared.as_mut()) {
                if let Err(error) = lines.end(events) {
                    counters.malformed_lines.increment();
                    told.tell(name, &path, tracked.line(), &error);
                }
                is_within = false;
            }
        }
        let events = mem::take(&mut self.events);
        self.record(&events, recorder)?;
        self.events = events;
        self.events.clear();
        // A record that goes on in the next line is read again as a whole.
        if !is_within {
            self.tracked[index].passed();
            self.has_changed = true;
        }
        Ok(octets == 0)
    }

    /// A file was truncated, and is written anew. What was not read of it yet may be in a copy.
    fn restart(&mut self, index: usize) -> io::Result<()> {
        let tracked = self.tracked.remove(index);
        let (path, id) = (tracked.path.clone(), tracked.id());
        // It goes on as before: the names of columns may not be told again.
        let state = tracked.mark.state.clone();
        tracing::info!(source = self.config.name, file = %path.display(), "a file was truncated");
        self.past.push(tracked.mark);
        self.wants_siblings = true;
        let found = self.config.place.list(self.config.place.is_one_file())?;
        // The copies first: their lines are older.
        let (new, copies): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| found.id() == id);
        let mut failures = Failures::default();
        for found in &copies {
            if !self.tracked.iter().any(|tracked| tracked.id() == found.id()) {
                failures.add(self.adopt(found));
            }
        }
        for found in new {
            let mark = Mark { state: state.clone(), ..Mark::default() };
            if let Some(tracked) = Tracked::open(&found, mark, self.config.line_octets_max)? {
                self.track(tracked, state.as_deref());
            }
        }
        failures.first()
    }

    /// Remembers how far it has read, durably, if it is time to.
    fn checkpoint(&mut self, is_last: bool) {
        let is_due = is_last || self.checkpoint_due <= Instant::now();
        // Within an entry of the journal, the parser is ahead of the marks.
        let is_within = self.shared.as_ref().is_some_and(Lines::is_within_record);
        let is_due = is_due && self.has_changed && !is_within;
        let Some(path) = self.config.checkpoint.as_deref().filter(|_| is_due) else {
            return;
        };
        let begun = Instant::now();
        let marks = self.past.iter().chain(self.tracked.iter().map(|tracked| &tracked.mark));
        let state = self.shared.as_ref().and_then(Lines::state);
        let format = self.config.format.name();
        let now: Timestamp = SystemTime::now().into();
        let checkpoint = Checkpoint::new(format, now, marks.cloned().collect(), state);
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
pub(super) fn too_long(Torn { octets_max }: Torn) -> LineError {
    LineError::new(format!("longer than {octets_max} octets"))
}

/// The mark of a file of which only what comes is read.
fn at_end(found: &Found) -> io::Result<Mark> {
    let file = File::open(&found.path)?;
    let head = head(&file, HEAD_OCTETS.min(found.bytes))?;
    Ok(Mark {
        head_octets: head.len() as u64,
        head: digest_of(&head),
        offset: found.bytes,
        ..Mark::default()
    })
}

#[cfg(test)]
mod tests;
