//! Drives a sink: reads the log, puts what is known of its message to each event, gathers
//! batches, and sends them one after the other until each has arrived, or its events are among
//! the dead letters. What is under way is in the ledger, on disk, before it is sent first; so
//! the same batch, with the same id, is sent again after a crash. The log's cursor moves behind
//! that. The next batch is gathered while one is under way, and none beyond it.

mod counters;
mod courier;
mod gather;
mod keeper;
mod known;
mod metrics;
mod pause;
mod prepared;
mod replay;
mod status;
#[cfg(test)]
mod tests;

pub use counters::{Counters, FailedBatch};
pub use keeper::keep_running;
pub use metrics::expose;
pub use status::{Status, status_file};

use crate::{
    event_log::{
        Position,
        cursor::{Cursor, CursorError},
        reader::{ReadError, Reader},
    },
    feeders::sink::Sink,
    stores::{
        ledger::{Ledger, LedgerError},
        sqlite::StoreError,
    },
};
use courier::{Courier, Delivered};
use gather::Gather;
use prepared::Prepared;
use replay::Again;
use std::{
    io,
    path::PathBuf,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;
use tracking::{event::Event, ids::Timestamp, message::MessageRecord};

/// How long to wait after an error that may pass.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often the feeder looks what operators ask of it, tells its state, and moves the cursor.
const TICK: Duration = Duration::from_millis(500);

/// What a feeder reads, and how long it tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeederConfig {
    /// Its name.
    pub name: String,
    /// Where its ledger is.
    pub directory: PathBuf,
    /// Where the store is, in which messages are found.
    pub store_directory: PathBuf,
    /// Which events it brings.
    pub filter: Filter,
    /// For so long after it has happened an event waits for its message to become known.
    pub join_wait: Duration,
    /// Events that happen so many days after their message was received go without what is
    /// known of it.
    pub join_days: u64,
    /// For how long an event is tried, at least.
    pub retry_for: Duration,
    /// The pause after a first failure, and the longest.
    pub pauses: Pauses,
}

/// Pauses between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// After the first failure; twice as long each time.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

/// The name of the cursor of a feeder.
pub fn cursor_name(feeder: &str) -> String {
    format!("{CURSOR_PREFIX}{feeder}")
}

/// What the names of feeders' cursors begin with.
pub const CURSOR_PREFIX: &str = "feeder-";

/// Which events a feeder brings. An empty list stands for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// By the names of their types.
    pub types: Vec<String>,
    /// By the customers whose messages they are.
    pub customers: Vec<String>,
    /// By their subaccounts.
    pub subaccounts: Vec<String>,
}

impl Filter {
    fn covers_type(&self, event: &Event) -> bool {
        let name = event.occurrence.type_name();
        self.types.is_empty() || self.types.iter().any(|wanted| wanted == name)
    }

    /// An event whose message is not known is nobody's.
    fn covers_account(&self, message: Option<&MessageRecord>) -> bool {
        let account = message.map(|message| &message.reception.account);
        let customer = account.map_or("", |account| &account.customer_id);
        let subaccount = account.map_or("", |account| &account.subaccount_id);
        let covers = |wanted: &[String], name: &str| {
            wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)
        };
        covers(&self.customers, customer) && covers(&self.subaccounts, subaccount)
    }
}

