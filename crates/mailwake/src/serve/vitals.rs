//! What the running parts tell of themselves, put together for operators: all metrics,
//! and why the process is not ready.

use super::Roles;
use crate::{
    admin::Source,
    delivery,
    event_log::monitor::Monitor,
    feeders::{feeder, store, unsubscribe},
    gateway,
    telemetry::Exposition,
    tracker,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
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
    pub(super) delivery: Arc<delivery::Counters>,
    pub(super) store: Arc<store::Counters>,
    pub(super) unsubscribe: Arc<unsubscribe::Counters>,
    /// Each by its name, with the kind of its sink.
    feeders: Mutex<BTreeMap<String, (&'static str, Arc<feeder::Counters>)>>,
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
            delivery: Arc::default(),
            store: Arc::default(),
            unsubscribe: Arc::default(),
            feeders: Mutex::default(),
            parts,
            log: OnceLock::new(),
            started: CancellationToken::new(),
            producers: CancellationToken::new(),
            consumers: CancellationToken::new(),
        })
    }

    /// Tells of a feeder from now on.
    pub(super) fn set_feeder(
        &self,
        name: &str,
        kind: &'static str,
        counters: Arc<feeder::Counters>,
    ) {
        self.feeders().insert(name.into(), (kind, counters));
    }

    /// Tells of these feeders alone.
    pub(super) fn retain_feeders(&self, is_wanted: impl Fn(&str) -> bool) {
        self.feeders().retain(|name, _| is_wanted(name));
    }

    fn feeders(&self) -> MutexGuard<'_, BTreeMap<String, (&'static str, Arc<feeder::Counters>)>> {
        self.feeders.lock().unwrap_or_else(PoisonError::into_inner)
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
        if self.parts.delivery {
            self.delivery.expose(&mut text);
        }
        if let Some(log) = self.log.get() {
            log.expose(&mut text);
        }
        if self.parts.store {
            let durable = self.log.get().and_then(Monitor::durable);
            self.store.expose(durable, &mut text);
            self.unsubscribe.expose(durable, &mut text);
            feeder::expose(&self.feeders(), durable, &mut text);
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
        // A far side that takes nothing is no trouble of ours: metrics and status tell it.
        let feeders = self.feeders().values().filter_map(|(_, one)| one.trouble.get()).collect();
        let feeders: Vec<String> = feeders;
        let mut troubles = Vec::from_iter(self.trouble_of_log().await);
        troubles.extend(consumers.into_iter().flatten());
        troubles.extend(feeders);
        troubles.extend(self.delivery.troubles());
        troubles
    }
}

#[cfg(test)]
mod tests;
