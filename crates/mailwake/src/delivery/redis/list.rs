//! The list of the Go reference: its first entries are read, go to the log, and are then taken
//! off the list, if they are its first ones still. No entry is moved anywhere, which a server
//! without memory would refuse. Of several readers each would read all.

use super::{Log, MALFORMED_KEPT_MAX, Read, StepError, repetitions::Repetitions};
use crate::net::redis::{Failure, Redis, RedisError, beside};
use redis::{FromRedisValue, Pipeline, Value, cmd, from_redis_value};
use std::time::Instant;
use tokio_util::sync::CancellationToken;
use tracking::trk_queue;

/// Entries that are read at once.
const ENTRIES_MAX: usize = 500;

/// Takes entries off the list that are its first ones. Those that are not, another reader has
/// taken, as the feeder of the Go reference does while it still runs.
const DONE: &str = "\
local first = redis.call('LINDEX', KEYS[1], 0)
for i = 1, #ARGV do
  if first == ARGV[i] then
    redis.call('LPOP', KEYS[1])
    first = redis.call('LINDEX', KEYS[1], 0)
  end
end
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
        let (now, mut events, mut malformed) = (Instant::now(), Vec::new(), Vec::new());
        for entry in &entries {
            match trk_queue::read(entry, self.repetitions.count(entry, now)) {
                Ok(event) => events.push(event),
                Err(error) => {
                    self.log.malformed(&error, &self.malformed);
                    malformed.push(entry);
                }
            }
        }
        self.log.take(&events).await?;
        let mut group = Pipeline::new();
        if !malformed.is_empty() {
            group.cmd("RPUSH").arg(&self.malformed).arg(malformed);
            group.cmd("LTRIM").arg(&self.malformed).arg(-MALFORMED_KEPT_MAX).arg(-1);
        }
        group.cmd("EVAL").arg(DONE).arg(1).arg(&self.queue).arg(&entries);
        let answers = self.redis.ask(vec![group]).await?.into_iter().flatten();
        let waiting: u64 = read(answers.last().unwrap_or(Value::Nil))?;
        self.log.counters.waiting.set(waiting);
        Ok(entries.len())
    }
}

impl Read for ListReader {
    async fn step(&mut self) -> Result<usize, StepError> {
        let step = self.transfer().await;
        if step.is_err() {
            // What was counted may be on the list still, and is no repetition then.
            self.repetitions.forget();
        }
        step
    }

    fn shutdown(&self) -> &CancellationToken {
        &self.log.shutdown
    }
}

fn read<T: FromRedisValue>(value: Value) -> Result<T, RedisError> {
    let other = |_| RedisError::new(Failure::Denied, "Redis: another answer than was expected");
    from_redis_value(value).map_err(other)
}
