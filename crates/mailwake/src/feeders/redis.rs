//! Brings events to Redis: into streams, from which other mailwakes and whoever else read them,
//! or into the list of the Go reference. A batch has arrived when Redis says that it has all of
//! it, and as many of its replicas as the configuration says; sent again, it is in there once.

mod list;
mod streams;
#[cfg(test)]
mod tests;

pub use list::ListConfig;
pub use streams::StreamsConfig;

use super::sink::{Batch, FedEvent, Form, Limits, Receipt, SendError, Sink};
use crate::net::redis::{Failure, Redis, RedisConfig, RedisError};
use redis::{Cmd, Pipeline, Value, cmd, from_redis_value};
use std::{sync::Arc, time::Duration};
use tracking::bounce::Rules;

/// For so long Redis remembers that it has a batch. What is sent again later than that is in
/// there twice, with the same ids.
const SENT_KEPT_FOR: Duration = Duration::from_secs(6 * 3_600);

/// Where events go in Redis, and when they have arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisSinkConfig {
    /// The servers.
    pub redis: RedisConfig,
    /// What events are made of there.
    pub layout: Layout,
    /// How large a batch may become.
    pub limits: Limits,
    /// What makes a batch arrived.
    pub durability: Durability,
}

/// What events are made of in Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Entries of streams.
    Streams(StreamsConfig),
    /// The list and the keys of the Go reference.
    List(ListConfig),
}

/// Who must have a batch before it has arrived, besides the server that took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Durability {
    /// So many of its replicas.
    pub replicas: u32,
    /// Its own disk: Redis 7.2 or Valkey, with `appendonly yes`.
    pub is_on_disk: bool,
}

/// A sink for Redis.
pub struct RedisSink {
    redis: Redis,
    form: RedisForm,
    limits: Limits,
    durability: Durability,
}

/// Writes the bodies of batches, which only `RedisSink` reads.
#[derive(Clone)]
pub enum RedisForm {
    /// For entries of streams.
    Streams(StreamsConfig, Arc<Rules>),
    /// For the list and the keys of the Go reference.
    List(ListConfig),
}

impl RedisSink {
    /// Gets ready; nobody is asked yet.
    pub fn new(config: RedisSinkConfig, rules: Arc<Rules>) -> Self {
        let form = match config.layout {
            Layout::Streams(streams) => RedisForm::Streams(streams, rules),
            Layout::List(list) => RedisForm::List(list),
        };
        let (limits, durability) = (config.limits, config.durability);
        Self { redis: Redis::new(config.redis), form, limits, durability }
    }

    /// Sends groups that each begin with a script which tells how many events it has taken, and
    /// makes sure of them. Gives how many were taken.
    async fn take(&mut self, groups: Vec<Pipeline>) -> Result<u64, RedisError> {
        let answers = self.ask_surely(groups).await?;
        let firsts = answers.into_iter().filter_map(|answer| answer.into_iter().next());
        firsts.map(number).sum()
    }

    /// Sends groups, and waits for those who must have what they write.
    async fn ask_surely(
        &mut self,
        mut groups: Vec<Pipeline>,
    ) -> Result<Vec<Vec<Value>>, RedisError> {
        let config = self.redis.config();
        let sure = self.durability.command(config.timeout);
        // What a connection waits for is all that was written over it: where groups go to one
        // server, in their order, it is asked for once.
        let first = if config.is_cluster { 0 } else { groups.len().saturating_sub(1) };
        for group in &mut groups[first..] {
            sure.iter().for_each(|sure| {
                group.add_command(sure.clone());
            });
        }
        let mut answers = self.redis.ask(groups).await?;
        if sure.is_some() {
            for sure in answers[first..].iter_mut().filter_map(Vec::pop) {
                self.durability.check(sure)?;
            }
        }
        Ok(answers)
    }
}

impl Durability {
    /// What is asked behind a batch.
    fn command(self, timeout: Duration) -> Option<Cmd> {
        // In time before the answer itself is given up.
        let milliseconds = u64::try_from(timeout.as_millis() / 2).unwrap_or(u64::MAX).max(1);
        match self {
            Self { replicas: 0, is_on_disk: false } => None,
            Self { replicas, is_on_disk: false } => {
                Some(cmd("WAIT").arg(replicas).arg(milliseconds).take())
            }
            Self { replicas, is_on_disk: true } => {
                Some(cmd("WAITAOF").arg(1).arg(replicas).arg(milliseconds).take())
            }
        }
    }

