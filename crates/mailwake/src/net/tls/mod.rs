//! TLS by rustls with aws-lc-rs, from version 1.2 on. Files with certificates and keys
//! come in, what either side of a connection needs goes out; the connections are the
//! caller's.

pub mod client;
pub mod domains;
mod files;
pub mod server;
pub mod validity;

use rustls::{
    RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file does not hold what it should.
    #[error("read {}: no {what} in PEM", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// What a file holds is not usable.
    #[error("use {}: {error}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: rustls::Error,
    },
    /// The system has no certificates of authorities.
    #[error("read the system's certificates of authorities: there are none")]
    NoRoots,
    /// A name that no certificate can have.
    #[error("{0:?} is neither a domain name nor an address")]
    Name(String),
}

/// The one cryptographic library.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError::Read { path: path.into(), error })
}

/// All certificates of a PEM file, in order.
fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let octets = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
    certificates
        .ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| TlsError::Empty { path: path.into(), what: "certificate" })
}

/// The private key of a PEM file: PKCS #8, PKCS #1 or SEC1.
fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let octets = read(path)?;
    PrivateKeyDer::from_pem_slice(&octets)
        .map_err(|_| TlsError::Empty { path: path.into(), what: "private key" })
}

/// The authorities of a PEM file.
fn read_authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(path)? {
        roots.add(certificate).map_err(|error| TlsError::Unusable { path: path.into(), error })?;
    }
    Ok(roots)
}

#[cfg(test)]
mod tests;
