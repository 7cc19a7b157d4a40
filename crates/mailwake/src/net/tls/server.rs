//! The side that has a certificate. It is read again when its files change, which is
//! looked at when a connection comes: no thread watches them.

use super::{TlsError, provider, read_authorities, read_certificates, read_key};
use rustls::{ServerConfig, server::WebPkiClientVerifier};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tracing::{info, warn};

/// The files of a certificate, and whether clients show one of theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, the server's own certificate first, in PEM.
    pub certificate: PathBuf,
    /// The private key, in PEM.
    pub key: PathBuf,
    /// Which certificates of clients are taken.
    pub clients: ClientCertificates,
}

/// Which certificates of clients are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCertificates {
    /// None is asked for.
    NotAsked,
    /// One of the authorities in this file, or none.
    Optional(PathBuf),
    /// One of the authorities in this file; without it there is no connection.
    Required(PathBuf),
}

/// A certificate that is ready for use.
#[derive(Debug)]
pub struct ServerTls {
    files: CertificateFiles,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: Arc<ServerConfig>,
    /// What the files looked like when they were read last, with or without success.
    seen: Vec<Option<Mark>>,
}

/// By what a file is seen to be another one: inode, size, and time of the last change.
type Mark = (u64, u64, i64, i64);

impl ServerTls {
    /// Reads the files.
    pub fn load(files: CertificateFiles) -> Result<Self, TlsError> {
        // Looked at before they are read: a change in between is seen later.
        let seen = files.marks();
        let config = files.read()?;
        Ok(Self { files, state: Mutex::new(State { config, seen }) })
    }

    /// The configuration for a connection that comes now. Files that have changed are
    /// read again; when they are wrong, which is logged, the old ones stay.
    pub fn current(&self) -> Arc<ServerConfig> {
        let mut state = self.state();
        if state.seen != self.files.marks() {
            self.read_again(&mut state);
        }
        state.config.clone()
    }

    /// Reads the files again, whether they seem to have changed or not.
    pub fn reload(&self) {
        self.read_again(&mut self.state());
    }

    fn read_again(&self, state: &mut State) {
        let path = self.files.certificate.display();
        state.seen = self.files.marks();
        match self.files.read() {
            Ok(config) => {
                state.config = config;
                info!(file = %path, "certificate was read again");
            }
            // A certificate and its key may be replaced one after the other.
            Err(error) => warn!(%error, "certificate was not read again, the old one stays"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked left the old or the new configuration.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CertificateFiles {
    fn read(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| self.unusable(error))?;
        let builder = match &self.clients {
            ClientCertificates::NotAsked => builder.with_no_client_auth(),
            ClientCertificates::Optional(path) | ClientCertificates::Required(path) => {
                let roots = Arc::new(read_authorities(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = match self.clients {
                    ClientCertificates::Optional(_) => verifier.allow_unauthenticated(),
                    _ => verifier,
                };
                // It refuses an empty list of authorities alone, which was not read.
                let verifier = verifier
                    .build()
                    .map_err(|error| self.unusable(rustls::Error::General(error.to_string())))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let certificates = read_certificates(&self.certificate)?;
        let config = builder
            .with_single_cert(certificates, read_key(&self.key)?)
            .map_err(|error| self.unusable(error))?;
        Ok(Arc::new(config))
    }

    fn unusable(&self, error: rustls::Error) -> TlsError {
        TlsError::Unusable { path: self.certificate.clone(), error }
    }

    fn marks(&self) -> Vec<Option<Mark>> {
        let authorities = match &self.clients {
            ClientCertificates::NotAsked => None,
            ClientCertificates::Optional(path) | ClientCertificates::Required(path) => Some(path),
        };
        [&self.certificate, &self.key]
            .into_iter()
            .chain(authorities)
            .map(|path| mark(path))
            .collect()
    }
}

/// `None` for a file that is not there.
fn mark(path: &Path) -> Option<Mark> {
    let data = fs::metadata(path).ok()?;
    Some((data.ino(), data.size(), data.mtime(), data.mtime_nsec()))
}
