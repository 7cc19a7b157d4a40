//! TLS, abused: handshakes that are none or do not end, names that nobody has, and over it the
//! same as without.

use super::{
    super::load::under_load,
    Target,
    http2::{
        CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PREFACE, RST_STREAM, SETTINGS, frame, head,
    },
    read_all,
};
use crate::support::{
    PATIENCE, certificate::Certificate, free_port, mailwake::Installation, wait_for,
};
use rustls::{ClientConnection, StreamOwned};
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::atomic::Ordering,
};

const DOMAIN: &str = "track.example.com";

/// How many times everything is done.
const TIMES: usize = 20;

/// A tracker with a listener in TLS.
struct Secure {
    target: Target,
    port: u16,
    certificate: Certificate,
}

impl Secure {
    fn start(tracker: &str) -> Self {
        let installation = Installation::new(free_port());
        let certificate = Certificate::write(installation.folder(), DOMAIN);
        let (file, key_file) = (&certificate.file, &certificate.key_file);
        let port = free_port();
        let tables = format!(
            "[tracker.listener.tls]\nlisten = \"127.0.0.1:{port}\"\ntls = true\n\
             [tracker.domain.\"{DOMAIN}\"]\n\
             tls_certificate_file = {file:?}\ntls_key_file = {key_file:?}\n[admin]\n"
        );
        installation.set("[tracker]\n", &format!("[tracker]\n{tracker}\n"));
        installation.set("[admin]\n", &tables);
        Self { target: Target::of(installation), port, certificate }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        stream
    }

    fn shake_hands(&self, name: &str) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let client = self.certificate.client_asking(name, &[b"h2"]);
        let mut stream = StreamOwned::new(client, self.connect());
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }

    /// Sends frames of HTTP/2, and checks that the tracker ends the connection with a reason.
    fn flood(&self, frames: &[u8]) {
        let mut stream = self.shake_hands(DOMAIN).expect("in TLS");
        stream.sock.set_nodelay(true).expect("a socket");
        let opening = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        stream.write_all(&opening).expect("sent");
        // Closed by the tracker before it has read all, which is what was wanted.
        stream.write_all(frames).and_then(|()| stream.flush()).ok();
        let mut buffer = [0; 4_096];
        let ended = loop {
            match stream.read(&mut buffer) {
                Ok(0) => break None,
                Ok(_) => {}
                Err(error) => break Some(error.kind()),
            }
        };
        assert_ne!(ended, Some(io::ErrorKind::WouldBlock), "the connection stays open");
    }

    fn handshakes_failed(&self) -> f64 {
        self.target.installation.metric("mailwake_tracker_tls_handshakes_failed_total")
    }

    fn wait_for_failures(&self, count: usize) {
        wait_for("handshakes that have failed", PATIENCE, || {
            (self.handshakes_failed() >= count as f64).then_some(())
        });
    }

    /// Checks that others are served as before, in TLS as well, and that nothing has grown.
    fn end(self) {
        drop(self.shake_hands(DOMAIN).expect("the certificate of the domain"));
        self.target.end();
    }
}

