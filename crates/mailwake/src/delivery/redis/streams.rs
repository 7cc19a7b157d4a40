//! The streams of other mailwakes: read as one consumer of a group, and acknowledged when the
//! events are on disk. What a consumer that is gone has left, another one claims.

use super::{Log, MALFORMED_KEPT_MAX, Read, StepError};
use crate::net::redis::{Redis, beside};
use redis::{Pipeline, Value, cmd};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tracking::stream;

/// Entries of a stream that are read at once.
const ENTRIES_MAX: usize = 250;

/// How often it is looked for entries that others have left.
const CLAIM_INTERVAL: Duration = Duration::from_secs(15);

/// Makes the group if it is not there, from the first entry on. A script, for the answer that it
/// is there would be an error. A server without memory does not even look whether it is; where it
/// is not, reading says so.
const MAKE_GROUP: &str = "\
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
local passes = {'BUSYGROUP', 'OOM'}
for i = 1, #passes do
  if made.err and string.find(made.err, passes[i]) then return 1 end
end
if made.err then return made end
return 1
";

/// Keeps an entry that is no event beside its stream, and acknowledges it behind that. A server
/// without memory refuses the copy, unless the script has written something before: there the
/// acknowledgement goes first, and the copy cannot fail any more.
const KEEP: &str = "\
local copy = {KEYS[2], 'MAXLEN', '~', ARGV[3], '*'}
for i = 5, #ARGV do copy[#copy + 1] = ARGV[i] end
local kept = redis.pcall('XADD', unpack(copy))
local is_full = type(kept) == 'table' and kept.err and string.find(kept.err, 'OOM')
if type(kept) == 'table' and kept.err and not is_full then return kept end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if ARGV[4] == '1' then redis.call('XDEL', KEYS[1], ARGV[2]) end
if is_full then redis.call('XADD', unpack(copy)) end
return 1
";

/// Which streams, and who reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamsConfig {
    /// What their names begin with.
    pub prefix: String,
    /// How many there are, as those say who write them.
    pub shards: u16,
    /// The group: each group gets all events.
    pub group: String,
    /// The one of the group: each event goes to one of them.
    pub consumer: String,
    /// After that time without acknowledgement an entry is another's.
    pub claim_after: Duration,
    /// Is an entry removed when it is acknowledged? Not where there are other groups.
    pub removes: bool,
}

/// Reads streams.
pub(super) struct StreamsReader {
    config: StreamsConfig,
    names: Vec<String>,
    redis: Redis,
    log: Log,
    stage: Stage,
    claim_due: Instant,
}

/// What is read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The groups may not be there.
    Start,
    /// What this consumer has been given before, and not acknowledged.
    Pending,
    /// What is new.
    New,
}

/// Entries of one stream, by its index.
type Entries = (usize, Vec<StreamEntry>);

/// An entry of a stream.
struct StreamEntry {
    id: Vec<u8>,
    /// Names and values; none of an entry that was removed while it was pending.
    fields: Vec<Vec<u8>>,
}

impl StreamsReader {
    pub(super) fn new(config: StreamsConfig, redis: Redis, log: Log) -> Self {
        let names = (0..config.shards).map(|shard| stream::name(&config.prefix, shard)).collect();
        let (stage, claim_due) = (Stage::Start, Instant::now() + CLAIM_INTERVAL);
        Self { config, names, redis, log, stage, claim_due }
    }

    async fn make_groups(&mut self) -> Result<(), StepError> {
        let make = |name: &String| {
            let mut make = cmd("EVAL");
            make.arg(MAKE_GROUP).arg(1).arg(name).arg(&self.config.group);
            alone(make)
        };
        let groups = self.names.iter().map(make).collect();
        self.redis.ask(groups).await?;
        Ok(())
    }

    /// Reads all streams: behind `from`, which is what is pending, or `>`, what is new.
    async fn read(&mut self, from: &str) -> Result<Vec<Entries>, StepError> {
        let StreamsConfig { group, consumer, .. } = &self.config;
        let read = |name: &String| {
            let mut read = cmd("XREADGROUP");
            read.arg("GROUP").arg(group).arg(consumer).arg("COUNT").arg(ENTRIES_MAX);
            read.arg("STREAMS").arg(name).arg(from);
            alone(read)
        };
        let groups = self.names.iter().map(read).collect();
        let answers = self.redis.ask(groups).await?;
        let mut all = Vec::new();
        for (index, answer) in answers.into_iter().enumerate() {
            // One stream, with its name and its entries; nothing where there are none.
            let streams = answer.into_iter().flat_map(list);
            let entries = streams.filter_map(|stream| list(stream).into_iter().nth(1));
            all.push((index, entries.flat_map(list).filter_map(StreamEntry::of).collect()));
        }
        Ok(all)
    }

