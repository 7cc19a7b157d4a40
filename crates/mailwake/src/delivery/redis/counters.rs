//! What the readers of Redis count.

use crate::telemetry::{Counter, Exposition, Gauge, Trouble};
use std::sync::{Arc, Mutex, PoisonError};

/// The counters of all sources.
#[derive(Debug, Default)]
pub struct Counters {
    sources: Mutex<Vec<Arc<SourceCounters>>>,
}

/// What one source has counted.
#[derive(Debug, Default)]
pub struct SourceCounters {
    /// Its name in the configuration.
    pub name: String,
    /// Events that are on disk.
    pub events: Counter,
    /// Entries that are no event.
    pub malformed: Counter,
    /// Entries that another reader had taken and not acknowledged.
    pub claimed: Counter,
    /// Failures of Redis or the log, after which it was tried again.
    pub failures: Counter,
    /// Entries of the list that wait.
    pub waiting: Gauge,
    /// Why nothing is read now.
    pub trouble: Trouble,
}

impl Counters {
    /// Those of a further source.
    pub fn source(&self, name: &str) -> Arc<SourceCounters> {
        let counters = Arc::new(SourceCounters { name: name.into(), ..SourceCounters::default() });
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(counters.clone());
        counters
    }

    /// Tells the metrics; none where there is no source.
    pub fn expose(&self, to: &mut Exposition) {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.is_empty() {
            return;
        }
        let of = |number: fn(&SourceCounters) -> u64| {
            sources.iter().map(move |source| (source.name.clone(), number(source)))
        };
        to.counter_of(
            "mailwake_redis_source_events_total",
            "Events from Redis that are on disk; after a crash some are recorded again.",
            "source",
            of(|source| source.events.get()),
        );
        to.counter_of(
            "mailwake_redis_source_malformed_total",
            "Entries in Redis that are no event.",
            "source",
            of(|source| source.malformed.get()),
        );
        to.counter_of(
            "mailwake_redis_source_claimed_total",
            "Entries of streams that another reader had taken and not acknowledged.",
            "source",
            of(|source| source.claimed.get()),
        );
        to.counter_of(
            "mailwake_redis_source_failures_total",
            "Failures of Redis or the event log after which it was tried again.",
            "source",
            of(|source| source.failures.get()),
        );
        to.gauge_of(
            "mailwake_redis_source_up",
            "1 while events are read from Redis, 0 while Redis or the event log refuses.",
            "source",
            of(|source| u64::from(source.trouble.get().is_none())),
        );
        to.gauge_of(
            "mailwake_redis_source_waiting",
            "Entries of the list that wait in Redis to be read.",
            "source",
            of(|source| source.waiting.get()),
        );
    }
}
