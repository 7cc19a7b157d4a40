//! What the feeder of the store counts, and what keeps it from feeding now.

use super::Position;
use crate::stores::sqlite::RecordCounts;
use crate::telemetry::{Counter, Exposition, Gauge, Trouble};

/// The feeder's counters, since it started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Events that were applied to the store.
    pub events: Counter,
    /// Damaged parts of the log that were passed over.
    pub damages: Counter,
    /// Errors that may pass, after which it was tried again.
    pub retries: Counter,
    /// Records of MTAs, and events from Redis, that were counted before.
    pub duplicates: Counter,
    /// Records of mail that has not passed the gateway.
    pub foreign: Counter,
    /// Records that wait for their message.
    pub parked: Gauge,
    /// Where the log's cursor stands: what the store has on disk.
    pub cursor: Gauge,
    /// Why the store gets no events now.
    pub trouble: Trouble,
}

impl Counters {
    /// Takes what the store counts of records since it was opened.
    pub(super) fn set_records(&self, records: RecordCounts) {
        self.duplicates.add(records.duplicates.saturating_sub(self.duplicates.get()));
        self.foreign.add(records.foreign.saturating_sub(self.foreign.get()));
        self.parked.set(records.parked);
    }

    /// Tells the feeder's metrics; `durable` is where the log ends, if that is known.
    pub fn expose(&self, durable: Option<Position>, to: &mut Exposition) {
        to.counter(
            "mailwake_store_events_total",
            "Events that the store has taken.",
            self.events.get(),
        );
        to.counter(
            "mailwake_store_damages_total",
            "Damaged parts of the event log that were passed over.",
            self.damages.get(),
        );
        to.counter(
            "mailwake_store_retries_total",
            "Errors of the store or the log after which it was tried again.",
            self.retries.get(),
        );
        to.counter(
            "mailwake_store_records_duplicate_total",
            "Records of MTAs, and events from Redis, that were counted before.",
            self.duplicates.get(),
        );
        to.counter(
            "mailwake_store_records_foreign_total",
            "Records of MTAs about mail that has not passed the gateway.",
            self.foreign.get(),
        );
        to.gauge(
            "mailwake_store_records_parked",
            "Records of MTAs whose message is not known yet.",
            self.parked.get(),
        );
        to.gauge(
            "mailwake_store_failing",
            "1 while the store gets no events, else 0.",
            u64::from(self.trouble.get().is_some()),
        );
        if let Some(durable) = durable {
            to.gauge(
                "mailwake_store_lag_bytes",
                "Octets of the event log that the store does not have on disk yet.",
                durable.0.saturating_sub(self.cursor.get()),
            );
        }
    }
}