    fn check(self, answer: Value) -> Result<(), RedisError> {
        let (disks, replicas) = match answer {
            Value::Array(_) => {
                let (own, others): (u32, u32) = from_redis_value(answer).map_err(no_number)?;
                (own, others)
            }
            other => (0, from_redis_value(other).map_err(no_number)?),
        };
        if replicas < self.replicas {
            let wanted = self.replicas;
            let reason = format!("{replicas} of {wanted} replicas of Redis have the batch yet");
            return Err(RedisError::new(Failure::Away, reason));
        }
        if self.is_on_disk && disks == 0 {
            let reason = "Redis does not have the batch on its disk yet";
            return Err(RedisError::new(Failure::Away, reason));
        }
        Ok(())
    }
}

fn number(value: Value) -> Result<u64, RedisError> {
    from_redis_value(value).map_err(no_number)
}

fn no_number(error: redis::ParsingError) -> RedisError {
    redis::RedisError::from(error).into()
}

impl Form for RedisForm {
    fn append(&mut self, fed: FedEvent<'_>, body: &mut Vec<u8>) -> bool {
        match self {
            Self::Streams(config, rules) => {
                streams::append(config, rules, fed, body);
                true
            }
            Self::List(config) => list::append(config, fed, body),
        }
    }

    /// Whoever reads the stored form of events joins them himself.
    fn needs_messages(&self) -> bool {
        match self {
            Self::Streams(config, _) => config.has_sparkpost,
            Self::List(_) => true,
        }
    }
}

impl Sink for RedisSink {
    type Form = RedisForm;

    fn kind(&self) -> &'static str {
        "redis"
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn form(&self) -> RedisForm {
        self.form.clone()
    }

    async fn send(&mut self, batch: &Batch) -> Result<Receipt, SendError> {
        let sent = match &self.form {
            RedisForm::Streams(config, _) => {
                let groups = streams::groups(config, batch);
                self.take(groups).await
            }
            RedisForm::List(config) => {
                let (keys, entry_count, group) = list::groups(config, batch);
                match self.ask_surely(keys).await {
                    Ok(_) if entry_count == 0 => Ok(batch.items.len() as u64),
                    // Keys are no entries: what is counted is the batch as such.
                    Ok(_) => self.take(vec![group]).await.map(|taken| match taken {
                        0 => 0,
                        _ => batch.items.len() as u64,
                    }),
                    Err(error) => Err(error),
                }
            }
        };
        match sent {
            Ok(taken) => Ok(Receipt {
                status: None,
                duplicates: (batch.items.len() as u64).saturating_sub(taken),
            }),
            Err(error) => Err(to_do(&error, batch.items.len())),
        }
    }
}

/// What a feeder does about a failure.
fn to_do(error: &RedisError, events: usize) -> SendError {
    let reason = error.to_string();
    match error.failure() {
        Failure::Away => SendError::Retry { reason, status: None, after: None },
        Failure::Denied => SendError::Unauthorized { reason, status: None },
        Failure::Refused if events > 1 => SendError::TooLarge { reason, status: None },
        Failure::Refused => SendError::Refused { reason, status: None },
    }
}

/// A piece of a body behind its length, so that the next one is found.
fn push_piece(piece: &[u8], body: &mut Vec<u8>) {
    let octets = u32::try_from(piece.len()).expect("an event is far smaller than 4 GiB");
    body.extend_from_slice(&octets.to_le_bytes());
    body.extend_from_slice(piece);
}

/// The next piece; an empty one where there is none.
fn next_piece<'a>(body: &mut &'a [u8]) -> &'a [u8] {
    let Some((octets, rest)) = body.split_first_chunk::<4>() else { return &[] };
    let end = (u32::from_le_bytes(*octets) as usize).min(rest.len());
    let (piece, rest) = rest.split_at(end);
    *body = rest;
    piece
}
