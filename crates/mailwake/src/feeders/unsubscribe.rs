//! Tells senders who has unsubscribed: for each `list_unsubscribe` event with the sender's own
//! URL, the form is posted there (RFC 8058 §3.2). Events come in from the log; they are in the
//! outbox, on disk, before the log's cursor moves, and are tried from there until the sender
//! says that it is done, or for as long as the configuration says. A sender may be told more
//! than once, and hardly ever is.

mod client;
mod counters;
mod schedule;
#[cfg(test)]
mod tests;

pub use client::{Client, ClientConfig};
pub use counters::Counters;

use crate::{
    event_log::{
        Position,
        cursor::{Cursor, CursorError},
        reader::{Entry, ReadError, Reader},
    },
    stores::outbox::{Letter, Outbox, OutboxError},
};
use client::PostError;
use std::{
    collections::HashMap,
    io,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::{runtime::Builder, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracking::{
    event::{Event, Occurrence},
    ids::Timestamp,
};

/// The name of the forwarder's cursor.
pub const CURSOR: &str = "unsubscribe";

/// Entries of the log that are read at once.
const BATCH_ENTRIES_MAX: usize = 2_048;

/// Events gather for so long: most are none that anybody is told of.
const GATHER_FOR: Duration = Duration::from_millis(200);

/// How often the cursor moves at most, and what is old is forgotten.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(5);

/// How long to wait after an error that may pass.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// For so long who has unsubscribed again is known, and the sender not told again.
const TOLD_FOR: Duration = Duration::from_secs(30 * 86_400);

/// How senders are told. `Default` gives the defaults named here.
#[derive(Debug, Clone)]
pub struct ForwarderConfig {
    /// For how long it is tried. Default: 3 days.
    pub patience: Duration,
    /// Connections at a time. Default: 32.
    pub connections_max: usize,
    /// Connections to one host at a time. Default: 2.
    pub connections_per_host_max: usize,
}

impl Default for ForwarderConfig {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(3 * 86_400),
            connections_max: 32,
            connections_per_host_max: 2,
        }
    }
}

