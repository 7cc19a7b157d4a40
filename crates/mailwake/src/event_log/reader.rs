//! The end of the event log that consumers hold. Events come out in the order they went
//! in, none before it is on disk. What is damaged is told, and passed over: a consumer
//! sees that something is missing, and where, and goes on.

use super::published::{self, Published};
use super::scan::Scan;
use super::{Position, segment};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};
use tokio::sync::watch;
use tracking::event::{self, Event};

/// How often a reader looks for events that another process writes.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How often the segments are listed to find one that can be opened.
const LISTINGS_MAX: usize = 3;

/// Reads the log from a position on.
#[derive(Debug)]
pub struct Reader {
    directory: PathBuf,
    position: Position,
    source: Source,
    /// What the source last said.
    known: Published,
    open: Option<Open>,
}

/// Who says how far the log is durable.
#[derive(Debug, Clone)]
enum Source {
    /// The log of this process.
    Memory(watch::Receiver<Published>),
    /// The file that another process writes.
    File,
}

/// The segment that is read.
#[derive(Debug)]
struct Open {
    scan: Scan,
    base: u64,
    /// Where the segment ends for readers, and where the next begins; none as long as it
    /// is written to.
    finished: Option<Span>,
    /// The position after the last octet of the file.
    file_end: u64,
}

/// Where records can be read, and where the log goes on.
#[derive(Debug, Clone, Copy)]
struct Span {
    end: u64,
    goes_on: u64,
}

/// What the log holds at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An event.
    Event {
        /// Where it stands.
        position: Position,
        /// Where the next entry stands: a cursor there has passed this one.
        next: Position,
        /// What happened.
        event: Box<Event>,
    },
    /// Something that is no event any more.
    Damage(Damage),
}

/// A part of the log that cannot be read, and was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins.
    pub position: Position,
    /// Where the log goes on.
    pub next: Position,
    /// What is wrong.
    pub kind: DamageKind,
}

/// What is wrong with a part of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// Octets that are no sound record.
    CorruptRecord,
    /// No file holds this part.
    MissingSegment,
    /// A sound record whose event this mailwake cannot read; a later one may.
    UnreadableEvent,
}

impl DamageKind {
    /// The kind's stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::CorruptRecord => "corrupt_record",
            Self::MissingSegment => "missing_segment",
            Self::UnreadableEvent => "unreadable_event",
        }
    }
}

impl Damage {
    /// Octets that cannot be read.
    pub fn octets(&self) -> u64 {
        self.next.0.saturating_sub(self.position.0)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            DamageKind::CorruptRecord => "corrupt record",
            DamageKind::MissingSegment => "missing segment",
            DamageKind::UnreadableEvent => "unreadable event",
        };
        write!(f, "{what} at position {}: {} octets", self.position, self.octets())
    }
}

/// Why the log cannot be read now. Reading again may help; damage is no error.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log was not opened for writing since its machine or its files were changed.
    #[error("read event log {}: nothing says how far it is durable; start mailwake on it once", directory.display())]
    NotPublished {
        /// The log's directory.
        directory: PathBuf,
    },
    /// The disk failed.
    #[error("read event log {}: {error}", directory.display())]
    Io {
        /// The log's directory.
        directory: PathBuf,
        /// What the disk said.
        error: io::Error,
    },
}

/// Where the log in `directory` begins: at the start, or behind the segments that every
/// consumer had passed.
pub fn first_position(directory: &Path) -> Result<Position, ReadError> {
    let io = |error| ReadError::Io { directory: directory.into(), error };
    let segments = segment::list(directory).map_err(io)?;
    Ok(Position(segments.first().map_or(0, |first| first.base)))
}

impl Reader {
    /// Opens the log in `directory`, which another process may write, to read from
    /// `from` on. A log that was never written to has no entries yet.
    pub fn open(directory: &Path, from: Position) -> Result<Self, ReadError> {
        let known = Published { durable: Position::START, segment: 0 };
        let source = Source::File;
        let mut reader =
            Self { directory: directory.into(), position: from, source, known, open: None };
        reader.refresh()?;
        Ok(reader)
    }

    /// A reader of the log that this process writes.
    pub(super) fn of_this_process(
        directory: &Path,
        from: Position,
        published: watch::Receiver<Published>,
    ) -> Self {
        let known = *published.borrow();
        let source = Source::Memory(published);
        Self { directory: directory.into(), position: from, source, known, open: None }
    }

    /// Another reader of the same log, from `from` on.
    pub fn another(&self, from: Position) -> Self {
        let (directory, source) = (self.directory.clone(), self.source.clone());
        Self { directory, position: from, source, known: self.known, open: None }
    }

    /// Goes to another place: `read` gives the entry that stands there next.
    pub fn seek(&mut self, to: Position) {
        self.position = to;
        self.open = None;
    }

