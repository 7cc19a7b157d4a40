//! The start of those who read records of MTAs.

use super::{Server, sockets::listen_alone, spawn};
use crate::{
    config::{Config, DeliveryHttp},
    delivery::{self, Recorder},
    event_log::{EventLog, writer::Writer},
    net,
};
use anyhow::{Context, Result};
use std::{fs, thread::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

impl Server {
    /// Starts a thread for each source, and one for the spool. Mail and clicks go on when one
    /// of them cannot.
    pub(super) fn start_delivery(
        &mut self,
        config: &Config,
        socket: Option<net::Bound>,
    ) -> Result<()> {
        let config = &config.delivery;
        let log = self.log.as_ref().context("records have a log")?;
        fs::create_dir_all(&config.directory)
            .with_context(|| format!("make {}", config.directory.display()))?;
        for source in &config.sources {
            let (source, recorder) = (source.clone(), self.recorder(log)?);
            let counters = self.vitals.delivery.source(&source.name);
            info!(source = source.name, format = %source.format, "records are followed");
            // It ends by itself only with a mistake, which is told.
            self.delivery.push(spawn("records", CancellationToken::new(), move || {
                if let Err(error) = delivery::run_source(source, recorder, &counters) {
                    error!("records are not read: {error}");
                    counters.set_trouble(Some(error.to_string()));
                }
                Ok(())
            })?);
        }
        if let Some((http, socket)) = config.http.as_ref().zip(socket) {
            let writer = log.writer();
            self.delivery.push(self.start_http(http, socket, writer)?);
        }
        let (folder, recorder) = (config.spool(), self.recorder(log)?);
        let counters = self.vitals.delivery.clone();
        // Here, so that its metrics are served from the start.
        let own = counters.source("spool");
        self.delivery.push(spawn("spool", CancellationToken::new(), move || {
            if let Err(error) = delivery::take_spool(&folder, recorder, &counters, &own) {
                error!("what other processes have read is not taken: {error}");
                own.set_trouble(Some(error.to_string()));
            }
            Ok(())
        })?);
        Ok(())
    }

    fn start_http(
        &self,
        http: &DeliveryHttp,
        socket: net::Bound,
        writer: Writer,
    ) -> Result<JoinHandle<Result<()>>> {
        let config = http.load().context("read the token of delivery.http")?;
        if config.token.is_none() && !http.listen.ip().is_loopback() {
            warn!("whoever reaches delivery.http.listen can post records: it has no token_file");
        }
        let address = socket.address();
        let listener = listen_alone(socket)?;
        info!(listen = %address, "records may be posted");
        let (counters, shutdown) = (self.vitals.delivery.source("http"), self.producers.clone());
        spawn("records", self.producers.clone(), move || {
            Ok(delivery::run_http(config, listener, writer, counters, &shutdown)?)
        })
    }

    fn recorder(&self, log: &EventLog) -> Result<Recorder> {
        Recorder::of_log(log.writer(), self.producers.clone())
            .context("start the reading of records")
    }
}