/// Why no sender is told.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The log cannot be read.
    #[error("forward unsubscriptions: {0}")]
    Read(#[from] ReadError),
    /// The outbox refuses.
    #[error("forward unsubscriptions: {0}")]
    Outbox(#[from] OutboxError),
    /// The cursor cannot be moved.
    #[error("forward unsubscriptions: {0}")]
    Cursor(#[from] CursorError),
    /// The thread cannot wait for events.
    #[error("forward unsubscriptions: start runtime: {0}")]
    Runtime(io::Error),
}

impl ForwardError {
    fn is_temporary(&self) -> bool {
        match self {
            Self::Read(ReadError::Io { .. }) | Self::Cursor(CursorError::Io { .. }) => true,
            Self::Outbox(_) => true,
            Self::Read(_) | Self::Cursor(_) | Self::Runtime(_) => false,
        }
    }
}

/// Tells senders until `shutdown`, and takes what is durable by then into the outbox. Blocks:
/// give it a thread of its own. An error that may pass is logged and tried again.
pub fn run(
    config: ForwarderConfig,
    mut reader: Reader,
    cursor: Cursor,
    outbox: Outbox,
    client: Client,
    counters: Arc<Counters>,
    shutdown: &CancellationToken,
) -> Result<(), ForwardError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(ForwardError::Runtime)?;
    let passed = cursor.position();
    reader.seek(passed);
    counters.is_running.set(1);
    counters.cursor.set(passed.0);
    let mut forwarder = Forwarder {
        config,
        reader,
        cursor,
        outbox,
        client: Arc::new(client),
        counters,
        letters: Vec::new(),
        passed,
        checkpoint_due: Instant::now(),
        under_way: JoinSet::new(),
        hosts: HashMap::new(),
    };
    let ended = runtime.block_on(forwarder.run(shutdown));
    // A name that is being looked up is not waited for.
    runtime.shutdown_background();
    ended
}

/// An attempt that has ended.
type Attempt = (Letter, Result<(), PostError>);

struct Forwarder {
    config: ForwarderConfig,
    reader: Reader,
    cursor: Cursor,
    outbox: Outbox,
    client: Arc<Client>,
    counters: Arc<Counters>,
    /// What was read and is not in the outbox yet.
    letters: Vec<Letter>,
    /// Everything in front of it was read.
    passed: Position,
    checkpoint_due: Instant,
    under_way: JoinSet<Attempt>,
    /// How many of them go to each host.
    hosts: HashMap<String, usize>,
}

impl Forwarder {
    async fn run(&mut self, shutdown: &CancellationToken) -> Result<(), ForwardError> {
        loop {
            let is_shutdown = shutdown.is_cancelled();
            let stepped = self.step(is_shutdown);
            self.counters.trouble.set(stepped.as_ref().err().map(ToString::to_string));
            let pause = match stepped {
                Ok(0) if is_shutdown => return Ok(()),
                Ok(BATCH_ENTRIES_MAX) => continue,
                Ok(0) => None,
                Ok(_) => Some(GATHER_FOR),
                Err(error) if error.is_temporary() && !is_shutdown => {
                    self.counters.retries.increment();
                    tracing::warn!(%error, "nobody is told of unsubscriptions for now, trying again");
                    Some(RETRY_AFTER)
                }
                Err(error) => return Err(error),
            };
            if let Err(error) = self.wait(pause, shutdown).await {
                self.counters.retries.increment();
                tracing::warn!(%error, "what came of an unsubscription is not noted, trying again");
            }
        }
    }

    /// Takes what the log has into the outbox, and begins with what is due. Gives how many
    /// entries the log had.
    fn step(&mut self, is_shutdown: bool) -> Result<usize, ForwardError> {
        // What the outbox has refused goes first: nothing gathers in memory meanwhile.
        let refused = self.letters.len();
        let entries = if refused > 0 { refused } else { self.read()? };
        if !self.letters.is_empty() {
            let new = self.outbox.take(&self.letters)?;
            self.counters.taken.add(new as u64);
            self.letters.clear();
        }
        if is_shutdown || self.checkpoint_due <= Instant::now() {
            self.cursor.advance(self.passed)?;
            self.counters.cursor.set(self.passed.0);
            let now = now();
            self.outbox.forget_told(Timestamp(now.0 - milliseconds(TOLD_FOR)))?;
            self.counters.waiting.set(self.outbox.waiting()?);
            self.checkpoint_due = Instant::now() + CHECKPOINT_INTERVAL;
        }
        if !is_shutdown {
            self.begin()?;
        }
        Ok(entries)
    }

    fn read(&mut self) -> Result<usize, ReadError> {
        let mut entries = 0;
        while entries < BATCH_ENTRIES_MAX
            && let Some(entry) = self.reader.read()?
        {
            entries += 1;
            // Damage is told by the store, which has the same log.
            self.passed = match entry {
                Entry::Event { next, event, .. } => {
                    self.letters.extend(self.letter(&event));
                    next
                }
                Entry::Damage(damage) => damage.next,
            };
        }
        Ok(entries)
    }

    /// What an event gives to tell.
    fn letter(&self, event: &Event) -> Option<Letter> {
        let Occurrence::ListUnsubscribe(unsubscription) = &event.occurrence else { return None };
        let target_url = &unsubscription.target_url;
        if target_url.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("mailto:")) {
            self.counters.by_mail.increment();
            return None;
        }
        (!target_url.is_empty()).then(|| Letter {
            message_id: event.message_id,
            target_url: target_url.clone(),
            host: client::host(target_url),
            // A clock that was ahead then would have it wait.
            since: event.timestamp.min(now()),
            attempts: 0,
        })
    }

    /// Begins with what is due, as far as there is room.
    fn begin(&mut self) -> Result<(), OutboxError> {
        let room = self.config.connections_max.saturating_sub(self.under_way.len());
        if room == 0 {
            return Ok(());
        }
        let of_host_max = self.config.connections_per_host_max;
        let now = now();
        // Hosts that have their share are passed over, and do not take the place of others.
        let passed_over = self.hosts.len() * of_host_max;
        let due = self.outbox.due(now, of_host_max, room + passed_over)?;
        for letter in due {
            let of_host = self.hosts.get(&letter.host).copied().unwrap_or_default();
            if of_host >= of_host_max || self.under_way.len() >= self.config.connections_max {
                continue;
            }
            // Should the process end, it is due again after that time.
            let lease = Timestamp(now.0 + milliseconds(schedule::pause(1, 0)));
            self.outbox.put_off(letter.message_id, lease, letter.attempts, "under way")?;
            self.hosts.insert(letter.host.clone(), of_host + 1);
            let client = self.client.clone();
            self.under_way.spawn(async move {
                let told = client.post(&letter.target_url).await;
                (letter, told)
            });
        }
        Ok(())
    }

    /// Until there is something to do. What has come of an attempt is noted.
    async fn wait(
        &mut self,
        pause: Option<Duration>,
        shutdown: &CancellationToken,
    ) -> Result<(), OutboxError> {
        let due = self.outbox.next_due()?.map_or(i64::MAX, |due| due.0);
        let until_due = Duration::from_millis(due.saturating_sub(now().0).max(0).unsigned_abs());
        let is_full = self.under_way.len() >= self.config.connections_max;
        let has_rest = self.passed > self.cursor.position();
        let until_checkpoint = self.checkpoint_due.saturating_duration_since(Instant::now());
        let ended = tokio::select! {
            () = self.reader.wait(), if pause.is_none() => None,
            () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => None,
            () = tokio::time::sleep(until_due.max(GATHER_FOR)), if !is_full => None,
            () = tokio::time::sleep(until_checkpoint), if has_rest => None,
            Some(ended) = self.under_way.join_next() => ended.ok(),
            () = shutdown.cancelled() => None,
        };
        match ended {
            Some((letter, told)) => self.note(&letter, told),
            None => Ok(()),
        }
    }

    /// Notes what came of an attempt.
    fn note(&mut self, letter: &Letter, told: Result<(), PostError>) -> Result<(), OutboxError> {
        if let Some(of_host) = self.hosts.get_mut(&letter.host) {
            *of_host -= 1;
            if *of_host == 0 {
                self.hosts.remove(&letter.host);
            }
        }
        let (now, message_id) = (now(), letter.message_id);
        let Err(error) = told else {
            self.counters.told.increment();
            return self.outbox.told(message_id, now);
        };
        self.counters.failed.increment();
        let attempts = letter.attempts.saturating_add(1);
        let next = Timestamp(now.0 + milliseconds(schedule::pause(attempts, random())));
        let end = letter.since.0 + milliseconds(self.config.patience);
        if !error.is_permanent() && next.0 <= end {
            tracing::debug!(%message_id, attempts, %error, "sender is not told yet");
            return self.outbox.put_off(message_id, next, attempts, &error.to_string());
        }
        self.counters.given_up.increment();
        tracing::warn!(%message_id, attempts, %error, "an unsubscription could not be told to its sender");
        self.outbox.give_up(message_id, now, &error.to_string())
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

/// Spreads attempts; without randomness they come back together.
fn random() -> u8 {
    let mut octet = [128];
    aws_lc_rs::rand::fill(&mut octet).ok();
    octet[0]
}
