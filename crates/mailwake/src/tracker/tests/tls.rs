//! Connections in TLS: a certificate for each domain, and what is spoken over it.

use super::{
    http2::Http2,
    support::{PATIENCE, Recording, TARGET, click, eventually, get},
};
use crate::{net::tls::domains::*, tracker::TrackerConfig};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Domains with certificates, each its own authority.
struct Domains {
    folder: TempDir,
}

impl Domains {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn write(&self, name: &str) -> (String, DomainCertificate) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let chain = params.self_signed(&key).expect("a certificate").pem();
        let file = self.file(name);
        fs::write(&file, chain + &key.serialize_pem()).expect("write");
        (name.to_owned(), DomainCertificate::Files { certificate: file.clone(), key: file })
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }

    /// A client that takes the certificate in this file alone.
    fn connect(
        recording: &Recording,
        file: &Path,
        name: &str,
        protocols: &[&[u8]],
    ) -> Result<Tls, std::io::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file).expect("a file")).expect("an authority");
        let mut config =
            ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
        let stream = TcpStream::connect(recording.tracker.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(connection, stream);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(stream)
    }
}

fn start(domains: &Domains, names: &[&str], config: TrackerConfig) -> Recording {
    let certificates = names.iter().map(|name| domains.write(name));
    let tls = DomainsTls::load(certificates, None).expect("read");
    Recording::with_tls(config, Some(Arc::new(tls)))
}

fn ask(stream: &mut Tls, request: &str) -> String {
    stream
        .write_all(request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes())
        .expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer that ends as TLS does");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_click_arrives_in_tls_at_each_domain() {
    let domains = Domains::new();
    let names = ["a.example", "b.example"];
    let recording = start(&domains, &names, TrackerConfig::default());
    let path = recording.tracker.path(click());
    for name in names {
        let connected = Domains::connect(&recording, &domains.file(name), name, &[]);
        let mut stream = connected.expect("the certificate of the domain");
        assert!(ask(&mut stream, &get(&path)).contains(TARGET));
    }
    assert_eq!(recording.tracker.counters.front.tls_connections.get(), 2);
    recording.stop();
}

#[test]
fn a_domain_without_a_certificate_has_no_connection() {
    let domains = Domains::new();
    let recording = start(&domains, &["a.example"], TrackerConfig::default());
    let connected = Domains::connect(&recording, &domains.file("a.example"), "b.example", &[]);
    assert!(connected.is_err());
    eventually(|| recording.tracker.counters.front.tls_handshakes_failed.get() == 1);
    recording.stop();
}

#[test]
fn a_certificate_that_is_replaced_is_the_next_ones() {
    let domains = Domains::new();
    let recording = start(&domains, &["a.example"], TrackerConfig::default());
    let file = domains.file("a.example");
    for _ in 0..2 {
        Domains::connect(&recording, &file, "a.example", &[]).expect("the certificate there");
        domains.write("a.example");
    }
    recording.stop();
}

#[test]
fn alpn_says_what_is_spoken() {
    let domains = Domains::new();
    let recording = start(&domains, &["a.example"], TrackerConfig::default());
    let file = domains.file("a.example");
    let both: [&[u8]; 2] = [b"http/1.1", b"h2"];
    let stream = Domains::connect(&recording, &file, "a.example", &both).expect("in TLS");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    let mut client = Http2::begin(stream);
    client.ask(1, &recording.tracker.path(click()));
    assert!(client.is_answered());
    assert_eq!(recording.tracker.counters.clicks.get(), 1);
    drop(client);
    let only: [&[u8]; 1] = [b"http/1.1"];
    let mut stream = Domains::connect(&recording, &file, "a.example", &only).expect("in TLS");
    assert!(ask(&mut stream, &get("/")).starts_with("HTTP/1.1 404"));
    assert_eq!(recording.tracker.counters.front.http2_connections.get(), 1);
    recording.stop();
}

#[test]
fn who_is_silent_or_speaks_no_tls_keeps_nobody_waiting() {
    let domains = Domains::new();
    let soon = Duration::from_millis(200);
    let config = TrackerConfig { header_timeout: soon, ..TrackerConfig::default() };
    let recording = start(&domains, &["a.example"], config);
    let mut silent = recording.tracker.connect();
    let mut plain = recording.tracker.connect();
    plain.send(get("/"));
    let file = domains.file("a.example");
    let mut stream = Domains::connect(&recording, &file, "a.example", &[]).expect("in TLS");
    assert!(ask(&mut stream, &get("/")).starts_with("HTTP/1.1 404"));
    assert!(silent.is_closed());
    eventually(|| recording.tracker.counters.front.tls_handshakes_failed.get() == 2);
    recording.stop();
}

#[test]
fn who_has_connected_before_a_shutdown_is_answered() {
    let domains = Domains::new();
    let recording = start(&domains, &["a.example"], TrackerConfig::default());
    let path = recording.tracker.path(click());
    let file = domains.file("a.example");
    let mut stream = Domains::connect(&recording, &file, "a.example", &[]).expect("in TLS");
    eventually(|| recording.tracker.counters.front.tls_connections.get() == 1);
    recording.tracker.shutdown.cancel();
    eventually(|| TcpStream::connect(recording.tracker.address).is_err());
    assert!(ask(&mut stream, &get(&path)).contains(TARGET));
    recording.stop();
}
