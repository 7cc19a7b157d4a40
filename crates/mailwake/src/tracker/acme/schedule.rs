//! When a certificate is to be obtained: when there is none, when its end is near, and not too
//! soon after it was refused. Failures are kept in a file, so that they count for a mailwake that
//! starts again.

use super::{AcmeConfig, AcmeError};
use crate::net::tls::validity::{self, Validity};
use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

/// A certificate is renewed when so much of its time is left, or a third of it.
const RENEW_BEFORE_MAX: Duration = Duration::from_secs(30 * 86_400);

/// How long the first failure keeps, and each further one twice as long. An authority allows
/// five an hour.
const FIRST_PAUSE: Duration = Duration::from_secs(600);
const PAUSE_MAX: Duration = Duration::from_secs(86_400);

/// What is known of the certificate of a domain.
pub(super) struct Schedule {
    validity: Option<Validity>,
    failures: u32,
    failed_last: Option<SystemTime>,
    failures_file: PathBuf,
}

impl Schedule {
    /// As the files say it now.
    pub(super) fn of(config: &AcmeConfig, domain: &str) -> Self {
        let failures_file = config.folder.join(format!("{domain}.failures"));
        let failures = fs::read_to_string(&failures_file).ok();
        let failures = failures.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let written = || fs::metadata(&failures_file).ok()?.modified().ok();
        let failed_last = (failures > 0).then(written).flatten();
        let validity = validity::of_file(&config.file(domain)).ok();
        Self { validity, failures, failed_last, failures_file }
    }

    /// When it is to be obtained; a time that has passed means now.
    pub(super) fn due(&self) -> SystemTime {
        let renewal = self.validity.map_or(SystemTime::UNIX_EPOCH, renewal);
        let again = self.failed_last.map(|last| last + pause(self.failures));
        // A clock that was set back must not keep a certificate away for long.
        let again = again.filter(|again| *again <= SystemTime::now() + PAUSE_MAX);
        again.map_or(renewal, |again| renewal.max(again))
    }

    /// Without it, nobody knows when to try again.
    pub(super) fn note_failure(&self) -> Result<(), AcmeError> {
        let folder = self.failures_file.parent();
        let made = folder.map_or(Ok(()), fs::create_dir_all);
        let failures = self.failures.saturating_add(1).to_string();
        let written = made.and_then(|()| fs::write(&self.failures_file, failures));
        written.map_err(|error| AcmeError::File { path: self.failures_file.clone(), error })
    }

    pub(super) fn forget_failures(&self) {
        if let Err(error) = fs::remove_file(&self.failures_file) {
            tracing::warn!(file = %self.failures_file.display(), %error, "not removed");
        }
    }
}

fn renewal(validity: Validity) -> SystemTime {
    let Validity { not_before, not_after } = validity;
    let length = not_after.duration_since(not_before).unwrap_or_default();
    not_after - RENEW_BEFORE_MAX.min(length / 3)
}

fn pause(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
    FIRST_PAUSE.saturating_mul(doubled).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests;
