//! `mailwake feeders ping`: is the receiver of a webhook there, and does it know us?

use crate::{
    config::{Feeder, SinkConfig},
    feeders::webhook::Webhook,
};
use anyhow::{Context, Result, bail};
use std::{io::Write, sync::Arc};
use tokio::runtime::Builder;
use tracking::bounce::Rules;

/// Posts a batch without events, and prints what was answered. Fails if that is no success.
pub(super) fn run(feeder: &Feeder, out: &mut impl Write) -> Result<()> {
    let name = &feeder.config.name;
    let SinkConfig::Webhook(config) = &feeder.sink else {
        bail!("{name} is no webhook, but of the kind {:?}", feeder.sink.kind());
    };
    let mut webhook = Webhook::load((**config).clone(), Arc::new(Rules::built_in()))
        .with_context(|| format!("ping {name}"))?;
    let runtime = Builder::new_current_thread().enable_all().build().context("start runtime")?;
    let answer = runtime.block_on(webhook.ping());
    // A name that is being looked up is not waited for.
    runtime.shutdown_background();
    let answer = answer.with_context(|| format!("ping {name}"))?;
    let (status, took) = (answer.status, answer.latency.as_millis());
    if !answer.status.is_success() {
        bail!("ping {name}: status {status} after {took} ms; any 2xx is right");
    }
    Ok(writeln!(out, "{name}: status {status} after {took} ms")?)
}
