//! Who keeps the tags of the system: what the gateway asks comes in, and goes to a store; what
//! the store has goes back to the gateway. A store that does not answer is left alone for a
//! while, and told later what it has missed.

use crate::{
    config::{TagsConfig, TagsPlace},
    gateway::{Ask, SYSTEM_TAGS_MAX, Shared},
    smtp_io::circuit::{Circuit, CircuitConfig},
    stores::tags::{TagStore, TagStoreError, cassandra::CassandraTags, embedded::EmbeddedTags},
};
use anyhow::{Context, Result};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How long a store may take for one tag, with its connection.
const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// How often a store that has missed something is looked at.
const CATCH_UP: Duration = Duration::from_secs(1);

/// A store of tags, ready to be asked.
pub(super) enum Store {
    Embedded(EmbeddedTags),
    Cassandra(Box<CassandraTags>),
}

impl Store {
    /// Opens the store that is configured. Cassandra is connected to later.
    pub(super) fn open(config: &TagsConfig) -> Result<Self> {
        let cassandra = config.store.cassandra();
        let cassandra = cassandra
            .map_err(|(file, error)| anyhow::Error::new(error).context(file.display().to_string()))
            .context("read the password of Cassandra")?;
        match (&config.store, cassandra) {
            (TagsPlace::Embedded(path), _) => {
                let tags = EmbeddedTags::open(path, SYSTEM_TAGS_MAX);
                Ok(Self::Embedded(tags.with_context(|| format!("open {}", path.display()))?))
            }
            (TagsPlace::Cassandra(config, _), read) => {
                let config = read.unwrap_or_else(|| config.clone());
                Ok(Self::Cassandra(Box::new(CassandraTags::new(config, SYSTEM_TAGS_MAX))))
            }
        }
    }

    /// Keeps tags until `over`.
    pub(super) async fn keep(
        self,
        asks: mpsc::Receiver<Ask>,
        shared: Arc<Shared>,
        over: CancellationToken,
    ) {
        match self {
            Self::Embedded(store) => keep(store, asks, shared, over).await,
            Self::Cassandra(store) => keep(*store, asks, shared, over).await,
        }
    }
}

async fn keep(
    store: impl TagStore,
    mut asks: mpsc::Receiver<Ask>,
    shared: Arc<Shared>,
    over: CancellationToken,
) {
    let circuit = CircuitConfig { refusals_max: 1, ..CircuitConfig::default() };
    let mut keeper = Keeper {
        store,
        shared,
        circuit: Circuit::new(circuit),
        kept: HashSet::new(),
        is_behind: true,
    };
    let mut due = interval(CATCH_UP);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = over.cancelled() => break,
            _ = due.tick(), if keeper.is_behind => keeper.catch_up().await,
            ask = asks.recv() => {
                let Some(Ask { tag, answered }) = ask else { break };
                if keeper.keep(&tag).await {
                    // Its message may have gone on.
                    answered.send(()).ok();
                }
            }
        }
    }
    keeper.catch_up().await;
}

struct Keeper<S> {
    store: S,
    shared: Arc<Shared>,
    circuit: Circuit,
    /// What the store has, as far as it was told.
    kept: HashSet<String>,
    /// The store may have missed tags.
    is_behind: bool,
}

impl<S: TagStore> Keeper<S> {
    /// Learns what the store has, and gives it what it has missed.
    async fn catch_up(&mut self) {
        self.is_behind = false;
        if self.kept.is_empty() && !self.ask(async |store| store.all().await).await {
            return;
        }
        for tag in self.shared.tags.missing_in(&self.kept) {
            if !self.keep(&tag).await {
                return;
            }
        }
    }

    /// Has the store keep a tag, if it has room. False where the store cannot say.
    async fn keep(&mut self, tag: &str) -> bool {
        self.kept.contains(tag) || self.ask(async |store| store.admit(tag).await).await
    }

    async fn ask(
        &mut self,
        what: impl AsyncFnOnce(&S) -> Result<Vec<String>, TagStoreError>,
    ) -> bool {
        let Some(attempt) = self.circuit.enter(Instant::now()) else {
            self.is_behind = true;
            return false;
        };
        let answer = timeout(STORE_PATIENCE, what(&self.store)).await;
        match answer.unwrap_or(Err(TagStoreError::TimedOut)) {
            Ok(tags) => {
                if attempt.taken().is_some() {
                    info!("the store of tags answers again");
                }
                self.shared.tags.learn(&tags);
                self.kept.extend(tags);
                true
            }
            Err(error) => {
                let mut random = [0];
                // Without randomness all gateways come back at once, and no more.
                aws_lc_rs::rand::fill(&mut random).ok();
                attempt.refused(Instant::now(), random[0]);
                warn!(%error, "tags are not kept for the moment, mail goes on");
                self.is_behind = true;
                false
            }
        }
    }
}
