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

/// What the log's thread is told.
#[derive(Debug)]
pub(super) enum Command {
    Append(Request),
    Close,
}

/// Events on their way to the disk.
#[derive(Debug)]
pub(super) struct Request {
    /// Records, complete but for their commit.
    pub(super) frames: Vec<u8>,
    pub(super) events: usize,
    pub(super) done: oneshot::Sender<Result<Position, AppendError>>,
}

/// How many events wait, and how many may; and what became of them.
#[derive(Debug)]
pub(super) struct Queue {
    events: AtomicUsize,
    events_max: usize,
    pub(super) counters: Counters,
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
    /// More events wait for the disk than the configuration allows.
    #[error("append to the event log: {events_max} events wait for the disk already")]
    QueueFull {
        /// How many events may wait.
        events_max: usize,
    },
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
    pub(super) fn new(events_max: usize) -> Self {
        Self { events: AtomicUsize::new(0), events_max, counters: Counters::default() }
    }

    fn enter(&self, events: usize) -> Result<(), AppendError> {
        let waiting = self.events.fetch_add(events, Ordering::Relaxed);
        if waiting + events > self.events_max {
            self.leave(events);
            return Err(self.full());
        }
        Ok(())
    }

    fn full(&self) -> AppendError {
        AppendError::QueueFull { events_max: self.events_max }
    }

    /// Called for events that were written or refused.
    pub(super) fn leave(&self, events: usize) {
        self.events.fetch_sub(events, Ordering::Relaxed);
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
        let (done, receiver) = oneshot::channel();
        let outcome = self.frames(events).and_then(|frames| {
            self.queue.enter(events.len())?;
            self.send(Request { frames, events: events.len(), done })
        });
        Appending(match outcome {
            Ok(()) => State::Queued(receiver),
            Err(refused) => {
                self.queue.counters.refuse(&refused, events.len());
                State::Refused(refused)
            }
        })
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.queue.counters
    }

    /// Events that wait for the disk.
    pub(super) fn waiting(&self) -> u64 {
        self.queue.events.load(Ordering::Relaxed) as u64
    }

    fn frames(&self, events: &[Event]) -> Result<Vec<u8>, AppendError> {
        let mut frames = Vec::new();
        for event in events {
            let body = event::encode(event);
            within(body.len(), record::BODY_BYTES_MAX)?;
            record::frame(&body, &mut frames);
        }
        within(frames.len(), self.append_bytes_max)?;
        Ok(frames)
    }

    fn send(&self, request: Request) -> Result<(), AppendError> {
        let events = request.events;
        self.commands.try_send(Command::Append(request)).map_err(|unsent| {
            self.queue.leave(events);
            match unsent {
                // Each command has an event, but for those that only wait for others.
                TrySendError::Full(_) => self.queue.full(),
                TrySendError::Closed(_) => AppendError::Closed,
            }
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
