//! A receiver in TLS that asks for a certificate.

use super::*;
use crate::net::tls::client::OwnCertificate;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::path::PathBuf;

/// A certificate that is its own authority: its file, and that of its key.
fn certificate(fixture: &Fixture, name: &str, usage: ExtendedKeyUsagePurpose) -> OwnCertificate {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.extended_key_usages = vec![usage];
    let certificate = params.self_signed(&key).expect("a certificate");
    let write = |end: &str, pem: String| -> PathBuf {
        let file = fixture.folder.path().join(format!("{name}.{end}"));
        fs::write(&file, pem).expect("written");
        file
    };
    let key = write("key.pem", key.serialize_pem());
    OwnCertificate { certificate: write("pem", certificate.pem()), key }
}

/// Takes connections of clients with this certificate alone, and answers 200.
fn server(listener: TcpListener, own: &OwnCertificate, client: &OwnCertificate) {
    let read = |file: &PathBuf| CertificateDer::from_pem_file(file).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(read(&client.certificate)).expect("an authority");
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("a verifier");
    let key = PrivateKeyDer::from_pem_file(&own.key).expect("a key");
    let config = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![read(&own.certificate)], key);
    let config = Arc::new(config.expect("a configuration"));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(config.clone()).expect("a connection");
            let mut stream = BufReader::new(StreamOwned::new(connection, stream));
            let mut head = String::new();
            // A client that is not known gets no further than the handshake.
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).is_ok_and(|n| n > 0) {}
            if head.ends_with("\r\n\r\n") {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                stream.get_mut().write_all(answer).expect("an answer");
            }
        }
    });
}

#[tokio::test]
async fn a_certificate_is_shown_to_a_receiver_that_asks_for_one() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = listener.local_addr().expect("bound").port();
    let url = format!("https://localhost:{port}/").parse().expect("a URL");
    let mut fixture = Fixture::new(url);
    let of_server = certificate(&fixture, "localhost", ExtendedKeyUsagePurpose::ServerAuth);
    let of_client = certificate(&fixture, "mailwake", ExtendedKeyUsagePurpose::ClientAuth);
    server(listener, &of_server, &of_client);
    fixture.config.http.verification = Verification::Authorities(of_server.certificate.clone());
    let batch = batch(&fixture.webhook(), 1);

    let told = fixture.webhook().send(&batch).await.expect_err("no certificate");
    assert!(matches!(told, SendError::Retry { status: None, .. }), "{told:?}");
    fixture.config.http.own_certificate = Some(of_client.clone());
    let receipt = fixture.webhook().send(&batch).await.expect("arrived");
    assert_eq!(receipt.status, Some(200));

    // A server that is none of the authorities gets nothing.
    fixture.config.http.verification = Verification::Authorities(of_client.certificate);
    let told = fixture.webhook().send(&batch).await.expect_err("not known");
    assert!(told.to_string().starts_with("speak TLS: "), "{told}");
}
