//! What is counted of those who have unsubscribed and whose senders are told.

use crate::{
    event_log::Position,
    telemetry::{Counter, Exposition, Gauge, Trouble},
};

/// The forwarder's counters, since it started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Whether it runs.
    pub is_running: Gauge,
    /// Senders that are to be told, of the log.
    pub taken: Counter,
    /// Unsubscriptions whose sender has an address of mail alone: nobody is told.
    pub by_mail: Counter,
    /// Senders that were told.
    pub told: Counter,
    /// Attempts that failed.
    pub failed: Counter,
    /// Senders that are not tried any more.
    pub given_up: Counter,
    /// How many wait now.
    pub waiting: Gauge,
    /// Errors of the database or the log, after which it is tried again.
    pub retries: Counter,
    /// Where the log's cursor stands.
    pub cursor: Gauge,
    /// Why no senders are told now.
    pub trouble: Trouble,
}

impl Counters {
    /// Tells the forwarder's metrics; `durable` is where the log ends, if that is known.
    pub fn expose(&self, durable: Option<Position>, to: &mut Exposition) {
        to.counter(
            "mailwake_unsubscribe_taken_total",
            "Unsubscriptions whose sender is to be told.",
            self.taken.get(),
        );
        to.counter(
            "mailwake_unsubscribe_by_mail_total",
            "Unsubscriptions whose sender has an address of mail alone: whoever reads events tells it.",
            self.by_mail.get(),
        );
        to.counter("mailwake_unsubscribe_told_total", "Senders that were told.", self.told.get());
        to.counter(
            "mailwake_unsubscribe_failed_total",
            "Attempts to tell a sender that failed; it is tried again.",
            self.failed.get(),
        );
        to.counter(
            "mailwake_unsubscribe_given_up_total",
            "Senders that could not be told, and are not tried any more.",
            self.given_up.get(),
        );
        to.gauge(
            "mailwake_unsubscribe_waiting",
            "Senders that are still to be told.",
            self.waiting.get(),
        );
        to.counter(
            "mailwake_unsubscribe_retries_total",
            "Errors of the outbox or the log after which it was tried again.",
            self.retries.get(),
        );
        if let Some(durable) = durable {
            to.gauge(
                "mailwake_unsubscribe_lag_bytes",
                "Octets of the event log that the forwarder has not passed yet.",
                match self.is_running.get() {
                    0 => 0,
                    _ => durable.0.saturating_sub(self.cursor.get()),
                },
            );
        }
    }
}
