//! Events come in, and are on disk when `record` returns: in the log, or in the spool of the
//! process that writes it. A log that refuses is waited for.

use super::{
    counters::SourceCounters,
    spool::{Spool, SpoolError},
};
use crate::event_log::writer::{AppendError, Appending, Writer};
use std::{io, time::Duration};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tracking::event::Event;

/// Events that are appended together: fewer than any queue takes.
pub(super) const APPEND_EVENTS: usize = 500;

/// How long is waited after a refusal, at first and at most.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// It was told to stop before the events were on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped before everything was recorded")]
pub struct Stopped;

/// Where events are recorded.
#[derive(Debug)]
pub struct Recorder {
    end: End,
    runtime: Runtime,
    shutdown: CancellationToken,
}

#[derive(Debug)]
enum End {
    Log(Writer),
    Spool(Spool),
}

impl Recorder {
    /// Records in the log.
    pub fn of_log(writer: Writer, shutdown: CancellationToken) -> io::Result<Self> {
        Self::new(End::Log(writer), shutdown)
    }

    /// Records in the spool.
    pub fn of_spool(spool: Spool, shutdown: CancellationToken) -> io::Result<Self> {
        Self::new(End::Spool(spool), shutdown)
    }

    fn new(end: End, shutdown: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        Ok(Self { end, runtime, shutdown })
    }

    /// Records events. What the log refuses for now is offered again until it is taken, or
    /// `shutdown`; an event that no log takes is counted as a malformed line, and told.
    pub fn record(&mut self, events: &[Event], counters: &SourceCounters) -> Result<(), Stopped> {
        let mut pause = PAUSE_MIN;
        let mut rest: Vec<&[Event]> = events.chunks(APPEND_EVENTS).collect();
        loop {
            let outcomes = match &mut self.end {
                End::Log(writer) => self.runtime.block_on(append(writer, &rest)),
                End::Spool(spool) => spool_all(spool, &rest),
            };
            let (again, refused) = left(rest, outcomes, counters);
            rest = again;
            if rest.is_empty() {
                counters.set_trouble(None);
                return Ok(());
            }
            if let Some(told) = refused {
                counters.retries.increment();
                if counters.trouble().is_none() {
                    tracing::warn!(source = counters.name, "records wait: {told}");
                }
                counters.set_trouble(Some(format!("records of {} wait: {told}", counters.name)));
                if !self.pause(pause) {
                    return Err(Stopped);
                }
                pause = PAUSE_MAX.min(2 * pause);
            }
        }
    }

    /// Waits so long. False where it was told to stop meanwhile.
    pub fn pause(&self, pause: Duration) -> bool {
        let shutdown = self.shutdown.cancelled();
        self.runtime.block_on(async { tokio::time::timeout(pause, shutdown).await.is_err() })
    }

    /// Was it told to stop?
    pub fn is_stopped(&self) -> bool {
        self.shutdown.is_cancelled()
    }
}

/// Records events in the log, as far as it takes them now: what it refused, in words. An event
/// that no log takes is counted as a malformed line, and told.
pub(super) async fn record_now(
    writer: &Writer,
    events: &[Event],
    counters: &SourceCounters,
) -> Result<(), String> {
    let mut rest: Vec<&[Event]> = events.chunks(APPEND_EVENTS).collect();
    while !rest.is_empty() {
        let outcomes = append(writer, &rest).await;
        let (again, refused) = left(rest, outcomes, counters);
        refused.map_or(Ok(()), Err)?;
        rest = again;
    }
    Ok(())
}

enum Refused {
    /// What no append takes.
    TooLarge(String),
    ForNow(String),
}

/// What is to be offered again, and why the log takes nothing for now, if so.
fn left<'e>(
    parts: Vec<&'e [Event]>,
    outcomes: Vec<Result<(), Refused>>,
    counters: &SourceCounters,
) -> (Vec<&'e [Event]>, Option<String>) {
    let (mut again, mut refused) = (Vec::new(), None);
    for (part, outcome) in parts.into_iter().zip(outcomes) {
        match outcome {
            Ok(()) => counters.events.add(part.len() as u64),
            Err(Refused::TooLarge(told)) => again.extend(halves(part, &told, counters)),
            Err(Refused::ForNow(told)) => {
                refused = Some(told);
                again.push(part);
            }
        }
    }
    (again, refused)
}

async fn append(writer: &Writer, parts: &[&[Event]]) -> Vec<Result<(), Refused>> {
    // All of them wait for the same commit.
    let under_way: Vec<Appending> = parts.iter().map(|part| writer.append(part)).collect();
    let outcome = |error: AppendError| match error.is_temporary() {
        true => Refused::ForNow(error.to_string()),
        false => Refused::TooLarge(error.to_string()),
    };
    let mut outcomes = Vec::with_capacity(under_way.len());
    for appending in under_way {
        outcomes.push(appending.await.map(drop).map_err(outcome));
    }
    outcomes
}

fn spool_all(spool: &mut Spool, parts: &[&[Event]]) -> Vec<Result<(), Refused>> {
    let written: Vec<_> = parts.iter().map(|part| spool.write(part)).collect();
    let sealed = spool.seal();
    let outcome = |written: Result<(), SpoolError>| match (written, &sealed) {
        (Ok(()), Ok(())) => Ok(()),
        (Err(error @ SpoolError::TooLarge { .. }), _) => Err(Refused::TooLarge(error.to_string())),
        (Err(error), _) => Err(Refused::ForNow(error.to_string())),
        (Ok(()), Err(error)) => Err(Refused::ForNow(error.to_string())),
    };
    written.into_iter().map(outcome).collect()
}

/// A part that is too large, as two; one event alone is left out.
fn halves<'e>(part: &'e [Event], told: &str, counters: &SourceCounters) -> Vec<&'e [Event]> {
    if let [event] = part {
        counters.malformed_lines.increment();
        tracing::warn!(source = counters.name, event_id = %event.event_id, "a record is lost: {told}");
        return Vec::new();
    }
    let (first, second) = part.split_at(part.len() / 2);
    vec![first, second]
}

#[cfg(test)]
mod tests;