#[test]
fn garbage_in_the_place_of_a_handshake_is_the_end_of_it() {
    let secure = Secure::start("");
    let hello = |length: u8, octets: &[u8]| [&[22, 3, 1, 0, length], octets].concat();
    let garbage = [
        b"GET / HTTP/1.1\r\nHost: t.example\r\n\r\n".to_vec(),
        [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat(),
        vec![0; 5_000],
        vec![0xff; 5_000],
        // Records that are empty, too long, of another kind, or broken off.
        hello(0, &[]),
        [&[22, 3, 1, 0xff, 0xff][..], &[1; 5_000]].concat(),
        vec![23, 3, 3, 0, 4, 1, 2, 3, 4],
        vec![21, 3, 3, 0, 2, 2, 40],
        hello(40, &[1]),
        // A greeting that is none, and one of 16 MiB.
        hello(6, &[1, 0, 0, 2, 3, 3]),
        [hello(4, &[1, 0xff, 0xff, 0xff]), [&[22, 3, 1, 64, 0][..], &[0; 16_384]].concat()]
            .concat(),
        // Fragments of an octet each.
        [1, 0, 1, 0].iter().flat_map(|octet| hello(1, &[*octet])).collect(),
    ];
    for octets in &garbage {
        for _ in 0..TIMES {
            let mut stream = secure.connect();
            stream.write_all(octets).ok();
            stream.shutdown(Shutdown::Write).ok();
            let mut answers = Vec::new();
            read_all(&mut stream, &mut answers);
            // An alert at most (RFC 8446 §6): 7 octets, 2 of them its own.
            assert!(answers.len() <= 7, "{octets:?}: {answers:?}");
        }
    }
    secure.wait_for_failures(garbage.len() * TIMES);
    secure.end();
}

#[test]
fn handshakes_that_do_not_end_delay_nobody_and_are_cut_off() {
    let secure = Secure::start("header_timeout_seconds = 2");
    let slow: Vec<_> = (0..200).map(|_| secure.connect()).collect();
    for mut stream in &slow {
        // The half of a greeting.
        stream.write_all(&[&[22, 3, 1, 32, 0, 1, 0, 31, 252][..], &[3; 4_000]].concat()).ok();
    }
    let (load, ()) = under_load(&secure.target.installation, 4, |load| load.wait_for_more(500));
    assert_eq!(load.broken.load(Ordering::Relaxed), 0);
    assert!(!load.redirected().is_empty());
    for mut stream in slow {
        // An octet now and then does not keep a connection.
        stream.write_all(&[3]).ok();
        read_all(&mut stream, &mut Vec::new());
    }
    secure.wait_for_failures(200);
    secure.end();
}

#[test]
fn names_that_nobody_has_are_no_memory() {
    let secure = Secure::start("");
    for number in 0..500 {
        let name = format!("{}{number}.example.com", "a".repeat(number % 50));
        assert!(secure.shake_hands(&name).is_err(), "{name}");
    }
    secure.wait_for_failures(500);
    secure.end();
}

#[test]
fn rapid_resets_in_tls_are_cut_off() {
    let secure = Secure::start("");
    let resets: Vec<u8> = (0..20_000_u32)
        .map(|number| 2 * number + 1)
        .flat_map(|stream| {
            let asked = frame(HEADERS, END_STREAM | END_HEADERS, stream, &head("/x"));
            [asked, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
        })
        .collect();
    for _ in 0..TIMES {
        secure.flood(&resets);
    }
    secure.end();
}

#[test]
fn header_bombs_in_tls_are_cut_off() {
    let secure = Secure::start("idle_timeout_seconds = 2\nheader_timeout_seconds = 2");
    let begin = frame(HEADERS, END_STREAM, 1, &head("/x"));
    let field = [&[0, 1, b'x', 100][..], &[b'y'; 100]].concat();
    let endless = frame(CONTINUATION, 0, 1, &field).repeat(20_000);
    let long = frame(CONTINUATION, 0, 1, &[b'y'; 16_000]).repeat(100);
    // A field of 4,000 octets, and what stands for it 12,000 times (RFC 7541 §7.3).
    let indexed = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'z'; 4_000]].concat();
    let block = [head("/x"), indexed, vec![0xbe; 12_000]].concat();
    let repeated = [
        frame(HEADERS, END_STREAM, 1, &block[..16_000]),
        frame(CONTINUATION, END_HEADERS, 1, &block[16_000..]),
    ];
    let bombs =
        [[begin.clone(), endless].concat(), [begin.clone(), long].concat(), repeated.concat()];
    for bomb in &bombs {
        for _ in 0..TIMES {
            secure.flood(bomb);
        }
    }
    secure.end();
}
