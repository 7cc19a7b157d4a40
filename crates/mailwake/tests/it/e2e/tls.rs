//! TLS with programs that know nothing of ours: swaks as client, Postfix as upstream.

use crate::support::{
    PATIENCE, certificate::Certificate, is_left_out, mailwake::Installation, message,
    postfix::Postfix, swaks, upstream::Upstream, wait_for,
};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
};

const ANN: &str = "ann@example.com";

const MESSAGE: &[u8] = b"From: news@shop.example\nSubject: sale\nMIME-Version: 1.0\n\
    Content-Type: text/html\n\n<html><body><a href=\"https://shop.example/\">sale</a></body></html>\n";

#[test]
fn mail_goes_in_tls_on_both_sides() {
    if is_left_out("e2e: TLS") {
        return;
    }
    let postfix = postfix_with_tls();
    let mut delivered = 0;
    for (tls, option) in [("starttls", "--tls"), ("implicit", "--tls-on-connect")] {
        let installation = Installation::new(postfix.port);
        let certificate = set_tls(&installation, tls);
        // Postfix has made its certificate itself: nobody knows it.
        installation.set_gateway("upstream_tls = \"opportunistic\"");
        let serving = installation.serve();
        let authority = certificate.file.display().to_string();
        let options = [option, "--tls-verify", "--tls-ca-path", &authority];
        let port = installation.gateway_port;
        let said = swaks::send_with(&options, port, "news@shop.example", &[ANN], MESSAGE);
        assert!(said.contains("=== TLS started with cipher TLSv1.3"), "{said}");
        delivered += 1;
        let mail = postfix.wait_for_mail(ANN, delivered).pop().expect("a mail");
        let links = message::attributes(&message::part(&mail, "text/html"), "href");
        assert!(links[0].starts_with(&installation.tracking_url), "{links:?}");
        // Postfix tells it in its trace field.
        let received = message::values(&mail, "Received").concat();
        assert!(received.contains("with ESMTPS"), "{received}");
        assert!(serving.stop().success(), "SIGTERM ends serve in order");
    }
}

#[test]
fn upstream_whose_certificate_is_not_trusted_gets_no_mail() {
    if is_left_out("e2e: TLS with upstream") {
        return;
    }
    let postfix = postfix_with_tls();
    let installation = Installation::new(postfix.port);
    installation.set_gateway("upstream_tls = \"required\"");
    let _serving = installation.serve();
    let mut session =
        crate::support::smtp::Session::connect(installation.gateway_port).expect("a greeting");
    let reply = session.command("EHLO client.example.com").expect("a reply");
    assert_eq!(
        (reply.code, &*reply.text),
        (421, "4.3.2 upstream is not available, its TLS failed")
    );
}

#[test]
fn certificate_is_read_again_when_its_files_change() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let first = set_tls(&installation, "implicit");
    let serving = installation.serve();
    greeting(installation.gateway_port, &first).expect("the first certificate");

    let second = Certificate::write(installation.folder(), "mx.example");
    greeting(installation.gateway_port, &second).expect("the second certificate");
    // A mistake is told, and the old one stays.
    std::fs::write(&second.key_file, "no key").expect("write");
    greeting(installation.gateway_port, &second).expect("the old certificate");
    serving.reload();
    wait_for("the mistake to be told", PATIENCE, || {
        serving.log().contains("no private key in PEM").then_some(())
    });
    greeting(installation.gateway_port, &second).expect("the old certificate");
}

#[test]
fn client_without_a_certificate_that_is_required_is_turned_away() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let certificate = set_tls(&installation, "implicit");
    installation.set_gateway(&format!("tls_client_ca_file = \"{}\"", certificate.file.display()));
    let serving = installation.serve();
    greeting(installation.gateway_port, &certificate).expect("a session without one");
    serving.stop();
    installation.set_gateway("tls_client_certificate_required = true");
    let _serving = installation.serve();
    assert_eq!(greeting(installation.gateway_port, &certificate), None);
}

/// Gives the gateway a certificate of its own.
fn set_tls(installation: &Installation, tls: &str) -> Certificate {
    let certificate = Certificate::write(installation.folder(), "mx.example");
    installation.set_gateway(&format!(
        "tls = \"{tls}\"\ntls_certificate_file = \"{}\"\ntls_key_file = \"{}\"",
        certificate.file.display(),
        certificate.key_file.display()
    ));
    certificate
}

fn postfix_with_tls() -> Postfix {
    Postfix::start_with(&[ANN], |folder| {
        let certificate = Certificate::write(&folder.join("etc"), "mx.example.com");
        format!(
            "smtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\n\
             smtpd_tls_security_level = may\nsmtpd_tls_received_header = yes\n",
            certificate.file.display(),
            certificate.key_file.display()
        )
    })
}

/// The greeting in TLS, by a client that trusts one certificate alone.
fn greeting(port: u16, certificate: &Certificate) -> Option<String> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut connection = certificate.client();
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    stream.flush().ok()?;
    let mut greeting = [0; 256];
    let octets = stream.read(&mut greeting).ok().filter(|octets| *octets > 0)?;
    Some(String::from_utf8_lossy(&greeting[..octets]).into_owned())
}
