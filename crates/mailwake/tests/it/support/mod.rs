//! What end-to-end tests need: a real Postfix, smtp-sink and swaks, a running mailwake,
//! small SMTP and HTTP clients of their own, and a reader of messages that shares no code
//! with the one under test. Nothing here leaves loopback or the temporary directory.

pub(crate) mod cassandra;
pub(crate) mod certificate;
pub(crate) mod endpoint;
pub(crate) mod http;
pub(crate) mod mailwake;
pub(crate) mod message;
pub(crate) mod mta;
pub(crate) mod postfix;
pub(crate) mod process;
pub(crate) mod redis;
pub(crate) mod sink;
pub(crate) mod smtp;
pub(crate) mod swaks;
pub(crate) mod undone;
pub(crate) mod upstream;

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicBool, AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

/// The time that anything may take which usually takes less than a second.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Tells clients that load mailwake to end, also when the test fails.
pub(crate) struct EndOfLoad<'a>(pub(crate) &'a AtomicBool);

impl Drop for EndOfLoad<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks again and again until there is an answer. Panics with `what` after `patience`.
/// For what happens in another process, which cannot wake a thread of ours.
pub(crate) fn wait_for<T>(what: &str, patience: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} for {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// Whether the end-to-end tests are left out, which is said on stderr. Nothing else leaves
/// them out: what is missing is a failure that says what to do.
pub(crate) fn is_left_out(test: &str) -> bool {
    let is_left_out = std::env::var_os("MAILWAKE_SKIP_E2E").is_some_and(|value| value == "1");
    if is_left_out {
        say(&format!("NOT RUN: {test} (MAILWAKE_SKIP_E2E=1)"));
    }
    is_left_out
}

/// Writes a line to stderr, past libtest, which keeps what a test prints to itself when
/// the test passes.
pub(crate) fn say(line: &str) {
    // There is nobody left to tell when stderr is closed.
    writeln!(std::io::stderr(), "{line}").ok();
}

/// A port of loopback that nobody listens on. It lies below the range of ephemeral ports:
/// otherwise an outgoing connection could take it between two starts of a server, or a
/// client that dials a server which is down could be connected to itself.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000;
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let ephemeral: u16 =
        range.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(32_768);
    let span = ephemeral.max(first + 1_000) - first;
    // Test processes that run at the same time start at different places.
    let start = (std::process::id() % 97) as u16 * 211;
    (0..span)
        .map(|_| {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            first + start.wrapping_add(step) % span
        })
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port on loopback")
}
