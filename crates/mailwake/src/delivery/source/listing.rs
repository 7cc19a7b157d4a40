//! Which files a source has now, and which of them it has read before: under this name or
//! another, moved, copied, or compressed meanwhile.

use super::{
    Recorder, Source, Start,
    failures::{Failures, StepError},
};
use crate::delivery::{
    checkpoint::Mark,
    files::{Content, Found, Head},
    tracked::Tracked,
};
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io, mem,
    os::unix::fs::MetadataExt,
    time::{Duration, Instant, SystemTime},
};
use tracking::delivery::Lines;

/// A file that nobody writes to is closed after this time; one that is no longer there under
/// its name, and was not written to for so long, is over.
const CLOSE_AFTER: Duration = Duration::from_secs(30);

/// Files that are gone, and are known again if they come back compressed or as a copy.
const PAST_MAX: usize = 64;

impl Source<'_> {
    /// Looks which files there are, begins with those that are new, and is done with those that are
    /// gone.
    pub(super) fn list(&mut self, recorder: &mut Recorder) -> Result<(), StepError> {
        let begun = SystemTime::now();
        let ids = self.tracked.iter().enumerate();
        let index_of: HashMap<_, _> = ids.map(|(index, tracked)| (tracked.id(), index)).collect();
        let mut found = self.config.place.list(self.wants_siblings)?;
        let is_rotated = self.config.place.is_one_file() && !self.tracked.is_empty();
        let is_new = |found: &Found| !index_of.contains_key(&found.id());
        if is_rotated && found.iter().any(is_new) && !self.wants_siblings {
            found = self.config.place.list(true)?;
        }
        self.listed = Some(Instant::now());
        // A file may have two names, or be renamed while they are listed.
        let mut there = HashSet::new();
        found.retain(|found| there.insert(found.id()));
        let (mut failures, mut left) = (Failures::default(), Vec::new());
        for found in &found {
            match index_of.get(&found.id()) {
                Some(index) => {
                    let tracked = &mut self.tracked[*index];
                    tracked.path.clone_from(&found.path);
                    (tracked.bytes, tracked.modified) = (found.bytes, found.modified);
                }
                None if self.is_of_before(found) && self.ignored.contains(&found.id()) => {}
                None if self.tracked.len() >= self.files_max => left.push(found.bytes),
                None => failures.add(self.adopt(found)),
            }
        }
        self.tell_left(&left);
        self.was_read_before = true;
        // What was not taken now is looked for again.
        let took_all = failures.is_none() && left.is_empty();
        self.wants_siblings = !took_all;
        if took_all {
            self.all_taken_at = begun;
        }
        if found.is_empty() && !mem::replace(&mut self.has_told_missing, true) {
            tracing::warn!(source = self.config.name, "there is no file to read yet");
        }
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

    /// Tells, once, that files are too many.
    fn tell_left(&mut self, left: &[u64]) {
        self.left_bytes = left.iter().sum();
        let has_told = mem::replace(&mut self.has_told_too_many, !left.is_empty());
        if !left.is_empty() && !has_told {
            tracing::warn!(
                source = self.config.name,
                files = left.len(),
                "files are not read until others are removed: no more than {} are",
                self.files_max
            );
        }
    }

    /// Takes a file that was not known under this inode.
    fn adopt(&mut self, found: &Found) -> io::Result<()> {
        // Of an empty file nobody can tell what it is an older part of.
        if found.is_sibling && found.bytes == 0 {
            return Ok(());
        }
        let file = match File::open(&found.path) {
            Err(_) if self.is_of_before(found) => return Ok(()),
            opened => opened?,
        };
        let data = file.metadata()?;
        if (data.dev(), data.ino()) != found.id() {
            return Err(io::Error::other(format!("{} was replaced", found.path.display())));
        }
        let mut head = Head::of(&file)?;
        if let Some(mark) = self.mark_of(found, &mut head) {
            self.past.retain(|of| *of != mark);
            let state = mark.state.clone();
            let tracked = Tracked::new(found, file, head, mark, &self.config);
            self.track(tracked, state.as_deref());
            return Ok(());
        }
        if self.is_of_before(found) {
            self.ignored.insert(found.id());
            return Ok(());
        }
        let is_passed_over = !self.was_read_before && self.config.start == Start::End;
        let mark = match head.content {
            _ if !is_passed_over => Mark::default(),
            Content::Plain => Mark { offset: found.bytes, ..Mark::default() },
            // Unless it grows: then it was not finished.
            Content::Gzip | Content::Zstd => Mark { over_at: Some(found.bytes), ..Mark::default() },
        };
        self.track(Tracked::new(found, file, head, mark, &self.config), None);
        Ok(())
    }

    /// Is it an older part of the file, which was read before or is not to be read?
    fn is_of_before(&self, found: &Found) -> bool {
        found.is_sibling && (found.modified < self.since || !self.was_read_before)
    }

    /// How far a file was read: as the same file, or else with the same content elsewhere, where it
    /// was moved to another disk, compressed, or copied and truncated.
    fn mark_of(&self, found: &Found, head: &mut Head) -> Option<Mark> {
        let mut begins_so = |mark: &&Mark| {
            mark.head_octets == 0 || head.digest(mark.head_octets) == Some(&*mark.head)
        };
        let is_same_file = |mark: &&Mark| (mark.device, mark.inode) == found.id();
        let by_inode = self.past.iter().filter(is_same_file).find(&mut begins_so);
        let mut elsewhere = self.past.iter().filter(|mark| mark.head_octets > 0);
        let past = by_inode.or_else(|| elsewhere.find(&mut begins_so));
        let mut live = self.tracked.iter();
        let live = || live.find(|tracked| tracked.begins(head)).map(|tracked| &tracked.mark);
        past.or_else(live).cloned()
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
            self.tracked[index].ended();
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

    /// A file was truncated, and is written anew. What was not read of it yet may be in a copy.
    pub(super) fn restart(&mut self, index: usize) -> io::Result<()> {
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
            let file = File::open(&found.path)?;
            let head = Head::of(&file)?;
            let tracked = Tracked::new(&found, file, head, mark, &self.config);
            self.track(tracked, state.as_deref());
        }
        failures.first()
    }
}
