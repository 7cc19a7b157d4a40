//! The event log: appended to by producers, read by consumers, durable in between.
//!
//! A directory of segments, files named by the position of their first octet. One
//! process writes it, which a lock file holds; readers may be in others. In it:
//!
//! | file | what |
//! |---|---|
//! | `00000000000000000000.log` | a segment: records, then zeros |
//! | `spare.tmp` | the next segment, being filled with zeros |
//! | `durable` | how far readers may read |
//! | `NAME.cursor` | how far the consumer NAME has read |
//! | `lock` | held by the process that writes |
//!
//! Events go in through `writer`, come out through `reader`, and a segment goes when
//! every cursor has passed it. Nothing here knows what an event means.

mod commit;
mod counters;
pub mod cursor;
mod direct;
mod disk;
pub mod monitor;
mod published;
pub mod reader;
mod record;
mod recovery;
mod scan;
mod segment;
pub mod writer;

pub use counters::{Counters, RefusalReason};
pub use recovery::Recovery;

use commit::{Committer, Current};
use direct::Direct;
use disk::LogDirectory;
use monitor::Monitor;
use published::{Published, Publisher};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io, thread};
use tokio::sync::{mpsc, watch};
use writer::{Command, Queue, QueueLimits, Writer};

/// A place in the log: octets since its beginning. Positions grow, and no two events
/// that are on disk share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// The beginning of every log.
    pub const START: Self = Self(0);
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where the log is, and how large it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The directory, which is made if it is not there.
    pub directory: PathBuf,
    /// Octets of a segment; rounded up to whole pages.
    pub segment_bytes: u64,
    /// Octets that all segments together may take; at least two segments.
    pub disk_quota_bytes: u64,
    /// What may wait for the disk, in memory.
    pub queue: QueueLimits,
}

impl LogConfig {
    /// Octets of a segment, if nothing else is configured.
    pub const SEGMENT_BYTES: u64 = 64 << 20;
    /// Octets of the whole log, if nothing else is configured.
    pub const DISK_QUOTA_BYTES: u64 = 16 << 30;
    /// Events that may wait for the disk, if nothing else is configured.
    pub const QUEUE_EVENTS_MAX: usize = 65_536;
    /// Octets of events that may wait for the disk, if nothing else is configured.
    pub const QUEUE_OCTETS_MAX: usize = 64 << 20;

    /// The log in `directory`, everything else by default.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            segment_bytes: Self::SEGMENT_BYTES,
            disk_quota_bytes: Self::DISK_QUOTA_BYTES,
            queue: QueueLimits {
                events_max: Self::QUEUE_EVENTS_MAX,
                octets_max: Self::QUEUE_OCTETS_MAX,
            },
        }
    }
}

/// Why a log was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes this log.
    #[error("open event log {}: another process has it open", directory.display())]
    Locked {
        /// The log's directory.
        directory: PathBuf,
    },
    /// The quota leaves no room to write.
    #[error(
        "open event log: a disk quota of {disk_quota_bytes} octets is less than two segments of {segment_bytes}"
    )]
    QuotaTooSmall {
        /// The quota, in octets.
        disk_quota_bytes: u64,
        /// The size of a segment, in octets.
        segment_bytes: u64,
    },
    /// The disk failed.
    #[error("{action} {}: {error}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the disk said.
        error: io::Error,
    },
}

/// Gives a disk's error its place.
fn at<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> OpenError + 'a {
    move |error| OpenError::Io { action, path: path.into(), error }
}

/// The log, open for writing. Dropping it closes it.
#[derive(Debug)]
pub struct EventLog {
    directory: PathBuf,
    writer: Writer,
    /// A place in the queue that nobody can take, so that closing never waits.
    close: Option<mpsc::OwnedPermit<Command>>,
    published: watch::Receiver<Published>,
    disk_quota_bytes: u64,
    thread: Option<thread::JoinHandle<()>>,
    /// Unlocked when it is dropped.
    _lock: File,
}

/// Segments consist of whole pages.
const PAGE_BYTES: u64 = 4096;

