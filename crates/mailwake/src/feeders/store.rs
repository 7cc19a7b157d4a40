//! Brings events from the log to the store. Reads what is durable, applies it in
//! batches, and moves the log's cursor when the store has it on disk; so the log keeps
//! whatever a crash may take from the store. Why that makes counts exact is told in
//! `stores::sqlite`.

mod counters;

pub use counters::Counters;

use crate::event_log::Position;
use crate::event_log::cursor::{Cursor, CursorError};
use crate::event_log::reader::{self, Entry, ReadError, Reader};
use crate::stores::sqlite::{LogEntry, Store, StoreConfig, StoreError, StoreReader};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{future, io};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// The name of the store's cursor.
pub const CURSOR: &str = "store";

/// Entries that go into one transaction.
const BATCH_ENTRIES_MAX: usize = 2048;

/// After a batch that was not full, events gather for so long: a transaction for each
/// event would cost the machine more than the store's readers gain.
const GATHER_FOR: Duration = Duration::from_millis(50);

/// Octets of the log that are applied before the store is brought to disk.
const CHECKPOINT_BYTES: u64 = 16 << 20;

/// How long applied events wait at most until the store is brought to disk.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(5);

/// How long to wait after an error that may pass.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why the store gets no events any more.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The store was filled from another log, or from one that lost its end.
    #[error(
        "feed store: it has events up to position {applied}, but the event log ends at {durable}: \
         it belongs to another log; bring that log back, or move the store away, or give its \
         counts up with: mailwake rebuild --allow-partial"
    )]
    StoreAhead {
        /// How far the store was filled.
        applied: Position,
        /// Where the log ends.
        durable: Position,
    },
    /// The log does not reach back to its beginning, so a store that is rebuilt from it
    /// would not have everything.
    #[error(
        "rebuild store: the event log begins at position {first}, what was in front of it is only \
         in the store; a rebuilt store would lose that"
    )]
    Partial {
        /// Where the log begins.
        first: Position,
    },
    /// The log cannot be read.
    #[error("feed store: {0}")]
    Read(#[from] ReadError),
    /// The store refuses.
    #[error("feed store: {0}")]
    Store(#[from] StoreError),
    /// The cursor cannot be moved.
    #[error("feed store: {0}")]
    Cursor(#[from] CursorError),
    /// The feeder's thread cannot wait for events.
    #[error("feed store: start runtime: {0}")]
    Runtime(io::Error),
}

impl FeedError {
    fn is_temporary(&self) -> bool {
        match self {
            Self::Read(ReadError::Io { .. }) | Self::Cursor(CursorError::Io { .. }) => true,
            Self::Store(error) => error.is_temporary(),
            _ => false,
        }
    }
}

/// Feeds `store` until `shutdown`, and then what is durable by that time; cancel it after
/// the log was closed, and nothing is left for the next start. Blocks: give it a thread of
/// its own. An error that may pass is logged and tried again; others end it. `counters`
/// tell of both.
///
/// `reader` may stand anywhere: it is set to where the store needs it.
pub fn run(
    reader: Reader,
    cursor: Cursor,
    store: Store,
    counters: Arc<Counters>,
    shutdown: &CancellationToken,
) -> Result<(), FeedError> {
    let runtime = Builder::new_current_thread().enable_time().build();
    let mut feeder = Feeder {
        reader,
        cursor,
        store,
        counters,
        batch: Vec::new(),
        passed: Position::START,
        checkpoint_due: None,
        runtime: runtime.map_err(FeedError::Runtime)?,
    };
    feeder.seek()?;
    loop {
        let is_shutdown = shutdown.is_cancelled();
        let stepped = feeder.step();
        feeder.counters.trouble.set(stepped.as_ref().err().map(ToString::to_string));
        match stepped {
            Ok(0) if is_shutdown => break,
            Ok(BATCH_ENTRIES_MAX) => {}
            Ok(0) => feeder.wait(shutdown),
            Ok(_) => feeder.pause(GATHER_FOR, shutdown),
            Err(error) if error.is_temporary() && !is_shutdown => {
                feeder.counters.retries.increment();
                tracing::warn!(%error, "store gets no events for now, trying again");
                feeder.pause(RETRY_AFTER, shutdown);
            }
            Err(error) => return Err(error),
        }
    }
    feeder.checkpoint()
}

/// What a rebuild brought into the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Events that were applied.
    pub events: u64,
    /// Damaged parts of the log.
    pub damages: u64,
}

/// Makes the store in `store_directory` anew from the log. Refuses while another process
/// writes the store, and when the log does not have all that the store has counted, unless
/// a store without that part will do: `allow_partial`.
pub fn rebuild(
    log_directory: &Path,
    store_directory: &Path,
    config: StoreConfig,
    allow_partial: bool,
) -> Result<Rebuilt, FeedError> {
    let first = reader::first_position(log_directory)?;
    if first > Position::START && !allow_partial {
        return Err(FeedError::Partial { first });
    }
    let mut reader = Reader::open(log_directory, first)?;
    let durable = reader.durable()?;
    let applied =
        Position(StoreReader::open(store_directory).and_then(|old| old.applied()).unwrap_or(0));
    if durable < applied && !allow_partial {
        return Err(FeedError::StoreAhead { applied, durable });
    }
    let mut store = Store::open_anew(store_directory, config)?;
    let mut rebuilt = Rebuilt::default();
    let mut batch = Vec::new();
    loop {
        read_batch(&mut reader, &mut batch)?;
        if batch.is_empty() {
            break;
        }
        let events = events_in(&batch);
        rebuilt.events += events as u64;
        rebuilt.damages += (batch.len() - events) as u64;
        store.apply(&batch)?;
        batch.clear();
    }
    store.checkpoint()?;
    Ok(rebuilt)
}

struct Feeder {
    reader: Reader,
    cursor: Cursor,
    store: Store,
    counters: Arc<Counters>,
    /// What was read and is not applied yet.
    batch: Vec<LogEntry>,
    /// Everything in front of it was given to the store since the start.
    passed: Position,
    /// When what was applied must be on disk; none if it is.
    checkpoint_due: Option<Instant>,
    runtime: Runtime,
}

impl Feeder {
    /// Sets the reader to where the store may miss something.
    fn seek(&mut self) -> Result<(), FeedError> {
        let applied = Position(self.store.applied());
        let durable = self.reader.durable()?;
        if durable < applied {
            return Err(FeedError::StoreAhead { applied, durable });
        }
        if applied < self.cursor.position() {
            // A new store, or an older copy: the log must keep what it needs from here on.
            self.cursor.rewind(applied)?;
        }
        self.passed = self.cursor.position();
        self.counters.cursor.set(self.passed.0);
        self.reader.seek(self.passed);
        Ok(())
    }

    /// Applies one batch and gives how many entries it had. Brings the store to disk when
    /// that is due.
    fn step(&mut self) -> Result<usize, FeedError> {
        // After an error the batch is still there.
        if self.batch.is_empty() {
            read_batch(&mut self.reader, &mut self.batch)?;
        }
        let entries = self.batch.len();
        if let Some(last) = self.batch.last() {
            self.store.apply(&self.batch)?;
            self.passed = Position(last.next());
            let events = events_in(&self.batch);
            self.counters.events.add(events as u64);
            self.counters.damages.add((entries - events) as u64);
            self.batch.clear();
            self.checkpoint_due.get_or_insert_with(|| Instant::now() + CHECKPOINT_INTERVAL);
        }
        let waiting = self.passed.0.saturating_sub(self.cursor.position().0);
        let is_due = self.checkpoint_due.is_some_and(|due| due <= Instant::now());
        if is_due || waiting >= CHECKPOINT_BYTES {
            self.checkpoint()?;
        }
        self.counters.set_records(self.store.records());
        Ok(entries)
    }

    /// Brings the store to disk, and then lets the log go on.
    fn checkpoint(&mut self) -> Result<(), FeedError> {
        if self.store.checkpoint()? {
            // Not to the applied position: a power failure may have taken events that
            // were counted, and those up to here are back, the others not yet.
            self.cursor.advance(self.passed)?;
            self.counters.cursor.set(self.passed.0);
            self.checkpoint_due = None;
        } else {
            self.checkpoint_due = Some(Instant::now() + CHECKPOINT_INTERVAL);
        }
        Ok(self.store.remove_expired(SystemTime::now().into())?)
    }

    /// Until there is something to do.
    fn wait(&mut self, shutdown: &CancellationToken) {
        let due = self.checkpoint_due.map(|due| due.saturating_duration_since(Instant::now()));
        let reader = &mut self.reader;
        self.runtime.block_on(async {
            let until_due = async {
                match due {
                    Some(due) => tokio::time::sleep(due).await,
                    None => future::pending().await,
                }
            };
            tokio::select! {
                () = reader.wait() => {}
                () = shutdown.cancelled() => {}
                () = until_due => {}
            }
        });
    }

    fn pause(&self, duration: Duration, shutdown: &CancellationToken) {
        self.runtime.block_on(async {
            // Whether the time passed or the shutdown came makes no difference here.
            drop(tokio::time::timeout(duration, shutdown.cancelled()).await);
        });
    }
}

fn events_in(batch: &[LogEntry]) -> usize {
    batch.iter().filter(|entry| matches!(entry, LogEntry::Event { .. })).count()
}

/// Adds what is durable to `batch`, up to a limit. Damage is logged here.
fn read_batch(reader: &mut Reader, batch: &mut Vec<LogEntry>) -> Result<(), ReadError> {
    while batch.len() < BATCH_ENTRIES_MAX {
        let Some(entry) = reader.read()? else { break };
        batch.push(match entry {
            Entry::Event { position, next, event } => {
                LogEntry::Event { position: position.0, next: next.0, event }
            }
            Entry::Damage(damage) => {
                tracing::warn!(
                    position = damage.position.0,
                    octets = damage.octets(),
                    "event log: {} passed over",
                    damage.kind.name()
                );
                let (position, next) = (damage.position.0, damage.next.0);
                LogEntry::Damage { position, next, kind: damage.kind.name() }
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
