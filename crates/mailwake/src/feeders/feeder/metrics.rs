//! The metrics of feeders, each with the name of its feeder.

use super::Counters;
use crate::{event_log::Position, telemetry::Exposition};
use std::{collections::BTreeMap, sync::Arc};

/// Tells the metrics of all feeders, each with its name and the kind of its sink; `durable` is
/// where the log ends, if that is known.
pub fn expose(
    feeders: &BTreeMap<String, (&str, Arc<Counters>)>,
    durable: Option<Position>,
    to: &mut Exposition,
) {
    if feeders.is_empty() {
        return;
    }
    let durable = durable.unwrap_or(Position::START);
    for (name, help, value) in COUNTERS {
        let values = feeders.iter().map(|(feeder, (_, counters))| (feeder, value(counters)));
        to.counter_of(name, help, "feeder", values);
    }
    for (name, help, value) in GAUGES {
        let values =
            feeders.iter().map(|(feeder, (_, counters))| (feeder, value(counters, durable)));
        to.gauge_of(name, help, "feeder", values);
    }
}

/// A metric: its name, what it says, and its value.
type Metric<V> = (&'static str, &'static str, V);

type CounterMetric = Metric<fn(&Counters) -> u64>;

/// Some need to know where the log ends.
type GaugeMetric = Metric<fn(&Counters, Position) -> u64>;

const COUNTERS: [CounterMetric; 11] = [
    ("mailwake_feeder_events_total", "Events that have arrived.", |of| of.events.get()),
    ("mailwake_feeder_bytes_total", "Octets of them, before they are packed.", |of| {
        of.octets.get()
    }),
    ("mailwake_feeder_batches_total", "Batches that have arrived.", |of| of.batches.get()),
    (
        "mailwake_feeder_retries_total",
        "Attempts to send a batch after which it was tried again, as a whole or in halves.",
        |of| of.failed.get(),
    ),
    ("mailwake_feeder_splits_total", "Batches that went in halves.", |of| of.splits.get()),
    ("mailwake_feeder_duplicates_total", "Events that the far side says it had already.", |of| {
        of.duplicates.get()
    }),
    (
        "mailwake_feeder_confirmed_total",
        "Events that the far side has confirmed after it took their batch.",
        |of| of.confirmed.get(),
    ),
    (
        "mailwake_feeder_refused_later_total",
        "Events that the far side has refused after it took their batch.",
        |of| of.refused_later.get(),
    ),
    (
        "mailwake_feeder_put_aside_total",
        "Events that did not arrive and became dead letters.",
        |of| of.put_aside.get(),
    ),
    ("mailwake_feeder_foreign_total", "Records of MTAs that are not of our messages.", |of| {
        of.foreign.get()
    }),
    (
        "mailwake_feeder_errors_total",
        "Errors of the log, the store or the feeder's ledger after which it was tried again.",
        |of| of.errors.get(),
    ),
];

const GAUGES: [GaugeMetric; 7] = [
    (
        "mailwake_feeder_lag_bytes",
        "Octets of the event log that have not arrived.",
        |of, durable| of.lag_octets(durable),
    ),
    (
        "mailwake_feeder_lag_events",
        "About how many events that are, by the mean size of those that were read.",
        |of, durable| of.lag_events(durable),
    ),
    (
        "mailwake_feeder_lag_seconds",
        "How long ago the oldest event happened that was read and has not arrived.",
        |of, _| of.lag_seconds(),
    ),
    ("mailwake_feeder_dead_letters", "Dead letters that are there.", |of, _| of.dead_letters.get()),
    (
        "mailwake_feeder_circuit_open",
        "1 while the far side has taken nothing for several attempts in a row, else 0.",
        |of, _| of.circuit_open.get(),
    ),
    ("mailwake_feeder_paused", "1 while an operator has paused it, else 0.", |of, _| {
        of.is_paused.get()
    }),
    ("mailwake_feeder_failing", "1 while the feeder itself cannot work, else 0.", |of, _| {
        u64::from(of.trouble.get().is_some())
    }),
];