    /// Claims what others have not acknowledged.
    async fn claim(&mut self) -> Result<Vec<Entries>, StepError> {
        let StreamsConfig { group, consumer, claim_after, .. } = &self.config;
        let idle = u64::try_from(claim_after.as_millis()).unwrap_or(u64::MAX);
        let claim = |name: &String| {
            let mut claim = cmd("XAUTOCLAIM");
            claim.arg(name).arg(group).arg(consumer).arg(idle).arg("0-0");
            claim.arg("COUNT").arg(ENTRIES_MAX);
            alone(claim)
        };
        let groups = self.names.iter().map(claim).collect();
        let answers = self.redis.ask(groups).await?;
        let mut all = Vec::new();
        for (index, answer) in answers.into_iter().enumerate() {
            // Where to go on, the entries, and what was removed.
            let claimed = answer.into_iter().filter_map(|answer| list(answer).into_iter().nth(1));
            let claimed: Vec<_> = claimed.flat_map(list).filter_map(StreamEntry::of).collect();
            self.log.counters.claimed.add(claimed.len() as u64);
            all.push((index, claimed));
        }
        Ok(all)
    }

    /// Takes entries to the log, and acknowledges them. Gives how many there were.
    async fn take(&mut self, all: Vec<Entries>) -> Result<usize, StepError> {
        let (mut events, mut groups, mut entries) = (Vec::new(), Vec::new(), 0);
        for (index, ids) in all.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            let name = &self.names[index];
            let kept_in = beside(name, ":malformed");
            let (mut group, mut done) = (Pipeline::new(), Vec::with_capacity(ids.len()));
            entries += ids.len();
            for entry in ids {
                match stream::read(|name| entry.field(name)) {
                    Ok(event) => events.push(event),
                    // It was removed while it was pending.
                    Err(_) if entry.fields.is_empty() => {}
                    Err(error) => {
                        self.log.malformed(&error, &kept_in);
                        self.keep(&entry, name, &kept_in, &mut group);
                        continue;
                    }
                }
                done.push(entry.id);
            }
            if !done.is_empty() {
                group.cmd("XACK").arg(name).arg(&self.config.group).arg(&done);
                if self.config.removes {
                    group.cmd("XDEL").arg(name).arg(&done);
                }
            }
            groups.push(group);
        }
        self.log.take(&events).await?;
        self.redis.ask(groups).await?;
        Ok(entries)
    }

    /// Keeps an entry that is no event.
    fn keep(&self, entry: &StreamEntry, name: &str, kept_in: &str, group: &mut Pipeline) {
        group.cmd("EVAL").arg(KEEP).arg(2).arg(name).arg(kept_in);
        group.arg(&self.config.group).arg(&entry.id).arg(MALFORMED_KEPT_MAX);
        group.arg(u8::from(self.config.removes)).arg(&entry.fields);
    }

    async fn transfer(&mut self) -> Result<usize, StepError> {
        if self.stage == Stage::Start {
            self.make_groups().await?;
            self.stage = Stage::Pending;
        }
        if self.claim_due <= Instant::now() {
            self.claim_due = Instant::now() + CLAIM_INTERVAL;
            let claimed = self.claim().await?;
            self.take(claimed).await?;
        }
        let from = if self.stage == Stage::Pending { "0" } else { ">" };
        let read = self.read(from).await?;
        let entries = self.take(read).await?;
        if self.stage == Stage::Pending {
            if entries == 0 {
                self.stage = Stage::New;
            }
            return Ok(entries.max(1));
        }
        Ok(entries)
    }
}

impl Read for StreamsReader {
    async fn step(&mut self) -> Result<usize, StepError> {
        let step = self.transfer().await;
        if step.is_err() {
            // What was given in an answer that was lost is pending; and a server that has lost
            // its memory has no group any more.
            self.stage = Stage::Start;
        }
        step
    }

    fn shutdown(&self) -> &CancellationToken {
        &self.log.shutdown
    }
}

/// A command whose key has a slot of its own.
fn alone(command: redis::Cmd) -> Pipeline {
    let mut group = Pipeline::with_capacity(1);
    group.add_command(command);
    group
}

impl StreamEntry {
    /// Reads an entry of an answer.
    fn of(value: Value) -> Option<Self> {
        let mut parts = list(value).into_iter();
        let id = octets(parts.next()?)?;
        let fields = parts.next().map(list).unwrap_or_default();
        Some(Self { id, fields: fields.into_iter().filter_map(octets).collect() })
    }

    /// The value of a field.
    fn field(&self, name: &str) -> Option<&[u8]> {
        let mut pairs = self.fields.chunks_exact(2);
        pairs.find(|pair| pair[0] == name.as_bytes()).map(|pair| pair[1].as_slice())
    }
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

fn octets(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(octets) => Some(octets),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}
