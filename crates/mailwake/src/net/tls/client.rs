//! The side that looks at a certificate.

use super::{
    TlsError,
    files::{Files, Live},
    provider, read_authorities, read_certificates, read_key,
};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Against what a server's certificate is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// The authorities that the system trusts.
    System,
    /// The authorities in a PEM file, and no others.
    Authorities(PathBuf),
    /// Nothing: whoever is in the way can read and change what is said.
    Nothing,
}

/// What a connection to a server needs.
#[derive(Debug, Clone)]
pub struct ClientTls {
    /// How it is made.
    pub config: Arc<ClientConfig>,
    /// The name that the certificate must have.
    pub name: ServerName<'static>,
}

impl ClientTls {
    /// Gets ready for a server whose certificate has `name`, a domain name or an
    /// address. Authorities are read now.
    pub fn load(name: &str, verification: &Verification) -> Result<Self, TlsError> {
        let server_name =
            ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))?;
        Ok(Self { config: configuration(verification, None)?, name: server_name })
    }
}

/// The certificate that a client shows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCertificate {
    /// The chain, the client's own certificate first, in PEM.
    pub certificate: PathBuf,
    /// The private key, in PEM.
    pub key: PathBuf,
}

/// What connections to servers of any name need; files are read again when they change.
#[derive(Debug)]
pub struct LiveClientTls {
    live: Live<ClientFiles>,
}

#[derive(Debug)]
struct ClientFiles {
    verification: Verification,
    own: Option<OwnCertificate>,
}

impl LiveClientTls {
    /// Reads the files.
    pub fn load(verification: Verification, own: Option<OwnCertificate>) -> Result<Self, TlsError> {
        Ok(Self { live: Live::load(ClientFiles { verification, own })? })
    }

    /// The configuration for a connection that is made now.
    pub fn current(&self) -> Arc<ClientConfig> {
        self.live.current()
    }
}

impl Files for ClientFiles {
    type Content = Arc<ClientConfig>;

    fn paths(&self) -> Vec<&Path> {
        let own = self.own.iter().flat_map(|own| [&*own.certificate, &*own.key]);
        let authorities = match &self.verification {
            Verification::Authorities(path) => Some(&**path),
            Verification::System | Verification::Nothing => None,
        };
        own.chain(authorities).collect()
    }

    fn read(&self) -> Result<Arc<ClientConfig>, TlsError> {
        configuration(&self.verification, self.own.as_ref())
    }
}

fn configuration(
    verification: &Verification,
    own: Option<&OwnCertificate>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Unusable { path: PathBuf::new(), error })?;
    let builder = match verification {
        Verification::System => builder.with_root_certificates(system_roots()?),
        Verification::Authorities(path) => builder.with_root_certificates(read_authorities(path)?),
        Verification::Nothing => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate { provider })),
    };
    let config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => builder
            .with_client_auth_cert(read_certificates(&own.certificate)?, read_key(&own.key)?)
            .map_err(|error| TlsError::Unusable { path: own.certificate.clone(), error })?,
    };
    Ok(Arc::new(config))
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    // Single files may be damaged; what matters is that some are not.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
}

/// Takes every certificate. That the server has its key is still held.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
