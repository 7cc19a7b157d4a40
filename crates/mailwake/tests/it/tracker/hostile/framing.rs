//! Requests that do not end, have no end to find or two of them; clients that are slow, and
//! clients that are many.

use super::{
    super::load::{click, keys, sealed, under_load},
    Target, check_no_redirect, statuses,
};
use std::sync::atomic::Ordering;

#[test]
fn header_bombs_are_cut_off() {
    let target = Target::start("");
    let path = target.path();
    let bombs = [
        ("fields without end", "X: y\r\n".repeat(500_000)),
        ("a field without end", format!("X: {}", "y".repeat(4 << 20))),
        ("a name without end", "y".repeat(4 << 20)),
        ("a hundred and one fields", format!("{}\r\n", "X: y\r\n".repeat(101))),
        ("a cookie", format!("Cookie: {}\r\n\r\n", "a=b;".repeat(8 << 10))),
    ];
    for (name, bomb) in &bombs {
        for _ in 0..20 {
            let request = format!("GET {path} HTTP/1.1\r\nHost: t.example\r\n{bomb}");
            let answers = target.throw(request.as_bytes());
            check_no_redirect(&answers, name);
            // A client that is still sending may be reset before it reads.
            assert!(matches!(statuses(&answers)[..], [431 | 400] | []), "{name}");
        }
    }
    let endless = format!("GET /{} HTTP/1.1\r\n", "a".repeat(4 << 20));
    check_no_redirect(&target.throw(endless.as_bytes()), "a path without end");
    let lines = "\r\n".repeat(1 << 20);
    check_no_redirect(&target.throw(lines.as_bytes()), "empty lines");
    target.end();
}

/// Requests whose end a proxy in front may see elsewhere (RFC 9112 §6.3, §11.2). What would
/// be a second request to one of them is none to us.
#[test]
fn smuggled_requests_are_not_answered() {
    let target = Target::start("");
    let path = target.path();
    let smuggled = format!("GET {path} HTTP/1.1\r\nHost: t.example\r\n\r\n");
    for fields in [
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length: 0\r\nContent-Length: 44\r\n",
        "Content-Length: +0\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x10\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "X: a\rContent-Length: 0\r\n",
    ] {
        let request =
            format!("POST /x HTTP/1.1\r\nHost: t.example\r\n{fields}\r\n0\r\n\r\n{smuggled}");
        let answers = target.throw(request.as_bytes());
        let codes = statuses(&answers);
        let is_one_reading = codes.len() == 1 || codes == [405, 302];
        assert!(is_one_reading, "{fields:?}: {codes:?}");
        if fields.contains("Content-Length") && fields.contains("Transfer-Encoding") {
            // RFC 9112 §6.3: both together are an error, or the connection ends.
            assert_eq!(codes.len(), 1, "{fields:?}: {codes:?}");
        }
    }
    target.end();
}

#[test]
fn bodies_are_not_waited_for() {
    let target = Target::start("header_timeout_seconds = 1\nidle_timeout_seconds = 1");
    let path = target.path();
    for method in ["GET", "POST"] {
        let mut slow: Vec<_> = (0..100).map(|_| target.connect()).collect();
        for client in &mut slow {
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: t.example\r\nContent-Length: 1000000\r\n\r\nslow"
            );
            client.send(head.as_bytes()).expect("sent");
        }
        for client in &mut slow {
            let answer = client.receive().expect("an answer");
            assert_eq!(answer.status, if method == "GET" { 302 } else { 405 });
            assert!(client.is_closed());
        }
    }
    target.end();
}

#[test]
fn slow_clients_delay_nobody_and_are_cut_off() {
    let target = Target::start("header_timeout_seconds = 2");
    let mut slow: Vec<_> = (0..500).map(|_| target.connect()).collect();
    for client in &mut slow {
        client.send(b"GET / HTTP/1.1\r\nHost: t.exam").expect("sent");
    }
    let (load, ()) = under_load(&target.installation, 4, |load| load.wait_for_more(500));
    assert_eq!(load.broken.load(Ordering::Relaxed), 0);
    assert!(!load.redirected().is_empty());
    for client in &mut slow {
        // An octet now and then does not keep a connection.
        client.send(b"p").ok();
        assert!(client.is_closed());
    }
    drop(slow);
    target.end();
}

#[test]
fn floods_of_pipelined_requests_are_answered_in_order() {
    let target = Target::start("");
    let keys = keys(&target.installation);
    let (_, path) = sealed(&keys, click());
    let request = format!("GET {path} HTTP/1.1\r\nHost: t.example\r\n\r\n");
    let unknown = "GET /x HTTP/1.1\r\nHost: t.example\r\n\r\n";
    for _ in 0..5 {
        let answers = target.throw(format!("{request}{unknown}").repeat(400).as_bytes());
        let codes = statuses(&answers);
        assert_eq!(codes.len(), 800);
        assert!(codes.chunks(2).all(|pair| pair == [302, 404]));
    }
    target.end();
}

/// More than a connection may ask, and nobody who reads: it is closed, or waits for itself.
#[test]
fn floods_that_nobody_reads_are_no_memory() {
    let target = Target::start("header_timeout_seconds = 1\nidle_timeout_seconds = 1");
    let unknown = "GET /x HTTP/1.1\r\nHost: t.example\r\n\r\n".repeat(5_000);
    let mut floods: Vec<_> = (0..50).map(|_| target.connect()).collect();
    for client in &mut floods {
        client.send_some(unknown.as_bytes());
    }
    let (load, ()) = under_load(&target.installation, 4, |load| load.wait_for_more(200));
    assert_eq!(load.broken.load(Ordering::Relaxed), 0);
    assert!(!load.redirected().is_empty());
    drop(floods);
    target.end();
}

/// Clients that ask once and stay: 10,000 of them are to take less than 300 MB.
#[test]
fn clients_who_stay_take_little_memory() {
    const CLIENTS: u64 = 800;
    const KIB_EACH_MAX: u64 = 28;
    let target = Target::start("");
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| target.connect()).collect();
    for client in &mut clients {
        // What is counted would take memory of the store as well.
        assert_eq!(client.get("/robots.txt").expect("an answer").status, 200);
    }
    let growth = target.serving.memory_kib("VmRSS").saturating_sub(target.before_kib);
    assert!(growth < CLIENTS * KIB_EACH_MAX, "{growth} KiB for {CLIENTS} clients");
    drop(clients);
    target.end();
}
