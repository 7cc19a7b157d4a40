//! Keeps a feeder at work: when it has ended before it should, that is told, and after a pause it
//! is made and started anew.

use super::{Counters, FeederConfig, courier::random, pause::pause, tell};
use std::{
    fmt::Display,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};
use tokio::{runtime::Builder, time::timeout};
use tokio_util::sync::CancellationToken;

/// Makes and runs a feeder by `attempt` until `shutdown`, again when that fails or panics. `kind`
/// is that of its sink. Blocks: give it a thread of its own. The error is that it cannot wait.
pub fn keep_running<E: Display>(
    config: &FeederConfig,
    kind: &str,
    counters: &Counters,
    shutdown: &CancellationToken,
    mut attempt: impl FnMut() -> Result<(), E>,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let (feeder, mut failures) = (&config.name, 0_u32);
    while !shutdown.is_cancelled() {
        let begun = Instant::now();
        // Each attempt makes all that it works with, so nothing that a panic has left is used.
        let reason = match catch_unwind(AssertUnwindSafe(&mut attempt)) {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_panic) => "it panicked, which is a mistake in mailwake".into(),
        };
        let is_new = begun.elapsed() > config.pauses.longest;
        failures = if is_new { 1 } else { failures.saturating_add(1) };
        let pause = pause(config.pauses, failures, random(), None);
        tracing::error!(
            feeder,
            reason,
            ?pause,
            "feeder is not running, events stay in the event log: it is started again"
        );
        counters.errors.increment();
        counters.is_running.set(0);
        counters.under_way.set(0);
        counters.trouble.set(Some(format!("feeder {feeder} is not running: {reason}")));
        tell((config, counters, kind));
        runtime.block_on(async { timeout(pause, shutdown.cancelled()).await.ok() });
    }
    Ok(())
}
