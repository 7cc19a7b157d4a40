//! Starts a feeder for each `[feeder.NAME]`, and stops those that are taken out.

use super::{Server, spawn};
use crate::{
    config::{Config, Feeder, SinkConfig},
    event_log::{cursor::Cursor, reader::Reader},
    feeders::{
        feeder::{self, CURSOR_PREFIX, Counters, cursor_name, keep_running},
        ingest::Ingest,
        ndjson::Ndjson,
        redis::RedisSink,
        sink::Sink,
        webhook::Webhook,
    },
    stores::ledger::Ledger,
};
use anyhow::{Result, anyhow};
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, PoisonError},
    thread::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use tracking::bounce::Rules;

/// A feeder that runs.
pub(super) struct Running {
    feeder: Feeder,
    rules: Arc<Rules>,
    shutdown: CancellationToken,
    thread: JoinHandle<Result<()>>,
}

/// What a feeder is made of, however often.
struct Parts {
    feeder: Feeder,
    log_directory: PathBuf,
    /// Of the log of this process, if it has one.
    log: Option<Reader>,
    rules: Arc<Rules>,
    counters: Arc<Counters>,
    shutdown: CancellationToken,
}

impl Server {
    /// Starts those of the configuration that do not run as it says, and stops others. What is
    /// wrong with one of them keeps no other part from its work.
    pub(super) fn start_feeders(&self, config: &Config) {
        let mut running = self.feeders.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted: BTreeMap<_, _> =
            config.feeders.feeders.iter().map(|one| (one.config.name.clone(), one)).collect();
        let stays = |name: &String, one: &mut Running| {
            wanted.get(name).is_some_and(|wanted| **wanted == one.feeder)
                && *one.rules == config.bounce_rules
                && !one.thread.is_finished()
        };
        let leaving: Vec<_> = running.extract_if(.., |name, one| !stays(name, one)).collect();
        leaving.iter().for_each(|(_, one)| one.shutdown.cancel());
        for (name, one) in leaving {
            if super::join("feeder", one.thread).is_err() {
                error!(feeder = name, "feeder panicked, which is a mistake in mailwake");
            }
        }
        self.forget_feeders(config, &wanted);
        for (name, feeder) in wanted {
            if running.contains_key(&name) {
                continue;
            }
            let counters = Arc::<Counters>::default();
            self.vitals.set_feeder(&name, feeder.sink.kind(), counters.clone());
            match self.start_feeder(config, feeder, counters.clone()) {
                Ok(started) => drop(running.insert(name, started)),
                Err(error) => {
                    error!(feeder = name, "feeder is not running: {error:#}");
                    let trouble = format!("feeder {name} is not running: {error:#}");
                    counters.trouble.set(Some(trouble));
                }
            }
        }
    }

    /// The log keeps nothing for those that are not in the configuration any more.
    fn forget_feeders(&self, config: &Config, wanted: &BTreeMap<String, &Feeder>) {
        self.vitals.retain_feeders(|name| wanted.contains_key(name));
        let directory = &config.event_log.directory;
        for cursor in Cursor::names(directory).unwrap_or_default() {
            let Some(name) = cursor.strip_prefix(CURSOR_PREFIX) else { continue };
            if wanted.contains_key(name) {
                continue;
            }
            warn!(
                feeder = name,
                "feeder is not in the configuration any more: what it has not brought yet stays"
            );
            if let Err(error) = Cursor::remove(directory, &cursor) {
                warn!(feeder = name, %error, "its cursor was not removed, the log keeps events");
            }
        }
    }

    fn start_feeder(
        &self,
        config: &Config,
        feeder: &Feeder,
        counters: Arc<Counters>,
    ) -> Result<Running> {
        let log_directory = &config.event_log.directory;
        // From here on the log keeps what it is to bring, whatever else is wrong.
        let cursor = Cursor::open(log_directory, &cursor_name(&feeder.config.name))?;
        counters.cursor.set(cursor.position().0);
        let shutdown = self.consumers.child_token();
        let rules = Arc::new(config.bounce_rules.clone());
        let parts = Parts {
            feeder: feeder.clone(),
            log_directory: log_directory.clone(),
            log: self.log.as_ref().map(|log| log.reader(cursor.position())),
            rules: rules.clone(),
            counters,
            shutdown: shutdown.clone(),
        };
        let thread = spawn("feeder", CancellationToken::new(), move || {
            let (config, kind) = (&parts.feeder.config, parts.feeder.sink.kind());
            let Parts { counters, shutdown, .. } = &parts;
            Ok(keep_running(config, kind, counters, shutdown, || parts.run())?)
        })?;
        Ok(Running { feeder: feeder.clone(), rules, shutdown, thread })
    }

    /// Waits until each has ended. They are told before.
    pub(super) fn stop_feeders(&mut self) -> Result<()> {
        let running = self.feeders.get_mut().unwrap_or_else(PoisonError::into_inner);
        let ended = std::mem::take(running).into_values();
        let ended: Vec<_> = ended.map(|one| super::join("feeder", one.thread)).collect();
        ended.into_iter().collect()
    }
}

impl Parts {
    /// Makes the feeder, and runs it until its shutdown or an error that does not pass.
    fn run(&self) -> Result<()> {
        let (rules, counters) = (self.rules.clone(), self.counters.clone());
        match &self.feeder.sink {
            SinkConfig::Ingest(config) => {
                self.drive(Ingest::load((**config).clone(), rules, counters)?)
            }
            SinkConfig::Ndjson(config) => {
                let opened = Ndjson::open((**config).clone(), rules);
                self.drive(opened.map_err(|error| anyhow!("open files of lines: {error}"))?)
            }
            SinkConfig::Webhook(config) => self.drive(Webhook::load((**config).clone(), rules)?),
            SinkConfig::Redis(config) => self.drive(RedisSink::new((**config).clone(), rules)),
        }
    }

    fn drive<S: Sink>(&self, sink: S) -> Result<()> {
        let (config, counters) = (self.feeder.config.clone(), self.counters.clone());
        let cursor = Cursor::open(&self.log_directory, &cursor_name(&config.name))?;
        let data = &config.directory;
        fs::create_dir_all(data).map_err(|error| anyhow!("make {}: {error}", data.display()))?;
        let reader = match &self.log {
            Some(log) => log.another(cursor.position()),
            None => Reader::open(&self.log_directory, cursor.position())?,
        };
        let ledger = Ledger::open(data, &config.name)?;
        info!(feeder = config.name, kind = sink.kind(), "feeder is ready");
        Ok(feeder::run(config, reader, cursor, ledger, sink, counters, &self.shutdown)?)
    }
}
