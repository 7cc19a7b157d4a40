//! Events that others have put into Redis: the tracker of the Go reference into its list, other
//! mailwakes into streams. They go to the log, and are taken out of Redis, or acknowledged there,
//! only when they are on disk. What is read again after a crash has the same ids.

mod counters;
mod list;
mod repetitions;
mod streams;

pub use counters::{Counters, SourceCounters};
pub use list::ListConfig;
pub use streams::StreamsConfig;

use crate::{
    event_log::writer::{AppendError, Batch, Writer},
    net::redis::{Redis, RedisConfig, RedisError},
};
use list::ListReader;
use std::{io, sync::Arc, time::Duration};
use streams::StreamsReader;
use tokio::{runtime::Builder, time::sleep};
use tokio_util::sync::CancellationToken;
use tracking::event::Event;

/// How often Redis is asked whether there is something, while there is nothing.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How long is waited after a failure, at first and at most.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What could not be read is kept beside where it was, so many of it: the oldest goes.
const MALFORMED_KEPT_MAX: i64 = 10_000;

/// What is read, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// Its name in the configuration.
    pub name: String,
    /// The servers.
    pub redis: RedisConfig,
    /// What events are made of there.
    pub layout: Layout,
}

/// What events are made of in Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Entries of the Go reference's list.
    List(ListConfig),
    /// Entries of other mailwakes' streams.
    Streams(StreamsConfig),
}

/// Reads until `shutdown`. Blocks: give it a thread of its own. What fails is tried again for
/// ever; the error is that the thread cannot wait.
pub fn run(
    config: SourceConfig,
    writer: Writer,
    counters: &Arc<SourceCounters>,
    shutdown: &CancellationToken,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let redis = Redis::new(config.redis);
    let log = Log { writer, counters: counters.clone(), shutdown: shutdown.clone() };
    runtime.block_on(async {
        match config.layout {
            Layout::List(list) => read(ListReader::new(list, redis, log), counters).await,
            Layout::Streams(streams) => {
                read(StreamsReader::new(streams, redis, log), counters).await;
            }
        }
    });
    // A name that is being looked up is not waited for.
    runtime.shutdown_background();
    Ok(())
}

/// Why a step was not taken to its end.
#[derive(Debug, thiserror::Error)]
enum StepError {
    /// Redis has not done what it should.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// It is time to stop.
    #[error("mailwake stops")]
    Stopped,
}

/// Reads one layout.
trait Read {
    /// Takes what there is to the log, and out of Redis. Gives how many entries there were.
    async fn step(&mut self) -> Result<usize, StepError>;

    /// Whether it is time to stop.
    fn shutdown(&self) -> &CancellationToken;
}

async fn read(mut reader: impl Read, counters: &SourceCounters) {
    let mut pause = PAUSE_MIN;
    loop {
        if reader.shutdown().is_cancelled() {
            return;
        }
        let wait = match reader.step().await {
            Ok(entries) => {
                if counters.trouble.get().is_some() {
                    tracing::info!(source = counters.name, "events are read from Redis again");
                }
                counters.trouble.set(None);
                pause = PAUSE_MIN;
                if entries > 0 { Duration::ZERO } else { POLL_INTERVAL }
            }
            Err(StepError::Stopped) => return,
            Err(StepError::Redis(error)) => {
                counters.failures.increment();
                if counters.trouble.get().is_none() {
                    tracing::warn!(source = counters.name, %error, "events stay in Redis for now");
                }
                let name = &counters.name;
                counters.trouble.set(Some(format!("read events from Redis ({name}): {error}")));
                let wait = pause;
                pause = PAUSE_MAX.min(2 * pause);
                wait
            }
        };
        tokio::select! {
            () = reader.shutdown().cancelled() => return,
            () = sleep(wait) => {}
        }
    }
}

/// The log, as a source sees it.
struct Log {
    writer: Writer,
    counters: Arc<SourceCounters>,
    shutdown: CancellationToken,
}

impl Log {
    /// Has events on disk, in their order, however long that takes. One that no record can hold
    /// is told; entries have limits by which there is none.
    async fn take(&self, events: &[Event]) -> Result<(), StepError> {
        let mut pause = PAUSE_MIN;
        loop {
            let mut batch = Batch::default();
            for event in events {
                if let Err(error) = batch.push(event) {
                    self.malformed(&error, "nothing");
                }
            }
            let taken = batch.events() as u64;
            if taken == 0 {
                return Ok(());
            }
            match self.writer.append_batch(batch).await {
                Ok(_) => {
                    self.counters.events.add(taken);
                    return Ok(());
                }
                Err(AppendError::Closed) => return Err(StepError::Stopped),
                Err(error) => self.refused(&error),
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return Err(StepError::Stopped),
                () = sleep(pause) => {}
            }
            pause = PAUSE_MAX.min(2 * pause);
        }
    }

    /// Tells that the log takes nothing now.
    fn refused(&self, error: &AppendError) {
        let name = &self.counters.name;
        self.counters.failures.increment();
        if self.counters.trouble.get().is_none() {
            tracing::warn!(source = name, %error, "events from Redis wait for the log");
        }
        self.counters.trouble.set(Some(format!("record events from Redis ({name}): {error}")));
    }

    /// Tells an entry that is no event.
    fn malformed(&self, error: &dyn std::fmt::Display, kept_in: &str) {
        self.counters.malformed.increment();
        let name = &self.counters.name;
        tracing::warn!(source = name, %error, kept_in, "an entry in Redis is no event");
    }
}
