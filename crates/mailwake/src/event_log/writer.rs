//! The end of the event log that producers hold. Events come in, and a future that
//! resolves when they are on disk goes out. Nothing here blocks: encoding is done in the
//! caller's thread, writing in the log's own.

use super::{Position, counters::Counters, record};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::{io, mem};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::oneshot;
use tracking::event::{self, Event};

/// Appends events to the log. Clones append to the same log.
#[derive(Debug, Clone)]
pub struct Writer {
    commands: mpsc::Sender<Command>,
    queue: Arc<Queue>,
    append_bytes_max: usize,
}

/// Events that are appended together, each encoded when it is added.
#[derive(Debug, Default)]
pub struct Batch {
    /// Records, complete but for their commit.
    frames: Vec<u8>,
    events: usize,
}

impl Batch {
    /// A batch that takes so many octets of events before it has to grow.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { frames: Vec::with_capacity(bytes), events: 0 }
    }

    /// Adds an event. One that no record can hold is refused, and the batch is as it was.
    pub fn push(&mut self, event: &Event) -> Result<(), AppendError> {
        record::frame(&mut self.frames, |frames| event::encode_to(event, frames))
            .map_err(|bytes| AppendError::TooLarge { bytes, bytes_max: record::BODY_BYTES_MAX })?;
        self.events += 1;
        Ok(())
    }

    /// How many events it holds.
    pub fn events(&self) -> usize {
        self.events
    }

    /// Octets that they take in the log.
    pub fn bytes(&self) -> usize {
        self.frames.len()
    }
}

/// What the log's thread is told.
#[derive(Debug)]
pub(super) enum Command {
    Append(Request),
    Close,
}

impl Command {
    /// How many events it brings.
    pub(super) fn events(&self) -> usize {
        match self {
            Self::Append(request) => request.events,
            Self::Close => 0,
        }
    }
}

/// Events on their way to the disk.
#[derive(Debug)]
pub(super) struct Request {
    /// Records, complete but for their commit.
    pub(super) frames: Vec<u8>,
    pub(super) events: usize,
    pub(super) done: oneshot::Sender<Result<Position, AppendError>>,
}

/// What waits, and how much may; and what became of it.
#[derive(Debug)]
pub(super) struct Queue {
    events: AtomicUsize,
    /// Of their records.
    octets: AtomicUsize,
    limits: QueueLimits,
    pub(super) counters: Counters,
}

/// How much may wait for the disk, in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Events.
    pub events_max: usize,
    /// Octets of their records. One append may always wait, whatever it has.
    pub octets_max: usize,
}

/// Why events were not appended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The log has the size it may have. It takes events again when consumers have
    /// passed its oldest segment.
    #[error("append to the event log: its disk quota of {disk_quota_bytes} octets is used up")]
    QuotaExceeded {
        /// The quota, in octets.
        disk_quota_bytes: u64,
    },
    /// The file system is full. The log takes events again when there is room.
    #[error("append to the event log: {0}")]
    DiskFull(Arc<io::Error>),
    /// The disk failed. The log tries a fresh segment with each later append.
    #[error("append to the event log: {0}")]
    Io(Arc<io::Error>),
    /// More would wait for the disk than the configuration allows.
    #[error(
        "append to the event log: no more than {} events or {} octets may wait for the disk",
        .0.events_max, .0.octets_max
    )]
    QueueFull(QueueLimits),
    /// The events are larger than a record or a segment can be.
    #[error("append to the event log: {bytes} octets at once, at most {bytes_max} fit")]
    TooLarge {
        /// Octets of the largest record, or of all records.
        bytes: usize,
        /// How many there may be.
        bytes_max: usize,
    },
    /// The log was closed.
    #[error("append to the event log: it is closed")]
    Closed,
}

impl AppendError {
    /// Whether the same append can succeed later.
    pub fn is_temporary(&self) -> bool {
        !matches!(self, Self::TooLarge { .. })
    }
}

