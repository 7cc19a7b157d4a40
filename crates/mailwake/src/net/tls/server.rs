//! The side that has a certificate. It is read again when its files change.

use super::{
    TlsError,
    files::{Files, Live},
    provider, read_authorities, read_certificates, read_key,
};
use rustls::{ServerConfig, server::WebPkiClientVerifier};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

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
    live: Live<CertificateFiles>,
}

impl ServerTls {
    /// Reads the files.
    pub fn load(files: CertificateFiles) -> Result<Self, TlsError> {
        Ok(Self { live: Live::load(files)? })
    }

    /// The configuration for a connection that comes now. Files that have changed are
    /// read again; when they are wrong, which is logged, the old ones stay.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.live.current()
    }

    /// Reads the files again, whether they seem to have changed or not.
    pub fn reload(&self) {
        self.live.reload();
    }
}

impl Files for CertificateFiles {
    type Content = Arc<ServerConfig>;

    fn paths(&self) -> Vec<&Path> {
        let authorities = match &self.clients {
            ClientCertificates::NotAsked => None,
            ClientCertificates::Optional(path) | ClientCertificates::Required(path) => Some(path),
        };
        [&self.certificate, &self.key].into_iter().chain(authorities).map(|path| &**path).collect()
    }

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
}

impl CertificateFiles {
    fn unusable(&self, error: rustls::Error) -> TlsError {
        TlsError::Unusable { path: self.certificate.clone(), error }
    }
}
