//! What clients do wrong, and how long they may.

use super::support::{Recording, TARGET, click, eventually, get};
use crate::tracker::TrackerConfig;
use std::time::Duration;

fn check(request: &str, status: u16) {
    let recording = Recording::start();
    let mut client = recording.tracker.connect();
    let answer = client.ask(request);
    assert_eq!((answer.status, answer.is_refusal()), (status, true));
    assert!(client.is_closed());
    recording.stop();
}

#[test]
fn malformed_http_is_a_bad_request() {
    check("EHLO sender.example\r\n\r\n", 400);
}

#[test]
fn a_header_without_a_colon_is_a_bad_request() {
    check("GET / HTTP/1.1\r\nHost t.example\r\n\r\n", 400);
}

#[test]
fn header_fields_have_a_limit_in_octets() {
    let long = "x".repeat(17_000);
    check(&format!("GET / HTTP/1.1\r\nHost: t.example\r\nCookie: {long}\r\n\r\n"), 431);
}

#[test]
fn header_fields_have_a_limit_in_number() {
    let many = "X: y\r\n".repeat(101);
    check(&format!("GET / HTTP/1.1\r\nHost: t.example\r\n{many}\r\n"), 431);
}

#[test]
fn a_request_names_one_host() {
    let recording = Recording::start();
    let path = recording.tracker.path(click());
    for hosts in ["", "Host: t.example\r\nHost: t.example\r\n"] {
        let answer = recording.tracker.ask(&format!("GET {path} HTTP/1.1\r\n{hosts}\r\n"));
        assert_eq!((answer.status, answer.is_refusal()), (400, true));
    }
    assert_eq!(recording.tracker.counters.bad_hosts.get(), 2);
    recording.stop();
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let recording = Recording::start();
    let mut client = recording.tracker.connect();
    let path = recording.tracker.path(click());
    assert_eq!(client.ask(&format!("GET {path} HTTP/1.0\r\n\r\n")).field("location"), Some(TARGET));
    assert!(client.is_closed());
    recording.stop();
}

#[test]
fn a_client_that_sends_no_more_is_answered() {
    let recording = Recording::start();
    let mut client = recording.tracker.connect();
    client.send(get(&recording.tracker.path(click())));
    client.send_no_more();
    assert_eq!(client.receive(true).field("location"), Some(TARGET));
    assert!(client.is_closed());
    assert_eq!(recording.events().len(), 1);
    recording.stop();
}

#[test]
fn a_connection_ends_after_so_many_requests() {
    let recording = Recording::with(TrackerConfig {
        requests_per_connection_max: 2,
        ..TrackerConfig::default()
    });
    let request = get(&recording.tracker.path(click()));
    let mut client = recording.tracker.connect();
    assert_eq!(client.ask(&request).field("connection"), None);
    assert_eq!(client.ask(&request).field("connection"), Some("close"));
    assert!(client.is_closed());
    recording.stop();
}

fn hasty() -> TrackerConfig {
    let soon = Duration::from_millis(50);
    TrackerConfig { header_timeout: soon, idle_timeout: soon, ..TrackerConfig::default() }
}

#[test]
fn a_request_that_does_not_arrive_ends_its_connection() {
    let recording = Recording::with(hasty());
    let mut silent = recording.tracker.connect();
    let mut slow = recording.tracker.connect();
    slow.send("GET / HTTP/1.1\r\nHost: ");
    assert!(silent.is_closed());
    assert!(slow.is_closed());
    recording.stop();
}

#[test]
fn a_second_request_has_to_arrive_as_well() {
    let recording =
        Recording::with(TrackerConfig { idle_timeout: Duration::from_secs(60), ..hasty() });
    let mut client = recording.tracker.connect();
    client.ask(&get("/"));
    client.send("GET / HTTP/1.1\r\nHost: ");
    assert!(client.is_closed());
    recording.stop();
}

#[test]
fn an_idle_connection_ends() {
    let recording =
        Recording::with(TrackerConfig { header_timeout: Duration::from_secs(60), ..hasty() });
    let mut client = recording.tracker.connect();
    client.ask(&get("/"));
    assert!(client.is_closed());
    recording.stop();
}

#[test]
fn connections_over_the_limit_wait_for_a_place() {
    let recording =
        Recording::with(TrackerConfig { connections_max: 1, ..TrackerConfig::default() });
    let counters = &recording.tracker.counters;
    let mut first = recording.tracker.connect();
    assert_eq!(first.ask(&get("/")).status, 404);
    let mut second = recording.tracker.connect();
    second.send(get("/"));
    eventually(|| counters.connections_at_limit.get() == 1);
    assert_eq!(counters.connections.get(), 1);
    drop(first);
    assert_eq!(second.receive(true).status, 404);
    recording.stop();
}
