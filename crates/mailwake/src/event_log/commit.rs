//! The log's own thread: it takes all that is queued, writes it with one write and one
//! `fdatasync`, and answers all of it. There is no timer: what comes in meanwhile is the
//! next commit.

use super::writer::{AppendError, Command, Queue, Request};
use super::{Position, record};
use std::io;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// Commands that are taken from the queue at once.
const COMMANDS_MAX: usize = 4096;

/// Fewer than so many events are worth to wait a moment for others.
const FEW_EVENTS: usize = 8;

/// Octets of one commit, if not a single append is larger. More would only make
/// everybody wait longer.
const COMMIT_BYTES_MAX: usize = 4 << 20;

/// Where commits go to.
pub(super) trait Disk {
    /// An open segment.
    type Segment: SegmentFile;

    /// Makes the segment that begins at `base`, zero-filled and with its name on disk. A
    /// segment with the same name holds nothing that counts and is replaced.
    fn fresh(&mut self, base: u64) -> Result<Self::Segment, AppendError>;

    /// Tells readers that the log is durable up to `durable`, the last part of it in the
    /// segment that begins at `segment`.
    fn publish(&mut self, durable: Position, segment: u64);
}

/// The file of a segment.
pub(super) trait SegmentFile {
    /// Writes at `offset` and returns when that is on disk.
    fn commit(&mut self, octets: &[u8], offset: u64) -> io::Result<()>;
}

/// The segment that is written to.
pub(super) struct Current<S> {
    pub(super) file: S,
    pub(super) base: u64,
    /// Octets that it has room for in all.
    pub(super) bytes: u64,
}

/// Commits what producers queued.
pub(super) struct Committer<D: Disk> {
    disk: D,
    queue: Arc<Queue>,
    segment_bytes: u64,
    /// None after a write or sync failed: what the kernel reports of a later sync of the
    /// same file says nothing about earlier writes, so nothing more goes to that file.
    current: Option<Current<D::Segment>>,
    /// The position after the last commit.
    durable: u64,
    batch: Vec<Request>,
    octets: Vec<u8>,
}

impl<D: Disk> Committer<D> {
    pub(super) fn new(
        disk: D,
        queue: Arc<Queue>,
        segment_bytes: u64,
        current: Option<Current<D::Segment>>,
        durable: Position,
    ) -> Self {
        Self {
            disk,
            queue,
            segment_bytes,
            current,
            durable: durable.0,
            batch: Vec::new(),
            octets: Vec::new(),
        }
    }

    /// Runs until the log is closed and the queue is empty, or nobody is left who could
    /// append.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut taken = Vec::with_capacity(COMMANDS_MAX);
        while commands.blocking_recv_many(&mut taken, COMMANDS_MAX) > 0 {
            if taken.iter().map(Command::events).sum::<usize>() < FEW_EVENTS {
                // Who waits for the processor may be about to append. Where nobody waits, this
                // takes no time; where many do, one sync serves more of them.
                std::thread::yield_now();
                while taken.len() < COMMANDS_MAX
                    && let Ok(command) = commands.try_recv()
                {
                    taken.push(command);
                }
            }
            for command in taken.drain(..) {
                match command {
                    Command::Append(request) => self.take(request),
                    Command::Close => commands.close(),
                }
            }
            self.commit();
        }
    }

    /// Adds a request to the commit that is being gathered; one that does not fit into
    /// it or into the segment goes into the next.
    pub(super) fn take(&mut self, request: Request) {
        let bytes = self.octets.len() + request.frames.len();
        if bytes > COMMIT_BYTES_MAX || bytes as u64 > self.room() {
            self.commit();
        }
        self.octets.extend_from_slice(&request.frames);
        self.batch.push(request);
    }

    /// Octets that fit into the segment, or into a fresh one.
    fn room(&self) -> u64 {
        match &self.current {
            Some(current) => (current.base + current.bytes).saturating_sub(self.durable),
            None => self.segment_bytes,
        }
    }

    /// Writes what was gathered and answers it.
    pub(super) fn commit(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let written = self.write();
        let mut end = self.durable;
        if let (Ok(()), Some(current)) = (&written, &self.current) {
            self.durable += self.octets.len() as u64;
            self.queue.counters.bytes.add(self.octets.len() as u64);
            self.disk.publish(Position(self.durable), current.base);
        }
        self.octets.clear();
        for request in self.batch.drain(..) {
            end += request.frames.len() as u64;
            self.queue.leave(&request);
            match &written {
                Ok(()) => self.queue.counters.events.add(request.events as u64),
                Err(error) => self.queue.counters.refuse(error, request.events),
            }
            let outcome = written.clone().map(|()| Position(end));
            // A producer that stopped waiting has no use for the answer.
            drop(request.done.send(outcome));
        }
    }

    /// Puts the gathered octets on disk. Where the segment is full or fails, a fresh one
    /// that begins at the same position gets them.
    fn write(&mut self) -> Result<(), AppendError> {
        if self.octets.is_empty() {
            return self.reopen();
        }
        let began = Instant::now();
        record::stamp(&mut self.octets, self.durable);
        if self.octets.len() as u64 <= self.room()
            && let Some(current) = &mut self.current
        {
            let Err(error) = current.file.commit(&self.octets, self.durable - current.base) else {
                self.queue.counters.commits.observe(began.elapsed());
                return Ok(());
            };
            tracing::warn!(segment = current.base, %error, "event log segment failed, trying a fresh one");
        }
        self.current = None;
        let mut file = self.disk.fresh(self.durable)?;
        file.commit(&self.octets, 0)?;
        self.queue.counters.commits.observe(began.elapsed());
        self.current = Some(Current { file, base: self.durable, bytes: self.segment_bytes });
        Ok(())
    }

    /// Without events, somebody asks whether the log takes them: after a failure, it does
    /// if there is a fresh segment for the next.
    fn reopen(&mut self) -> Result<(), AppendError> {
        if self.current.is_none() {
            let file = self.disk.fresh(self.durable)?;
            self.current = Some(Current { file, base: self.durable, bytes: self.segment_bytes });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
