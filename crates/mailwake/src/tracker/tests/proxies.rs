//! Whose request it is, behind proxies and without.

use super::support::{PATIENCE, Recording, TARGET, click, eventually, get};
use crate::tracker::{ClientAddressFrom, TrackerConfig};

fn behind(proxies: &[&str], from: ClientAddressFrom) -> Recording {
    Recording::with(TrackerConfig {
        trusted_proxies: proxies.iter().map(|text| text.parse().expect("a network")).collect(),
        client_address_from: from,
        durable_deadline: PATIENCE,
        ..TrackerConfig::default()
    })
}

/// The address in the event of a click that came with these fields.
fn client(recording: &Recording, fields: &str) -> String {
    let path = recording.tracker.path(click());
    let request = format!("GET {path} HTTP/1.1\r\nHost: t.example\r\n{fields}\r\n");
    assert_eq!(recording.tracker.ask(&request).field("location"), Some(TARGET));
    last_address(recording)
}

fn last_address(recording: &Recording) -> String {
    let mut events = recording.events();
    let visit = events.pop().and_then(|event| event.occurrence.visit().cloned());
    visit.and_then(|visit| visit.ip_address).expect("a click").to_string()
}

#[test]
fn nobody_is_believed_by_default() {
    let recording = Recording::start();
    for fields in [
        "X-Forwarded-For: 192.0.2.1\r\n",
        "X-Real-IP: 192.0.2.1\r\n",
        "Forwarded: for=192.0.2.1\r\n",
    ] {
        assert_eq!(client(&recording, fields), "127.0.0.1");
    }
    recording.stop();
}

#[test]
fn who_is_not_trusted_is_not_believed() {
    let recording = behind(&["192.0.2.0/24"], ClientAddressFrom::XForwardedFor);
    assert_eq!(client(&recording, "X-Forwarded-For: 192.0.2.1\r\n"), "127.0.0.1");
    recording.stop();
}

#[test]
fn one_field_of_trusted_proxies_counts() {
    let fields = "X-Forwarded-For: 203.0.113.1, 192.0.2.1, 127.0.0.7\r\n\
                  Forwarded: for=192.0.2.2\r\nX-Real-IP: 192.0.2.3\r\n";
    for (from, address) in [
        (ClientAddressFrom::XForwardedFor, "192.0.2.1"),
        (ClientAddressFrom::Forwarded, "192.0.2.2"),
        (ClientAddressFrom::XRealIp, "192.0.2.3"),
    ] {
        let recording = behind(&["127.0.0.0/8"], from);
        assert_eq!(client(&recording, fields), address);
        assert_eq!(client(&recording, ""), "127.0.0.1");
        assert_eq!(recording.tracker.counters.front.client_addresses_unknown.get(), 0);
        recording.stop();
    }
}

#[test]
fn a_field_without_an_address_is_counted_and_the_proxy_is_the_client() {
    let recording = behind(&["127.0.0.1"], ClientAddressFrom::XForwardedFor);
    assert_eq!(client(&recording, "X-Forwarded-For: unknown\r\n"), "127.0.0.1");
    assert_eq!(recording.tracker.counters.front.client_addresses_unknown.get(), 1);
    recording.stop();
}

#[test]
fn a_balancer_tells_the_client_of_a_connection() {
    let recording = behind(&["127.0.0.1"], ClientAddressFrom::ProxyProtocol);
    let path = recording.tracker.path(click());
    let line: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 54321 80\r\n";
    let binary: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x08\x0a\0\0\x01\xd4\x31\0\x50";
    for (header, address) in [(line, "192.0.2.7"), (binary, "192.0.2.8")] {
        let mut client = recording.tracker.connect();
        client.send(header);
        for _ in 0..2 {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: t.example\r\n\
                                   X-Forwarded-For: 203.0.113.1\r\n\r\n"
            );
            assert_eq!(client.ask(&request).field("location"), Some(TARGET));
            assert_eq!(last_address(&recording), address);
        }
    }
    recording.stop();
}

#[test]
fn a_balancer_that_tells_no_client_is_turned_away() {
    let recording = behind(&["127.0.0.1"], ClientAddressFrom::ProxyProtocol);
    let mut client = recording.tracker.connect();
    client.send(get("/"));
    assert!(client.is_closed());
    assert_eq!(recording.tracker.counters.front.proxy_headers_missing.get(), 1);
    recording.stop();
}

#[test]
fn an_address_has_its_share_of_connections() {
    let recording = Recording::with(TrackerConfig {
        connections_per_address_max: 2,
        trusted_proxies: vec!["127.0.0.1".parse().expect("a network")],
        client_address_from: ClientAddressFrom::ProxyProtocol,
        ..TrackerConfig::default()
    });
    let connect = |address: &str| {
        let mut client = recording.tracker.connect();
        client.send(format!("PROXY TCP4 {address} 10.0.0.1 54321 80\r\n"));
        client
    };
    let mut first = connect("192.0.2.7");
    let mut second = connect("192.0.2.7");
    for client in [&mut first, &mut second] {
        assert_eq!(client.ask(&get("/")).status, 404);
    }
    assert!(connect("192.0.2.7").is_closed());
    assert_eq!(connect("192.0.2.8").ask(&get("/")).status, 404);
    assert_eq!(recording.tracker.counters.front.connections_of_address_refused.get(), 1);
    drop(first);
    // Its place is free as soon as the tracker has seen that it went.
    eventually(|| !connect("192.0.2.7").is_refused());
    recording.stop();
}
