//! Starts those who read events from Redis.

use super::{Server, spawn};
use crate::{config::Config, delivery::redis, event_log::EventLog};
use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;
use tracing::info;

impl Server {
    /// Starts a thread for each source. Mail and clicks go on, whatever Redis does.
    pub(super) fn start_redis_sources(&mut self, config: &Config) -> Result<()> {
        for source in &config.redis_sources {
            let writer = self.log.as_ref().map(EventLog::writer);
            let writer = writer.context("events from Redis have a log")?;
            let counters = self.vitals.delivery.redis.source(&source.name);
            let (source, shutdown) = (source.clone(), self.producers.clone());
            info!(source = source.name, "events are read from Redis");
            self.delivery.push(spawn("redis", CancellationToken::new(), move || {
                redis::run(source, writer, &counters, &shutdown).context("read events from Redis")
            })?);
        }
        Ok(())
    }
}