impl EventLog {
    /// Opens the log, repairs what a crash left, and starts its thread. What recovery
    /// found is logged, and given as well.
    pub fn open(config: &LogConfig) -> Result<(Self, Recovery), OpenError> {
        let config = checked(config)?;
        let directory = config.directory.as_path();
        fs::create_dir_all(directory).map_err(at("make event log", directory))?;
        let lock = lock(directory)?;
        segment::remove_spare(directory).map_err(at("clean event log", directory))?;
        let recovery = recovery::recover(directory)?;
        if !recovery.is_clean() {
            tracing::warn!(directory = %directory.display(), "{recovery}");
        }
        let (current, now) = last_segment(&config, &recovery)?;
        let publisher =
            Publisher::open(directory, now).map_err(at("publish event log", directory))?;
        let published = publisher.subscribe();
        let queue = Arc::new(Queue::new(config.queue));
        let (commands, receiver) = mpsc::channel(config.queue.events_max.max(1) + 1);
        let close = commands.clone().try_reserve_owned().ok();
        let append_bytes_max = usize::try_from(config.segment_bytes).unwrap_or(usize::MAX);
        let writer = Writer::new(commands, queue.clone(), append_bytes_max);
        let mut disk = LogDirectory::new(config.clone(), publisher);
        disk.remove_passed().map_err(at("clean event log", directory))?;
        disk.make_ahead().map_err(at("make segment in", directory))?;
        let committer =
            Committer::new(disk, queue, config.segment_bytes, Some(current), now.durable);
        let thread = thread::Builder::new()
            .name("event-log".into())
            .spawn(move || committer.run(receiver))
            .map_err(at("start thread of event log", directory))?;
        let (directory, disk_quota_bytes) = (config.directory, config.disk_quota_bytes);
        let thread = Some(thread);
        let log =
            Self { directory, writer, close, published, disk_quota_bytes, thread, _lock: lock };
        Ok((log, recovery))
    }

    /// An end to append to.
    pub fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// An end to read from, which learns of new events at once. It reads from `from` on.
    pub fn reader(&self, from: Position) -> reader::Reader {
        reader::Reader::of_this_process(&self.directory, from, self.published.clone())
    }

    /// What an operator asks about the log.
    pub fn monitor(&self) -> Monitor {
        let published = self.published.clone();
        Monitor::of_this_process(
            &self.directory,
            self.writer.clone(),
            published,
            self.disk_quota_bytes,
        )
    }

    /// Writes what is queued and ends the log's threads, which it waits for. Appends that
    /// come later are refused.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for EventLog {
    fn drop(&mut self) {
        if let Some(close) = self.close.take() {
            close.send(Command::Close);
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("event log thread panicked");
        }
    }
}

fn checked(config: &LogConfig) -> Result<LogConfig, OpenError> {
    let segment_bytes = config.segment_bytes.max(1).next_multiple_of(PAGE_BYTES);
    let disk_quota_bytes = config.disk_quota_bytes;
    if disk_quota_bytes / 2 < segment_bytes {
        return Err(OpenError::QuotaTooSmall { disk_quota_bytes, segment_bytes });
    }
    Ok(LogConfig { segment_bytes, ..config.clone() })
}

fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join("lock");
    let file = File::create(&path).map_err(at("make", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { directory: directory.into() }),
        Err(TryLockError::Error(error)) => Err(at("lock", &path)(error)),
    }
}

/// Opens the segment that appends go on in: the last one, or a first one where there is
/// none or its place is lost.
fn last_segment(
    config: &LogConfig,
    recovery: &Recovery,
) -> Result<(Current<Direct>, Published), OpenError> {
    let directory = config.directory.as_path();
    let (file, base) = match recovery.last_segment {
        Some(base) => {
            let path = segment::path(directory, base);
            let file = File::options().read(true).write(true).open(&path);
            let file = file.and_then(|file| Direct::open(&path, file));
            (file.map_err(at("open segment", &path))?, base)
        }
        None => {
            let file = segment::make_spare(directory, config.segment_bytes)
                .map_err(at("make segment in", directory))?;
            segment::take_spare(directory, recovery.end.0)
                .map_err(at("make segment in", directory))?;
            (file, recovery.end.0)
        }
    };
    let bytes = file.bytes().map_err(at("open event log", directory))?;
    Ok((Current { file, base, bytes }, Published { durable: recovery.end, segment: base }))
}

#[cfg(test)]
mod tests;
