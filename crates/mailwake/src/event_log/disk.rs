//! The directory as the log's thread uses it: takes fresh segments from the thread that
//! makes them ahead, keeps the quota, removes segments that all consumers have passed.

use super::commit::{Disk, SegmentFile};
use super::direct::Direct;
use super::published::Publisher;
use super::writer::AppendError;
use super::{LogConfig, Position, cursor, segment};
use std::fs;
use std::path::PathBuf;
use std::{io, thread};

/// The directory of a log that this process has locked.
pub(super) struct LogDirectory {
    config: LogConfig,
    publisher: Publisher,
    ahead: Option<Ahead>,
}

impl LogDirectory {
    pub(super) fn new(config: LogConfig, publisher: Publisher) -> Self {
        Self { config, publisher, ahead: None }
    }

    /// Has a segment made ahead, if the quota leaves room for it and none is being made.
    pub(super) fn make_ahead(&mut self) -> io::Result<()> {
        let segment_bytes = self.config.segment_bytes;
        if self.ahead.is_none() && self.occupied()? + segment_bytes <= self.config.disk_quota_bytes
        {
            self.ahead = Some(Ahead::start(self.config.directory.clone(), segment_bytes)?);
        }
        Ok(())
    }

    /// Removes segments that every cursor has passed; the last one stays, and without
    /// cursors all stay.
    pub(super) fn remove_passed(&self) -> io::Result<()> {
        let directory = &self.config.directory;
        let Some(passed) = cursor::positions(directory)?.into_iter().min() else {
            return Ok(());
        };
        let segments = segment::list(directory)?;
        for pair in segments.windows(2) {
            if pair[1].base > passed.0 {
                break;
            }
            fs::remove_file(segment::path(directory, pair[0].base))?;
        }
        Ok(())
    }

    /// Octets of all segments, without the one that is made ahead.
    fn occupied(&self) -> io::Result<u64> {
        Ok(segment::list(&self.config.directory)?.iter().map(|segment| segment.bytes).sum())
    }

    /// Gives the segment that was made ahead its place in the log. Where that failed,
    /// perhaps long ago, one is made now.
    fn take_or_make(&mut self, base: u64) -> io::Result<Direct> {
        let directory = &self.config.directory;
        let taken = self.ahead.take().map(|ahead| {
            let file = ahead.finish()?;
            segment::take_spare(directory, base)?;
            Ok::<_, io::Error>(file)
        });
        if let Some(Ok(file)) = taken {
            return Ok(file);
        }
        let file = segment::make_spare(directory, self.config.segment_bytes)?;
        segment::take_spare(directory, base)?;
        Ok(file)
    }
}

impl Disk for LogDirectory {
    type Segment = Direct;

    fn fresh(&mut self, base: u64) -> Result<Direct, AppendError> {
        self.remove_passed()?;
        let disk_quota_bytes = self.config.disk_quota_bytes;
        if self.occupied()? + self.config.segment_bytes > disk_quota_bytes {
            return Err(AppendError::QuotaExceeded { disk_quota_bytes });
        }
        let file = self.take_or_make(base)?;
        if let Err(error) = self.make_ahead() {
            tracing::warn!(%error, "event log segment is not made ahead");
        }
        Ok(file)
    }

    fn publish(&mut self, durable: Position, segment: u64) {
        self.publisher.publish(durable, segment);
    }
}

impl SegmentFile for Direct {
    fn commit(&mut self, octets: &[u8], offset: u64) -> io::Result<()> {
        self.write(octets, offset)?;
        self.sync_data()
    }
}

/// A segment that another thread makes.
struct Ahead {
    thread: Option<thread::JoinHandle<io::Result<Direct>>>,
}

impl Ahead {
    fn start(directory: PathBuf, bytes: u64) -> io::Result<Self> {
        let thread = thread::Builder::new()
            .name("log-ahead".into())
            .spawn(move || segment::make_spare(&directory, bytes))?;
        Ok(Self { thread: Some(thread) })
    }

    fn finish(mut self) -> io::Result<Direct> {
        let thread = self.thread.take().expect("only finish and drop take the thread");
        thread.join().unwrap_or_else(|_| Err(io::Error::other("segment maker panicked")))
    }
}

impl Drop for Ahead {
    /// Waits, so that nobody writes to the directory once its lock is gone.
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
