//! What the readers of records count.

use super::redis;
use crate::telemetry::{Counter, Exposition, Gauge};
use std::sync::{Arc, Mutex, PoisonError};

/// The counters of all readers.
#[derive(Debug, Default)]
pub struct Counters {
    sources: Mutex<Vec<Arc<SourceCounters>>>,
    /// Those of sources in Redis.
    pub redis: redis::Counters,
    /// Events that came by the spool.
    pub spool_events: Counter,
    /// Files of the spool that were damaged.
    pub spool_damages: Counter,
    /// Octets that wait in the spool.
    pub spool_bytes: Gauge,
}

/// What one source has counted.
#[derive(Debug, Default)]
pub struct SourceCounters {
    /// Its name in the configuration.
    pub name: String,
    /// Lines that were read.
    pub lines: Counter,
    /// Events that they gave, and that are on disk.
    pub events: Counter,
    /// Lines that could not be read.
    pub malformed_lines: Counter,
    /// Attempts that failed: to read a file, or to append to the event log.
    pub retries: Counter,
    /// Octets of its files that are not read yet, as they lie on disk.
    pub lag_bytes: Gauge,
    /// Files that it reads.
    pub files: Gauge,
    trouble: Mutex<Option<String>>,
}

impl SourceCounters {
    /// Those of a source.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Why it reads nothing at the moment.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says so.
    pub fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

impl Counters {
    /// Those of a further source.
    pub fn source(&self, name: &str) -> Arc<SourceCounters> {
        let counters = Arc::new(SourceCounters::new(name));
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(counters.clone());
        counters
    }

    /// Why records are not read, a line for each source.
    pub fn troubles(&self) -> Vec<String> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.iter().filter_map(|source| source.trouble()).collect()
    }

    /// Tells the metrics.
    pub fn expose(&self, to: &mut Exposition) {
        self.redis.expose(to);
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |number: fn(&SourceCounters) -> u64| {
            sources.iter().map(move |source| (source.name.clone(), number(source)))
        };
        to.counter_of(
            "mailwake_delivery_lines_total",
            "Lines of records that were read.",
            "source",
            of(|source| source.lines.get()),
        );
        to.counter_of(
            "mailwake_delivery_events_total",
            "Events of records that are on disk; after a crash some are recorded again.",
            "source",
            of(|source| source.events.get()),
        );
        to.counter_of(
            "mailwake_delivery_malformed_lines_total",
            "Lines that are no record, or too long.",
            "source",
            of(|source| source.malformed_lines.get()),
        );
        to.counter_of(
            "mailwake_delivery_retries_total",
            "Failures to read a file, or to append to the event log, after which it was tried again.",
            "source",
            of(|source| source.retries.get()),
        );
        to.gauge_of(
            "mailwake_delivery_lag_bytes",
            "Octets of the files that are not read yet, as they lie on disk.",
            "source",
            of(|source| source.lag_bytes.get()),
        );
        to.gauge_of(
            "mailwake_delivery_files",
            "Files that are read.",
            "source",
            of(|source| source.files.get()),
        );
        to.counter(
            "mailwake_delivery_spool_events_total",
            "Events that came by the spool.",
            self.spool_events.get(),
        );
        to.counter(
            "mailwake_delivery_spool_damages_total",
            "Files of the spool that were damaged.",
            self.spool_damages.get(),
        );
        to.gauge(
            "mailwake_delivery_spool_bytes",
            "Octets that wait in the spool.",
            self.spool_bytes.get(),
        );
    }
}
