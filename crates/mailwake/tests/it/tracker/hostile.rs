//! Clients that mean harm. None gets a redirect that we did not seal, none costs another its
//! click, and none grows memory.

mod framing;
mod http2;
mod paths;
mod tls;
mod tokens;

use super::load::{Answer, Client, click, keys, sealed};
use crate::support::{
    free_port,
    mailwake::{Installation, Serving},
};
use std::io::{self, Read, Write};
use std::{net::TcpStream, time::Duration};

/// What the process may have grown by, whatever was thrown at it. The allocator keeps some.
const GROWTH_KIB_MAX: u64 = 24 * 1_024;

/// Clicks before the first attack.
const WARM_UP: u64 = 200;

/// A tracker that is attacked.
struct Target {
    installation: Installation,
    serving: Serving,
    before_kib: u64,
}

impl Target {
    /// One with further keys under `[tracker]`. It has served some already: what a first
    /// request takes is no harm.
    fn start(tracker: &str) -> Self {
        let installation = Installation::new(free_port());
        installation.set("[tracker]\n", &format!("[tracker]\n{tracker}\n"));
        Self::of(installation)
    }

    fn of(installation: Installation) -> Self {
        let serving = installation.serve_roles("tracker,store");
        for _ in 0..WARM_UP {
            assert!(click_on(&installation).is_redirect());
        }
        let before_kib = serving.memory_kib("VmRSS");
        Self { installation, serving, before_kib }
    }

    fn connect(&self) -> Client {
        Client::connect(&self.installation).expect("a connection")
    }

    /// Sends octets on a connection of their own, and gives all that comes back until the
    /// tracker closes it or says nothing for a while.
    fn throw(&self, octets: &[u8]) -> Vec<u8> {
        let address = self.installation.tracking_url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        // A tracker that closes before it has read all may reset the connection.
        stream.write_all(octets).ok();
        stream.shutdown(std::net::Shutdown::Write).ok();
        let mut answers = Vec::new();
        read_all(&mut stream, &mut answers);
        answers
    }

    fn path(&self) -> String {
        sealed(&keys(&self.installation), click()).1
    }

    /// Checks that others are served as before, and that nothing has grown; then ends it.
    fn end(self) {
        assert!(click_on(&self.installation).is_redirect());
        let after_kib = self.serving.memory_kib("VmRSS");
        let growth = after_kib.saturating_sub(self.before_kib);
        assert!(growth < GROWTH_KIB_MAX, "{growth} KiB more than {} KiB", self.before_kib);
        assert!(self.serving.stop().success(), "SIGTERM ends serve in order");
    }
}

fn click_on(installation: &Installation) -> Answer {
    let (_, path) = sealed(&keys(installation), click());
    let mut client = Client::connect(installation).expect("a connection");
    client.get(&path).expect("an answer")
}

fn read_all(stream: &mut TcpStream, answers: &mut Vec<u8>) {
    let mut buffer = [0; 16 * 1_024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(octets) => answers.extend_from_slice(&buffer[..octets]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return,
            Err(error) => panic!("the connection stays open: {error}"),
        }
    }
}

/// The status codes of all answers in what came back.
fn statuses(answers: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answers);
    let lines = text.split("\r\n").map(|line| line.rsplit('\n').next().unwrap_or(line));
    let codes = lines.filter_map(|line| line.split_once("HTTP/1.1 ")?.1.get(..3)?.parse().ok());
    codes.collect()
}

/// Checks that nothing that came back leads anywhere.
fn check_no_redirect(answers: &[u8], what: &str) {
    let text = String::from_utf8_lossy(answers).to_ascii_lowercase();
    assert!(!text.contains("\nlocation:"), "{what}: {text}");
}