/// Why a feeder cannot feed.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The ledger is of another log, or of one that lost its end.
    #[error(
        "feeder \"{feeder}\": its ledger has passed position {passed}, but the event log ends at \
         {durable}: it belongs to another log; bring that log back, or move {} away",
        ledger.display()
    )]
    LedgerAhead {
        /// The feeder.
        feeder: String,
        /// How far the ledger is.
        passed: Position,
        /// Where the log ends.
        durable: Position,
        /// The ledger's file.
        ledger: PathBuf,
    },
    /// The log cannot be read.
    #[error("feed: {0}")]
    Read(#[from] ReadError),
    /// The store cannot be read.
    #[error("feed: {0}")]
    Store(#[from] StoreError),
    /// The ledger refuses.
    #[error("feed: {0}")]
    Ledger(#[from] LedgerError),
    /// The cursor cannot be moved.
    #[error("feed: {0}")]
    Cursor(#[from] CursorError),
    /// The thread cannot wait for events.
    #[error("feed: start runtime: {0}")]
    Runtime(io::Error),
}

impl FeedError {
    fn is_temporary(&self) -> bool {
        match self {
            Self::Read(ReadError::Io { .. }) | Self::Cursor(CursorError::Io { .. }) => true,
            // A store that is not there yet is made, and one that is broken is made anew.
            Self::Ledger(_) | Self::Store(_) => true,
            Self::Read(_) | Self::Cursor(_) | Self::Runtime(_) | Self::LedgerAhead { .. } => false,
        }
    }
}

/// Feeds a sink until `shutdown`. Blocks: give it a thread of its own. What is under way then is
/// waited for a little; the next start goes on with it. Errors that may pass are logged and
/// tried again; others end it.
///
/// `reader` may stand anywhere: it is set to where the sink needs it.
pub fn run<S: Sink>(
    config: FeederConfig,
    mut reader: Reader,
    cursor: Cursor,
    ledger: Ledger,
    sink: S,
    counters: Arc<Counters>,
    shutdown: &CancellationToken,
) -> Result<(), FeedError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(FeedError::Runtime)?;
    let passed = Position(ledger.passed()?).max(cursor.position());
    let durable = reader.durable()?;
    if passed > durable {
        let path = Ledger::file(&config.directory, &config.name);
        let feeder = config.name.clone();
        return Err(FeedError::LedgerAhead { feeder, passed, durable, ledger: path });
    }
    reader.seek(passed);
    counters.cursor.set(passed.0);
    counters.is_running.set(1);
    let (limits, kind) = (sink.limits(), sink.kind());
    let gather = Gather::new(&config, limits, sink.form(), reader, counters.clone());
    let mut feeder = Feeder {
        courier: Courier::new(&config, limits, sink, ledger, counters.clone())?,
        config,
        gather,
        cursor,
        counters,
        passed,
        tick_due: Instant::now(),
        next: None,
        under_way: None,
        again: None,
        again_due: Instant::now(),
        kind,
    };
    let ended = runtime.block_on(feeder.run(shutdown));
    feeder.counters.is_running.set(0);
    feeder.tell();
    // A name that is being looked up is not waited for.
    runtime.shutdown_background();
    ended
}

struct Feeder<S: Sink> {
    config: FeederConfig,
    kind: &'static str,
    gather: Gather<S::Form>,
    courier: Courier<S>,
    cursor: Cursor,
    counters: Arc<Counters>,
    /// Everything in front of it has arrived, or is dead.
    passed: Position,
    tick_due: Instant,
    /// Taken out of what is gathered, and not in the ledger yet.
    next: Option<Prepared>,
    under_way: Option<Prepared>,
    again: Option<Again>,
    /// When it is looked what is to be sent again.
    again_due: Instant,
}

impl<S: Sink> Feeder<S> {
    async fn run(&mut self, shutdown: &CancellationToken) -> Result<(), FeedError> {
        self.courier.greet(shutdown).await;
        let mut is_resumed = false;
        while !shutdown.is_cancelled() {
            let stepped = match is_resumed {
                false => self.resume(),
                true => self.step(shutdown).await,
            };
            is_resumed |= stepped.is_ok();
            let ticked = stepped.and_then(|()| self.tick_if_due());
            self.counters.trouble.set(ticked.as_ref().err().map(ToString::to_string));
            match ticked {
                Ok(()) => {}
                Err(error) if error.is_temporary() => {
                    self.counters.errors.increment();
                    tracing::warn!(feeder = self.config.name, %error, "feeder waits");
                    self.tell();
                    drop(tokio::time::timeout(RETRY_AFTER, shutdown.cancelled()).await);
                }
                Err(error) => return Err(error),
            }
        }
        self.tick()
    }

    /// One thing after the other: what is under way, what operators ask for, the next batch.
    async fn step(&mut self, shutdown: &CancellationToken) -> Result<(), FeedError> {
        let is_paused = self.courier.is_paused()?;
        self.counters.is_paused.set(u64::from(is_paused));
        if is_paused {
            self.gather.look()?;
            drop(tokio::time::timeout(TICK, shutdown.cancelled()).await);
            return Ok(());
        }
        // One batch of it between two of the log, so that neither waits for long.
        let is_again = self.send_again(shutdown).await;
        if let Some(mut prepared) = self.under_way.take() {
            self.counters.set_oldest(prepared.oldest());
            let delivered = self.deliver(&mut prepared, shutdown).await;
            if !matches!(delivered, Ok(Delivered::All)) {
                self.under_way = Some(prepared);
                return delivered.map(|_| ());
            }
            self.passed = self.passed.max(prepared.end);
            // What has arrived is noted at once, lest it is sent again after a crash.
            return self.begin_next();
        }
        if self.next.is_none() {
            self.gather_more(is_again, shutdown).await?;
        }
        self.begin_next()
    }

    /// Begins with the next batch, if there is one.
    fn begin_next(&mut self) -> Result<(), FeedError> {
        // Should the ledger refuse, it stays the next one.
        if self.next.is_none() {
            self.next = self.gather.take(Instant::now());
        }
        match &mut self.next {
            Some(next) if next.is_empty() => {
                self.courier.finish(next.end.0, &next.dead)?;
                self.passed = self.passed.max(next.end);
            }
            Some(next) => self.courier.begin(next)?,
            None => self.courier.finish(self.passed.0, &[])?,
        }
        self.under_way = self.next.take().filter(|next| !next.is_empty());
        Ok(())
    }

    /// Sends a batch; meanwhile the next one of the log is gathered, and the state is told.
    async fn deliver(
        &mut self,
        prepared: &mut Prepared,
        shutdown: &CancellationToken,
    ) -> Result<Delivered, FeedError> {
        self.counters.under_way.set(prepared.batch.items.len() as u64);
        let (gather, tick_due) = (&mut self.gather, &mut self.tick_due);
        let teller = (&self.config, &*self.counters, self.kind);
        let mut delivering = pin!(self.courier.deliver(prepared, shutdown));
        let delivered = loop {
            tokio::select! {
                biased;
                delivered = &mut delivering => break delivered,
                // What is under way goes on; the next step meets the error again.
                gathered = gather.more(), if !gather.is_full() => drop(gathered),
                () = tokio::time::sleep_until((*tick_due).into()) => {
                    *tick_due = Instant::now() + TICK;
                    tell(teller);
                }
            }
        };
        if matches!(delivered, Ok(Delivered::All | Delivered::Later(_))) {
            self.counters.under_way.set(0);
        }
        delivered
    }

    /// Until there is a batch, or something else to do.
    async fn gather_more(
        &mut self,
        is_in_haste: bool,
        shutdown: &CancellationToken,
    ) -> Result<(), FeedError> {
        let now = Instant::now();
        let until = if is_in_haste { now } else { self.tick_due.min(self.again_due).max(now) };
        while !self.gather.is_full() && !self.gather.is_due(Instant::now()) {
            let until = self.gather.due().map_or(until, |due| due.min(until));
            tokio::select! {
                biased;
                gathered = self.gather.more() => gathered?,
                () = tokio::time::sleep_until(until.into()) => break,
                () = shutdown.cancelled() => break,
            }
            if Instant::now() >= until {
                break;
            }
        }
        Ok(())
    }

    /// Makes the batch anew, from the log, that was under way when the feeder ended last.
    fn resume(&mut self) -> Result<(), FeedError> {
        let Some(left) = self.courier.left()? else { return Ok(()) };
        let mut prepared = self.gather.make_anew(&left)?;
        let (events, missing) = (prepared.batch.items.len(), left.places.len());
        tracing::info!(
            feeder = self.config.name,
            batch = %left.id,
            events,
            missing = missing.saturating_sub(events),
            "feeder goes on with the batch that was under way"
        );
        self.courier.resume(left, &mut prepared);
        self.counters.set_oldest(prepared.oldest());
        self.under_way = Some(prepared);
        Ok(())
    }

    fn tick_if_due(&mut self) -> Result<(), FeedError> {
        if self.tick_due > Instant::now() {
            return Ok(());
        }
        self.tick_due = Instant::now() + TICK;
        self.tick()
    }

    fn tick(&mut self) -> Result<(), FeedError> {
        if self.under_way.is_none() && self.next.is_none() {
            self.courier.let_rest();
            self.counters.set_oldest(self.gather.oldest());
            self.passed = self.passed.max(self.gather.nothing_before());
        }
        self.cursor.advance(self.passed)?;
        self.counters.cursor.set(self.passed.0);
        self.tell();
        Ok(())
    }

    fn tell(&self) {
        tell((&self.config, &self.counters, self.kind));
    }
}

/// Tells operators how the feeder is. Without that it goes on.
fn tell((config, counters, kind): (&FeederConfig, &Counters, &str)) {
    if let Err(error) = Status::of(kind, counters).write(config) {
        tracing::debug!(feeder = config.name, %error, "the state of a feeder was not told");
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
