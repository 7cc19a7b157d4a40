//! The list of the Go reference: its first entries are read, go to the log, and are then taken
//! off the list, if they are its first ones still. No entry is moved anywhere, which a server
//! without memory would refuse. Of several readers each would read all.

use super::{Log, MALFORMED_KEPT_MAX, Read, StepError, repetitions::Repetitions};
use crate::net::redis::{Failure, Redis, RedisError, beside};
use redis::{FromRedisValue, Value, cmd, from_redis_value};
use std::time::Instant;
use tokio_util::sync::CancellationToken;
use tracking::{event::Event, trk_queue};

/// Entries that are read at once.
const ENTRIES_MAX: usize = 500;

/// Takes entries off the list that are its first ones. Those that are not, another reader has
/// taken, as the feeder of the Go reference does while it still runs.
const DONE: &str = "\
for i = 1, #ARGV do
  if redis.call('LINDEX', KEYS[1], 0) == ARGV[i] then
    redis.call('LPOP', KEYS[1])
  end
end
return redis.call('LLEN', KEYS[1])
";

/// The same, and of each a copy is kept before. A server without memory refuses that, unless the
/// script has written something before: there the entry goes first, and the copy cannot fail any
/// more.
const KEEP: &str = "\
for i = 2, #ARGV do
  if redis.call('LINDEX', KEYS[1], 0) == ARGV[i] then
    local kept = redis.pcall('RPUSH', KEYS[2], ARGV[i])
    local is_full = type(kept) == 'table' and kept.err and string.find(kept.err, 'OOM')
    if type(kept) == 'table' and kept.err and not is_full then return kept end
    redis.call('LPOP', KEYS[1])
    if is_full then redis.call('RPUSH', KEYS[2], ARGV[i]) end
  end
end
redis.call('LTRIM', KEYS[2], ARGV[1], -1)
return redis.call('LLEN', KEYS[1])
";

/// Which list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListConfig {
    /// Its name.
    pub queue: String,
}

/// Reads the list.
pub(super) struct ListReader {
    queue: String,
    /// Entries that are no event.
    malformed: String,
    redis: Redis,
    log: Log,
    repetitions: Repetitions,
}

impl ListReader {
    pub(super) fn new(config: ListConfig, redis: Redis, log: Log) -> Self {
        let malformed = beside(&config.queue, ":malformed");
        let repetitions = Repetitions::new(Instant::now());
        Self { queue: config.queue, malformed, redis, log, repetitions }
    }

    async fn transfer(&mut self) -> Result<usize, StepError> {
        let mut range = cmd("LRANGE");
        range.arg(&self.queue).arg(0).arg(ENTRIES_MAX - 1);
        let entries: Vec<Vec<u8>> = read(self.redis.ask_one(range).await?)?;
        if entries.is_empty() {
            self.log.counters.waiting.set(0);
            return Ok(0);
        }
        let (events, malformed) = self.sort(&entries);
        let entries = &entries[..events.len() + malformed];
        let taken = self.take(&events, malformed, entries).await;
        if taken.is_err() {
            // They may be on the list still, and are no repetitions of themselves then.
            entries.iter().for_each(|entry| self.repetitions.take_back(entry));
        }
        taken.map(|()| entries.len())
    }

    /// The first entries that are events, or how many of the first are none. These go by turns:
    /// while no copy can be kept of what is none, nothing behind it goes to the log over and over.
    fn sort(&mut self, entries: &[Vec<u8>]) -> (Vec<Event>, usize) {
        let (now, mut events, mut malformed) = (Instant::now(), Vec::new(), 0);
        for entry in entries {
            match trk_queue::read(entry, self.repetitions.count(entry, now)) {
                Ok(event) if malformed == 0 => events.push(event),
                Err(error) if events.is_empty() => {
                    self.log.malformed(&error, &self.malformed);
                    malformed += 1;
                }
                _ => {
                    self.repetitions.take_back(entry);
                    break;
                }
            }
        }
        (events, malformed)
    }

    /// Takes events to the log, and entries off the list.
    async fn take(
        &mut self,
        events: &[Event],
        malformed: usize,
        entries: &[Vec<u8>],
    ) -> Result<(), StepError> {
        self.log.take(events).await?;
        let mut done = cmd("EVAL");
        match malformed {
            0 => done.arg(DONE).arg(1).arg(&self.queue),
            _ => {
                done.arg(KEEP).arg(2).arg(&self.queue).arg(&self.malformed);
                done.arg(-MALFORMED_KEPT_MAX)
            }
        };
        done.arg(entries);
        let waiting: u64 = read(self.redis.ask_one(done).await?)?;
        self.log.counters.waiting.set(waiting);
        Ok(())
    }
}

impl Read for ListReader {
    async fn step(&mut self) -> Result<usize, StepError> {
        self.transfer().await
    }

    fn shutdown(&self) -> &CancellationToken {
        &self.log.shutdown
    }
}

fn read<T: FromRedisValue>(value: Value) -> Result<T, RedisError> {
    let other = |_| RedisError::new(Failure::Denied, "Redis: another answer than was expected");
    from_redis_value(value).map_err(other)
}
