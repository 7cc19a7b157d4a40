//! The event log as its operator sees it: how large it is, how far it is durable, and
//! whether it takes events. Nothing here reads or appends one.

use super::{
    Position,
    published::{self, Published},
    segment,
    writer::{AppendError, Writer},
};
use crate::telemetry::Exposition;
use std::path::PathBuf;
use tokio::sync::watch;

/// Looks at a log. Clones look at the same one.
#[derive(Debug, Clone)]
pub struct Monitor {
    directory: PathBuf,
    own: Option<Own>,
}

/// What is known of a log that this process writes.
#[derive(Debug, Clone)]
struct Own {
    writer: Writer,
    published: watch::Receiver<Published>,
    disk_quota_bytes: u64,
}

impl Monitor {
    /// Looks at the log in `directory`, which another process may write.
    pub fn of_directory(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), own: None }
    }

    /// Looks at a log of this process.
    pub(super) fn of_this_process(
        directory: impl Into<PathBuf>,
        writer: Writer,
        published: watch::Receiver<Published>,
        disk_quota_bytes: u64,
    ) -> Self {
        let own = Some(Own { writer, published, disk_quota_bytes });
        Self { directory: directory.into(), own }
    }

    /// How far the log is durable; none where another process writes it and does not
    /// tell.
    pub fn durable(&self) -> Option<Position> {
        match &self.own {
            Some(own) => Some(own.published.borrow().durable),
            None => published::read(&self.directory).ok().flatten().map(|now| now.durable),
        }
    }

    /// Asks the log whether it takes events; after a failure, this has it try again. A
    /// log that another process writes is not asked.
    pub async fn probe(&self) -> Result<(), AppendError> {
        match &self.own {
            Some(own) => own.writer.append(&[]).await.map(drop),
            None => Ok(()),
        }
    }

    /// Tells the log's metrics. Reads its directory; what cannot be read is left out.
    pub fn expose(&self, to: &mut Exposition) {
        if let Some(own) = &self.own {
            own.writer.counters().expose(to);
            to.gauge(
                "mailwake_event_log_queue_events",
                "Events that wait for the disk.",
                own.writer.waiting(),
            );
            to.gauge(
                "mailwake_event_log_queue_bytes",
                "Octets in memory of the events that wait for the disk.",
                own.writer.waiting_octets(),
            );
            to.gauge(
                "mailwake_event_log_quota_bytes",
                "Octets that the files of the log may take together.",
                own.disk_quota_bytes,
            );
        }
        if let Ok(segments) = segment::list(&self.directory) {
            to.gauge(
                "mailwake_event_log_segments",
                "Files of the log, without the one that is made ahead.",
                segments.len() as u64,
            );
            to.gauge(
                "mailwake_event_log_bytes",
                "Octets that the files of the log take together.",
                segments.iter().map(|segment| segment.bytes).sum(),
            );
        }
        if let Some(durable) = self.durable() {
            to.gauge(
                "mailwake_event_log_position_bytes",
                "Octets of all events since the beginning of the log: where it ends.",
                durable.0,
            );
        }
    }
}

#[cfg(test)]
mod tests;
