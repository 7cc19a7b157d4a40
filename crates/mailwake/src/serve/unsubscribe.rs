//! Starts the part that tells senders who has unsubscribed.

use super::{Server, spawn};
use crate::{
    config::{Config, Forwarding},
    event_log::{cursor::Cursor, reader::Reader},
    feeders::unsubscribe::{self, Client},
    stores::outbox::Outbox,
};
use anyhow::{Context, Result};
use std::{fs, sync::PoisonError};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

impl Server {
    /// Starts it where it is wanted and does not run yet. Once senders were told, they are told
    /// as long as it is not turned off: people keep mail for longer than operators keep settings.
    pub(super) fn start_forwarder(&self, config: &Config) -> Result<()> {
        let mut running = self.forwarder.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return Ok(());
        }
        let (directory, settings) = (&config.event_log.directory, &config.unsubscribe);
        let was_there = Cursor::is_there(directory, unsubscribe::CURSOR);
        let is_wanted = match settings.forwarding {
            Forwarding::On => true,
            Forwarding::Off => false,
            Forwarding::Auto => settings.is_proxied || was_there,
        };
        if !is_wanted {
            if was_there {
                warn!("unsubscribe.forward is off: senders are no longer told who unsubscribes");
                Cursor::remove(directory, unsubscribe::CURSOR)?;
            }
            return Ok(());
        }
        // From here on the log keeps what senders are to be told, whatever else is wrong.
        let cursor = Cursor::open(directory, unsubscribe::CURSOR)?;
        fs::create_dir_all(&settings.directory)
            .with_context(|| format!("make {}", settings.directory.display()))?;
        let outbox = Outbox::open(&settings.directory)?;
        let client = Client::load(settings.client.clone())?;
        let reader = match &self.log {
            Some(log) => log.reader(cursor.position()),
            None => Reader::open(directory, cursor.position())?,
        };
        let (shutdown, is_alone) = (self.consumers.clone(), self.log.is_none());
        let over = if is_alone { shutdown.clone() } else { CancellationToken::new() };
        let counters = self.vitals.unsubscribe.clone();
        let forwarder = settings.forwarder.clone();
        *running = Some(spawn("unsubscribe", over, move || {
            let told = counters.clone();
            match unsubscribe::run(forwarder, reader, cursor, outbox, client, told, &shutdown) {
                // Mail and clicks go on.
                Err(error) if !is_alone => {
                    error!("senders are not told who unsubscribes: {error}");
                    counters.trouble.set(Some(format!("unsubscribe has stopped: {error}")));
                    Ok(())
                }
                ended => Ok(ended?),
            }
        })?);
        Ok(())
    }

    /// Mail and clicks go on without it.
    pub(super) fn tell_no_forwarder(&self, error: &anyhow::Error) {
        error!("senders are not told who unsubscribes: {error:#}");
        let trouble = format!("unsubscribe is not running: {error:#}");
        self.vitals.unsubscribe.trouble.set(Some(trouble));
    }
}
