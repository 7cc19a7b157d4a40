//! What the running parts tell of themselves, put together for operators: all metrics,
//! and why the process is not ready.

use super::Roles;
use crate::{
    admin::Source,
    event_log::monitor::Monitor,
    feeders::{store, unsubscribe},
    gateway,
    telemetry::Exposition,
    tracker,
};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long the event log may take to say whether it takes events.
const LOG_PATIENCE: Duration = Duration::from_secs(1);

/// The counters of all parts, and what they are doing.
#[derive(Debug)]
pub(super) struct Vitals {
    pub(super) gateway: Arc<gateway::Counters>,
    pub(super) tracker: Arc<tracker::Counters>,
    pub(super) store: Arc<store::Counters>,
    pub(super) unsubscribe: Arc<unsubscribe::Counters>,
    /// Which of them run in this process.
    pub(super) parts: Roles,
    /// The event log, from the time on when it is open.
    pub(super) log: OnceLock<Monitor>,
    /// Cancelled when every part was started, and signals are listened to.
    pub(super) started: CancellationToken,
    /// One of them is cancelled when the process stops, or a part has ended.
    pub(super) producers: CancellationToken,
    pub(super) consumers: CancellationToken,
}

impl Vitals {
    pub(super) fn new(parts: Roles) -> Arc<Self> {
        Arc::new(Self {
            gateway: Arc::default(),
            tracker: Arc::default(),
            store: Arc::default(),
            unsubscribe: Arc::default(),
            parts,
            log: OnceLock::new(),
            started: CancellationToken::new(),
            producers: CancellationToken::new(),
            consumers: CancellationToken::new(),
        })
    }

    /// Why the event log takes no events, if it is known to take none.
    async fn trouble_of_log(&self) -> Option<String> {
        match timeout(LOG_PATIENCE, self.log.get()?.probe()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_elapsed) => Some(format!(
                "append to the event log: no answer for {} s, the disk may be stuck",
                LOG_PATIENCE.as_secs()
            )),
        }
    }
}

impl Source for Arc<Vitals> {
    fn metrics(&self) -> Exposition {
        let mut text = Exposition::default();
        text.labelled_gauge(
            "mailwake_build_info",
            "1; its label tells which mailwake runs.",
            &[("version", env!("CARGO_PKG_VERSION"))],
            1,
        );
        if self.parts.gateway {
            self.gateway.expose(&mut text);
        }
        if self.parts.tracker {
            self.tracker.expose(&mut text);
        }
        if let Some(log) = self.log.get() {
            log.expose(&mut text);
        }
        if self.parts.store {
            let durable = self.log.get().and_then(Monitor::durable);
            self.store.expose(durable, &mut text);
            self.unsubscribe.expose(durable, &mut text);
        }
        text
    }

    async fn troubles(&self) -> Vec<String> {
        if self.producers.is_cancelled() || self.consumers.is_cancelled() {
            return vec!["mailwake stops".into()];
        }
        if !self.started.is_cancelled() {
            return vec!["mailwake starts".into()];
        }
        // Listeners are bound: otherwise it had not started. A part that has ended since
        // then has cancelled its token.
        let consumers = [self.store.trouble.get(), self.unsubscribe.trouble.get()];
        self.trouble_of_log().await.into_iter().chain(consumers.into_iter().flatten()).collect()
    }
}

#[cfg(test)]
mod tests;
