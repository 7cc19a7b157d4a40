//! What the event log counts, in the threads of its producers and in its own.

use super::writer::AppendError;
use crate::telemetry::{Counter, CounterBy, Durations, Exposition, Label};

/// The event log's counters, since it was opened.
#[derive(Debug, Default)]
pub struct Counters {
    /// Events that are on disk.
    pub events: Counter,
    /// Octets of them.
    pub bytes: Counter,
    /// Events that were refused, by reason.
    pub refusals: CounterBy<RefusalReason>,
    /// How long a commit took: one write and one sync.
    pub commits: Durations,
}

impl Counters {
    /// Counts events that were refused.
    pub(super) fn refuse(&self, error: &AppendError, events: usize) {
        self.refusals.of(RefusalReason::of(error)).add(events as u64);
    }

    pub(super) fn expose(&self, to: &mut Exposition) {
        to.counter(
            "mailwake_event_log_events_total",
            "Events that are on disk.",
            self.events.get(),
        );
        to.counter(
            "mailwake_event_log_written_bytes_total",
            "Octets of the events that are on disk.",
            self.bytes.get(),
        );
        to.counter_by(
            "mailwake_event_log_events_refused_total",
            "Events that the log did not take, by reason.",
            &self.refusals,
        );
        to.histogram(
            "mailwake_event_log_commit_seconds",
            "How long a commit took: one write and one sync for all events that waited.",
            &self.commits,
        );
    }
}

/// Why events were refused, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// The disk quota is used up.
    Quota,
    /// The file system is full.
    DiskFull,
    /// The disk failed.
    Io,
    /// Too many events wait for the disk.
    QueueFull,
    /// The events are larger than a record or a segment can be.
    TooLarge,
    /// The log was closed.
    Closed,
}

impl RefusalReason {
    fn of(error: &AppendError) -> Self {
        match error {
            AppendError::QuotaExceeded { .. } => Self::Quota,
            AppendError::DiskFull(_) => Self::DiskFull,
            AppendError::Io(_) => Self::Io,
            AppendError::QueueFull(_) => Self::QueueFull,
            AppendError::TooLarge { .. } => Self::TooLarge,
            AppendError::Closed => Self::Closed,
        }
    }
}

impl Label for RefusalReason {
    const NAME: &'static str = "reason";

    const ALL: &'static [Self] =
        &[Self::Quota, Self::DiskFull, Self::Io, Self::QueueFull, Self::TooLarge, Self::Closed];

    fn name(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::DiskFull => "disk_full",
            Self::Io => "io",
            Self::QueueFull => "queue_full",
            Self::TooLarge => "too_large",
            Self::Closed => "closed",
        }
    }
}