    /// Where the next entry stands.
    pub fn position(&self) -> Position {
        self.position
    }

    /// How far the log is durable, as of now.
    pub fn durable(&mut self) -> Result<Position, ReadError> {
        self.refresh()?;
        Ok(self.known.durable)
    }

    /// The next entry; none when all that is durable was read.
    pub fn read(&mut self) -> Result<Option<Entry>, ReadError> {
        if self.position >= self.known.durable {
            self.refresh()?;
        }
        if self.position >= self.known.durable {
            return Ok(None);
        }
        let position = self.position.0;
        let entry = self.entry(position).map_err(|error| self.failed(error))?;
        self.position = match &entry {
            Entry::Event { next, .. } => *next,
            Entry::Damage(damage) => damage.next,
        };
        Ok(Some(entry))
    }

    /// Resolves when there is more to read, or when looking for it fails, which `read`
    /// then tells. Once the log of this process is closed and read, never.
    pub async fn wait(&mut self) {
        let position = self.position;
        match &mut self.source {
            Source::Memory(published) => {
                if published.wait_for(|now| now.durable > position).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            Source::File => {
                while self.refresh().is_ok() && self.known.durable <= position {
                    tokio::time::sleep(POLL_INTERVAL).await;
                }
            }
        }
    }

    fn refresh(&mut self) -> Result<(), ReadError> {
        self.known = match &self.source {
            Source::Memory(published) => *published.borrow(),
            Source::File => self.read_published()?,
        };
        Ok(())
    }

    fn read_published(&self) -> Result<Published, ReadError> {
        let directory = &self.directory;
        let published = published::read(directory).map_err(|error| self.failed(error))?;
        match published {
            Some(published) => Ok(published),
            None if segment::list(directory).is_ok_and(|segments| segments.is_empty()) => {
                Ok(Published { durable: Position::START, segment: 0 })
            }
            None => Err(ReadError::NotPublished { directory: directory.clone() }),
        }
    }

    fn failed(&self, error: io::Error) -> ReadError {
        ReadError::Io { directory: self.directory.clone(), error }
    }

    /// What stands at `position`, which is durable.
    fn entry(&mut self, position: u64) -> io::Result<Entry> {
        let span = self.span(position)?;
        let missing = |next| damage(position, next, DamageKind::MissingSegment);
        let Some(open) = self.open.as_mut().filter(|_| position < span.end) else {
            return Ok(missing(span.goes_on));
        };
        if let Some(record) = open.scan.record(position, span.end)? {
            let next = position + record.bytes() as u64;
            return Ok(match event::decode(record.body) {
                Ok(event) => Entry::Event {
                    position: Position(position),
                    next: Position(next),
                    event: Box::new(event),
                },
                Err(_) => damage(position, next, DamageKind::UnreadableEvent),
            });
        }
        Ok(match open.scan.next_record(position, span.end)? {
            Some(next) => damage(position, next, DamageKind::CorruptRecord),
            // The rest is what was zero-filled for records that a later file should hold.
            None if span.end < span.goes_on => missing(span.goes_on),
            None => damage(position, span.end, DamageKind::CorruptRecord),
        })
    }

    /// Opens the segment with `position`, if there is one, and tells how far it goes.
    fn span(&mut self, position: u64) -> io::Result<Span> {
        let durable = self.known.durable.0;
        if let Some(open) = &self.open {
            if open.base == self.known.segment {
                return Ok(Span { end: open.file_end.min(durable), goes_on: durable });
            }
            if let Some(span) = open.finished.filter(|span| position < span.end) {
                return Ok(span);
            }
        }
        // A segment can be removed between listing and opening it, but not each time.
        for _ in 0..LISTINGS_MAX {
            let segments = segment::list(&self.directory)?;
            let after = segments.partition_point(|segment| segment.base <= position);
            let goes_on = segments.get(after).map_or(durable, |next| next.base.min(durable));
            let Some(segment) = after.checked_sub(1).map(|index| segments[index]) else {
                self.open = None;
                return Ok(Span { end: position, goes_on });
            };
            let span = Span { end: segment.end().min(goes_on), goes_on };
            let scan = match Scan::open(&self.directory, segment.base) {
                // Removed since it was listed: now it is missing.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            let finished = (segment.base != self.known.segment).then_some(span);
            let (base, file_end) = (segment.base, segment.end());
            self.open = Some(Open { scan, base, finished, file_end });
            return Ok(span);
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "a segment is listed that cannot be opened"))
    }
}

fn damage(position: u64, next: u64, kind: DamageKind) -> Entry {
    Entry::Damage(Damage { position: Position(position), next: Position(next), kind })
}

#[cfg(test)]
mod tests;