impl From<io::Error> for AppendError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull(Arc::new(error))
            }
            _ => Self::Io(Arc::new(error)),
        }
    }
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        let (events, octets) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { events, octets, limits, counters: Counters::default() }
    }

    fn enter(&self, request: &Request) -> Result<(), AppendError> {
        let events = self.events.fetch_add(request.events, Ordering::Relaxed);
        let octets = self.octets.fetch_add(request.frames.len(), Ordering::Relaxed);
        let is_too_many = events + request.events > self.limits.events_max;
        let is_too_large = octets > 0 && octets + request.frames.len() > self.limits.octets_max;
        if is_too_many || is_too_large {
            self.leave(request);
            return Err(self.full());
        }
        Ok(())
    }

    fn full(&self) -> AppendError {
        AppendError::QueueFull(self.limits)
    }

    /// Called for events that were written or refused.
    pub(super) fn leave(&self, request: &Request) {
        self.events.fetch_sub(request.events, Ordering::Relaxed);
        self.octets.fetch_sub(request.frames.len(), Ordering::Relaxed);
    }
}

impl Writer {
    pub(super) fn new(
        commands: mpsc::Sender<Command>,
        queue: Arc<Queue>,
        append_bytes_max: usize,
    ) -> Self {
        Self { commands, queue, append_bytes_max }
    }

    /// Queues events at once; never blocks. They stay together and in order. The future
    /// resolves when they are on disk, or will not be; dropping it does not withdraw
    /// them. With no events it tells whether the log takes any.
    pub fn append(&self, events: &[Event]) -> Appending {
        let mut batch = Batch::default();
        match events.iter().try_for_each(|event| batch.push(event)) {
            Ok(()) => self.append_batch(batch),
            Err(refused) => self.refuse(refused, events.len()),
        }
    }

    /// `append`, of events that are encoded already.
    pub fn append_batch(&self, batch: Batch) -> Appending {
        let (done, receiver) = oneshot::channel();
        let Batch { mut frames, events } = batch;
        // What waits for the disk has a limit, which does not count room that nobody uses.
        if frames.capacity() > 2 * frames.len() {
            frames.shrink_to_fit();
        }
        let outcome = within(frames.len(), self.append_bytes_max).and_then(|()| {
            let request = Request { frames, events, done };
            self.queue.enter(&request)?;
            self.send(request)
        });
        match outcome {
            Ok(()) => Appending(State::Queued(receiver)),
            Err(refused) => self.refuse(refused, events),
        }
    }

    fn refuse(&self, refused: AppendError, events: usize) -> Appending {
        self.queue.counters.refuse(&refused, events);
        Appending(State::Refused(refused))
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.queue.counters
    }

    /// Events that wait for the disk.
    pub(super) fn waiting(&self) -> u64 {
        self.queue.events.load(Ordering::Relaxed) as u64
    }

    /// Octets of their records.
    pub(super) fn waiting_octets(&self) -> u64 {
        self.queue.octets.load(Ordering::Relaxed) as u64
    }

    fn send(&self, request: Request) -> Result<(), AppendError> {
        self.commands.try_send(Command::Append(request)).map_err(|unsent| {
            let (unsent, error) = match unsent {
                // Each command has an event, but for those that only wait for others.
                TrySendError::Full(unsent) => (unsent, self.queue.full()),
                TrySendError::Closed(unsent) => (unsent, AppendError::Closed),
            };
            if let Command::Append(request) = unsent {
                self.queue.leave(&request);
            }
            error
        })
    }
}

fn within(bytes: usize, bytes_max: usize) -> Result<(), AppendError> {
    if bytes > bytes_max { Err(AppendError::TooLarge { bytes, bytes_max }) } else { Ok(()) }
}

/// An append under way. It gives the position after the events: a cursor that stands
/// there has passed them.
#[derive(Debug)]
#[must_use = "the events are on disk only when this has resolved"]
pub struct Appending(State);

#[derive(Debug)]
enum State {
    Queued(oneshot::Receiver<Result<Position, AppendError>>),
    Refused(AppendError),
    Told,
}

impl Future for Appending {
    type Output = Result<Position, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Queued(receiver) = &mut self.0 {
            // A sender that was dropped means that the log's thread has ended.
            return Pin::new(receiver)
                .poll(context)
                .map(|told| told.unwrap_or(Err(AppendError::Closed)));
        }
        match mem::replace(&mut self.0, State::Told) {
            State::Refused(refused) => Poll::Ready(Err(refused)),
            _ => panic!("an append is not polled after it resolved"),
        }
    }
}

#[cfg(test)]
mod tests;
