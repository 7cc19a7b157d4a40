//! Redis and Valkey, both ways, with real servers. Without the programs nothing is run, which is
//! said.

mod nodes;
mod servers;
mod sink;
mod source;

use crate::support::{PATIENCE, wait_for};
use mailwake::{
    delivery::redis::{Counters, Layout as SourceLayout, SourceConfig, SourceCounters, run},
    event_log::{EventLog, LogConfig, Position, reader::Entry},
    feeders::{
        redis::{Durability, Layout, ListConfig, RedisSink, RedisSinkConfig, StreamsConfig},
        sink::{Batch, FedEvent, Form, Item, Limits, Receipt, SendError, Sink},
    },
    net::redis::RedisConfig,
};
use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tracking::{
    bounce::Rules,
    event::{Event, Occurrence, Visit},
    ids::{EventId, MessageId, Timestamp},
    message::MessageRecord,
};

const AT: i64 = 1_795_233_600_000;

/// An open, each of another message.
fn open(number: u32) -> Event {
    let timestamp = Timestamp(AT + i64::from(number));
    let [a, b, c, d] = number.to_be_bytes();
    Event {
        event_id: EventId::new(timestamp, [a, b, c, d, 0, 0, 0, 0, 0, 7]),
        timestamp,
        message_id: MessageId::new(Timestamp(AT), [0, a, b, c, d]),
        occurrence: Occurrence::Open(Visit::default()),
        is_from_elsewhere: false,
    }
}

fn limits() -> Limits {
    let age_max = Duration::from_millis(100);
    Limits { events_max: 1_000, octets_max: 1 << 20, age_max, event_age_max: None }
}

fn streams(shards: u16) -> Layout {
    let prefix = "trk:".to_owned();
    Layout::Streams(StreamsConfig { prefix, shards, entries_max: None, has_sparkpost: false })
}

fn list() -> Layout {
    Layout::List(ListConfig { queue: "trk_queue".into(), message_kept_for: None })
}

/// A sink, and the runtime that its connection lives in.
struct Sending {
    sink: RedisSink,
    runtime: Runtime,
}

impl Sending {
    fn new(redis: RedisConfig, layout: Layout) -> Self {
        Self::surely(redis, layout, Durability::default())
    }

    fn surely(redis: RedisConfig, layout: Layout, durability: Durability) -> Self {
        let config = RedisSinkConfig { redis, layout, limits: limits(), durability };
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { sink: RedisSink::new(config, Arc::new(Rules::default())), runtime }
    }

    /// A batch of events, with an id of its own.
    fn batch(&self, number: usize, events: &[Event]) -> Batch {
        self.batch_of(number, events, None)
    }

    /// The same, of a message.
    fn batch_of(&self, number: usize, events: &[Event], message: Option<&MessageRecord>) -> Batch {
        let mut form = self.sink.form();
        let id = uuid::Uuid::from_u128(number as u128);
        let mut batch = Batch { id, attempts: 0, items: Vec::new(), body: Vec::new() };
        for event in events {
            let start = batch.body.len();
            assert!(form.append(FedEvent { event, message }, &mut batch.body), "{event:?}");
            let (event_id, message_id) = (event.event_id, event.message_id);
            batch.items.push(Item { event_id, message_id, range: start..batch.body.len() });
        }
        batch
    }

    /// Sends a batch once.
    fn send(&mut self, batch: &Batch) -> Result<Receipt, SendError> {
        self.runtime.block_on(self.sink.send(batch))
    }

    /// Sends a batch until it has arrived.
    fn send_until_arrived(&mut self, batch: &Batch) -> Receipt {
        wait_for("a receipt", 2 * PATIENCE, || match self.send(batch) {
            Ok(receipt) => Some(receipt),
            Err(SendError::Retry { .. }) => None,
            Err(error) => panic!("{error:?}"),
        })
    }
}

/// A source that reads into a log of its own.
struct Reading {
    /// Removed last.
    _directory: TempDir,
    log: EventLog,
    counters: Arc<Counters>,
    told: Option<Arc<SourceCounters>>,
    source: SourceConfig,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Reading {
    fn start(redis: RedisConfig, layout: SourceLayout) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (log, _) = EventLog::open(&LogConfig::new(directory.path())).expect("a log");
        let source = SourceConfig { name: "test".into(), redis, layout };
        let counters = Arc::default();
        let mut reading =
            Self { _directory: directory, log, counters, told: None, source, running: None };
        reading.start_again();
        reading
    }

    fn start_again(&mut self) {
        let (config, writer, shutdown) =
            (self.source.clone(), self.log.writer(), CancellationToken::new());
        let (counters, stop) = (self.counters.source("test"), shutdown.clone());
        self.told = Some(counters.clone());
        let thread = thread::spawn(move || {
            run(config, writer, &counters, &stop).expect("a thread that can wait");
        });
        self.running = Some((shutdown, thread));
    }

    fn stop(&mut self) {
        if let Some((shutdown, thread)) = self.running.take() {
            shutdown.cancel();
            thread.join().expect("a source that ends");
        }
    }

    /// Every event that is on disk.
    fn events(&self) -> Vec<Event> {
        let mut reader = self.log.reader(Position::START);
        let mut events = Vec::new();
        while let Some(entry) = reader.read().expect("a log that can be read") {
            match entry {
                Entry::Event { event, .. } => events.push(*event),
                Entry::Damage(damage) => panic!("{damage}"),
            }
        }
        events
    }

    /// Waits until so many are.
    fn wait_for(&self, events: usize) -> Vec<Event> {
        let what = format!("{events} events");
        wait_for(&what, PATIENCE, || {
            let read = self.events();
            (read.len() >= events).then_some(read)
        })
    }
}

impl Reading {
    /// Waits until it tells such a trouble.
    fn wait_for_trouble(&self, words: &str) {
        wait_for(words, PATIENCE, || {
            let told = self.told.as_ref().and_then(|told| told.trouble.get());
            told.filter(|trouble| trouble.contains(words))
        });
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some((shutdown, _)) = &self.running {
            shutdown.cancel();
        }
    }
}

fn stream_source(shards: u16, consumer: &str) -> SourceLayout {
    SourceLayout::Streams(mailwake::delivery::redis::StreamsConfig {
        prefix: "trk:".into(),
        shards,
        group: "central".into(),
        consumer: consumer.into(),
        claim_after: Duration::from_millis(1),
        removes: false,
    })
}

fn list_source() -> SourceLayout {
    SourceLayout::List(mailwake::delivery::redis::ListConfig { queue: "trk_queue".into() })
}
