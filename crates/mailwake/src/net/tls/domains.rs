//! The side that has a certificate for each of several domains: the client says which it
//! wants (SNI, RFC 6066 §3). What is obtained while mailwake runs is taken as soon as it is
//! there.

use super::{
    TlsError,
    files::{Files, Live},
    provider, read_certificates, read_key,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::Ticketer,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a client and we may speak in TLS (RFC 7301), what we like best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Where the certificate of a domain is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DomainCertificate {
    /// In files of the operator, which are there.
    Files {
        /// The chain, the domain's own certificate first, in PEM.
        certificate: PathBuf,
        /// The private key, in PEM.
        key: PathBuf,
    },
    /// Chain and key are in one file that mailwake itself writes, as soon as it has them.
    Obtained(PathBuf),
}

/// The certificates of all domains, ready for use.
#[derive(Debug)]
pub struct DomainsTls {
    config: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
}

#[derive(Debug)]
struct Certificates {
    /// By name, in lower case; "*.example.com" has the names one label below.
    by_name: BTreeMap<String, Live<DomainCertificate>>,
    /// Which of them clients get that name none, or another.
    default_name: Option<String>,
}

impl DomainsTls {
    /// Reads the certificates. Clients that name no domain, or one that is not there, get
    /// the certificate of `default_name`, or no connection where there is none.
    pub fn load(
        domains: impl IntoIterator<Item = (String, DomainCertificate)>,
        default_name: Option<String>,
    ) -> Result<Self, TlsError> {
        let by_name = domains
            .into_iter()
            .map(|(name, certificate)| Ok((name.to_ascii_lowercase(), Live::load(certificate)?)));
        let by_name = by_name.collect::<Result<_, TlsError>>()?;
        let default_name = default_name.map(|name| name.to_ascii_lowercase());
        let certificates = Arc::new(Certificates { by_name, default_name });
        let unusable = |error| TlsError::Unusable { path: PathBuf::new(), error };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(certificates.clone());
        config.alpn_protocols = PROTOCOLS.map(Vec::from).into();
        // Clients come back for each link of a message: they keep what was agreed, not we.
        config.ticketer = Ticketer::new().map_err(unusable)?;
        Ok(Self { config: Arc::new(config), certificates })
    }

    /// The configuration for a connection.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// Reads all certificates again, whether their files seem to have changed or not.
    pub fn reload(&self) {
        self.certificates.by_name.values().for_each(Live::reload);
    }
}

/// Are chain and key in one file, and do they belong together?
pub fn check_obtained(file: &Path) -> Result<(), TlsError> {
    DomainCertificate::Obtained(file.into()).read().map(drop)
}

impl Certificates {
    fn of(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let name = name.map(str::to_ascii_lowercase);
        let named = name.and_then(|name| {
            let wildcard = || self.by_name.get(&format!("*.{}", name.split_once('.')?.1));
            self.by_name.get(&name).or_else(wildcard)
        });
        let default = || self.by_name.get(self.default_name.as_ref()?);
        named.or_else(default)?.current()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.of(hello.server_name())
    }
}

impl Files for DomainCertificate {
    type Content = Option<Arc<CertifiedKey>>;

    fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Files { certificate, key } => vec![certificate, key],
            Self::Obtained(file) => vec![file],
        }
    }

    fn read(&self) -> Result<Self::Content, TlsError> {
        let (certificate, key) = match self {
            Self::Files { certificate, key } => (certificate, key),
            Self::Obtained(file) if !file.exists() => return Ok(None),
            Self::Obtained(file) => (file, file),
        };
        let certificates = read_certificates(certificate)?;
        let certified = CertifiedKey::from_der(certificates, read_key(key)?, &provider());
        let unusable = |error| TlsError::Unusable { path: certificate.clone(), error };
        Ok(Some(Arc::new(certified.map_err(unusable)?)))
    }
}

#[cfg(test)]
mod tests;
