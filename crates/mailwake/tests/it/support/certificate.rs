//! A certificate of the test's own, made when the test runs, and TLS with it.

use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A self-signed certificate: its own authority.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    /// The certificate, in PEM.
    pub(crate) file: PathBuf,
    /// Its private key, in PEM.
    pub(crate) key_file: PathBuf,
    /// The name in it.
    name: String,
}

impl Certificate {
    /// Makes one for a domain, and writes it to two files named for the domain.
    pub(crate) fn write(folder: &Path, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate");
        let file = folder.join(format!("{name}.certificate.pem"));
        let key_file = folder.join(format!("{name}.key.pem"));
        fs::write(&file, certificate.pem()).expect("write the certificate");
        fs::write(&key_file, key.serialize_pem()).expect("write the key");
        Self { file, key_file, name: name.to_owned() }
    }

    /// The side of a client that trusts this certificate alone.
    pub(crate) fn client(&self) -> ClientConnection {
        self.client_asking(&self.name, &[])
    }

    /// The same, of one that asks for any name, and speaks these protocols.
    pub(crate) fn client_asking(&self, name: &str, protocols: &[&[u8]]) -> ClientConnection {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate()).expect("an authority");
        let mut config =
            ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        ClientConnection::new(Arc::new(config), name).expect("a connection")
    }

    /// The side of the server that has it.
    pub(crate) fn server(&self) -> ServerConnection {
        let key = PrivateKeyDer::from_pem_file(&self.key_file).expect("a key");
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate()], key)
            .expect("a certificate");
        ServerConnection::new(Arc::new(config)).expect("a connection")
    }

    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(&self.file).expect("a certificate")
    }
}
