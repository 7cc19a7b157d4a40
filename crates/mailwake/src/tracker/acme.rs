//! Certificates by ACME (RFC 8555), with HTTP-01 (§8.3). What is to be obtained comes in;
//! files with certificates and their keys go out, and for the time of an order, what the
//! tracker answers to the authority.

mod account;
mod challenges;
mod http;
mod schedule;

pub use challenges::Challenges;

use super::Counters;
use crate::net::tls::{TlsError, validity};
use account::{Obtained, Orders};
use schedule::Schedule;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How certificates are obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeConfig {
    /// The directory of the authority, a URL.
    pub directory: String,
    /// Whom the authority writes to.
    pub email: Option<String>,
    /// Has the operator agreed to the authority's terms?
    pub terms_of_service_agreed: bool,
    /// The authorities that the directory's own certificate is held against, in PEM; none for
    /// those of the system.
    pub ca_file: Option<PathBuf>,
    /// Where the account and the certificates are kept.
    pub folder: PathBuf,
    /// The domains that get a certificate.
    pub domains: Vec<String>,
}

impl AcmeConfig {
    /// Where the certificate of a domain is kept, with its key.
    pub fn file(&self, domain: &str) -> PathBuf {
        self.folder.join(format!("{domain}.pem"))
    }
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// A file of our own cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The authority cannot be reached, or refuses.
    #[error("ask the authority: {0}")]
    Authority(#[from] instant_acme::Error),
    /// The authority offers no HTTP-01.
    #[error("the authority offers no challenge http-01")]
    NoChallenge,
    /// The authority has asked, and was not content.
    #[error("the authority did not get its answer at http://{domain}/: {problem}")]
    Refused {
        /// The domain.
        domain: String,
        /// What the authority says.
        problem: String,
    },
    /// A key or a request for a certificate could not be made.
    #[error("make a request for a certificate: {0}")]
    Request(#[from] rcgen::Error),
    /// What came is no certificate for the key.
    #[error(transparent)]
    Certificate(#[from] TlsError),
    /// It took too long.
    #[error("no certificate after {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// How long an order may take.
const ORDER_TIMEOUT: Duration = Duration::from_secs(300);

/// How long nothing is looked at, at most: clocks may be set.
const LOOK_AGAIN: Duration = Duration::from_secs(3_600);

/// How long nothing is looked at, at least. Of what is due in between nothing is late.
const PAUSE_MIN: Duration = Duration::from_secs(60);

/// Obtains certificates and renews them, until `shutdown`.
pub async fn run(
    config: AcmeConfig,
    challenges: Challenges,
    counters: Arc<Counters>,
    shutdown: CancellationToken,
) {
    shutdown.run_until_cancelled(obtain_all(&config, &challenges, &counters)).await;
}

async fn obtain_all(config: &AcmeConfig, challenges: &Challenges, counters: &Counters) {
    let mut orders = Orders::new(config, challenges);
    loop {
        let mut next = SystemTime::now() + LOOK_AGAIN;
        for domain in &config.domains {
            let schedule = Schedule::of(config, domain);
            if schedule.due() > SystemTime::now() {
                next = next.min(schedule.due());
                continue;
            }
            match try_to_obtain(config, &mut orders, domain, &schedule).await {
                Ok(()) => {
                    schedule.forget_failures();
                    counters.front.certificates_obtained.increment();
                    tracing::info!(domain, "a certificate was obtained");
                }
                Err(error) => {
                    counters.front.certificates_failed.increment();
                    tracing::error!(domain, %error, "no certificate was obtained");
                }
            }
            next = next.min(Schedule::of(config, domain).due());
        }
        let pause = next.duration_since(SystemTime::now()).unwrap_or_default();
        sleep(pause.max(PAUSE_MIN)).await;
    }
}

/// Gets a certificate, if its failure can be noted before: an authority is asked no more often by
/// a mailwake that starts again and again, nor by one whose disk is full.
async fn try_to_obtain(
    config: &AcmeConfig,
    orders: &mut Orders<'_>,
    domain: &str,
    schedule: &Schedule,
) -> Result<(), AcmeError> {
    schedule.note_failure()?;
    obtain(config, orders, domain).await
}

async fn obtain(
    config: &AcmeConfig,
    orders: &mut Orders<'_>,
    domain: &str,
) -> Result<(), AcmeError> {
    let ordered = timeout(ORDER_TIMEOUT, orders.order(domain)).await;
    let Obtained { chain, key } =
        ordered.map_err(|_elapsed| AcmeError::TimedOut(ORDER_TIMEOUT))??;
    // One file: chain and key are replaced together.
    write(&config.file(domain), &format!("{key}{chain}"), |path| {
        validity::of_file(path)?;
        crate::net::tls::domains::check_obtained(path)?;
        Ok(())
    })
}

/// Writes a file that nobody else may read, at once or not at all, if it passes the check.
fn write(
    path: &Path,
    content: &str,
    check: impl FnOnce(&Path) -> Result<(), AcmeError>,
) -> Result<(), AcmeError> {
    let failed = |error| AcmeError::File { path: path.into(), error };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(content.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    check(file.path())?;
    file.persist(path).map_err(|error| failed(error.error))?;
    let folder = fs::File::open(folder).map_err(failed)?;
    folder.sync_all().map_err(failed)
}

#[cfg(test)]
mod tests;
