//! What goes wrong besides disks, under load: processes that are killed, clocks that jump,
//! keys that change, others that take what there is.

use super::load::{
    Client, check_kept, check_logged, click, keys, logged_clicks, sealed, under_load,
};
use crate::support::{PATIENCE, free_port, mailwake::Installation, say, wait_for};
use std::{
    fs,
    net::TcpStream,
    path::Path,
    sync::{Arc, atomic::Ordering},
};
use tracking::token::key::KeyRing;

const CLIENTS: usize = 8;

fn installation(tracker: &str) -> Installation {
    let installation = Installation::new(free_port());
    installation.set("[tracker]\n", &format!("[tracker]\n{tracker}\n"));
    installation
}

#[test]
fn fault_sigkill_under_load_loses_no_answered_click() {
    let installation = installation("");
    let mut serving = Some(installation.serve_roles("tracker"));
    let (load, ()) = under_load(&installation, CLIENTS, |load| {
        for _ in 0..5 {
            load.wait_for_more(200);
            serving.take().expect("it runs").kill();
            serving = Some(installation.serve_roles("tracker"));
        }
        load.wait_for_more(200);
    });
    assert!(load.broken.load(Ordering::Relaxed) > 0, "nobody noticed the kills");
    check_kept(&installation, serving.expect("it runs"), load);
}

#[test]
fn fault_sighup_under_load_breaks_no_connection() {
    let installation = installation("");
    let serving = installation.serve_roles("tracker");
    let (load, ()) = under_load(&installation, CLIENTS, |load| {
        for _ in 0..20 {
            serving.reload();
            load.wait_for_more(50);
        }
    });
    assert_eq!(load.broken.load(Ordering::Relaxed), 0);
    check_kept(&installation, serving, load);
}

#[test]
fn fault_key_ring_that_is_replaced_gone_or_garbage_breaks_no_link() {
    let installation = installation("");
    let serving = installation.serve_roles("tracker");
    let path = installation.folder().join("keys.toml");
    let good = fs::read_to_string(&path).expect("a key ring");
    let told = |text: &str| serving.log().matches(text).count();
    let (load, ()) = under_load(&installation, CLIENTS, |load| {
        for _ in 0..3 {
            installation.rotate_keys();
            serving.reload();
            load.wait_for_more(50);
        }
        let rotated = fs::read_to_string(&path).expect("a key ring");
        for (number, garbage) in ["", "no key ring", &good[..good.len() / 2]].iter().enumerate() {
            fs::write(&path, garbage).expect("written");
            serving.reload();
            wait_for("the mistake to be told", PATIENCE, || {
                (told("configuration was not reloaded") > number).then_some(())
            });
            load.wait_for_more(50);
        }
        fs::remove_file(&path).expect("a file that is there");
        serving.reload();
        load.wait_for_more(50);
        fs::write(&path, rotated).expect("written");
        serving.reload();
        load.wait_for_more(50);
    });
    assert_eq!(load.broken.load(Ordering::Relaxed), 0);
    check_kept(&installation, serving, load);
}

#[test]
fn fault_sighup_that_was_forgotten_loses_no_click() {
    let installation = installation("");
    let serving = installation.serve_roles("tracker");
    installation.rotate_keys();
    let (_, path) = sealed(&keys(&installation), click());
    let mut client = Client::connect(&installation).expect("a connection");
    assert!(client.get(&path).expect("an answer").is_redirect());
    assert_eq!(installation.metric("mailwake_tracker_keys_read_again_total"), 1.0);
    assert_eq!(installation.metric("mailwake_tracker_unknown_keys_total"), 0.0);

    // What nobody has sealed has the file looked at, and not read.
    let strange = Arc::new(strange_ring());
    for _ in 0..50 {
        let (_, path) = sealed(&strange, click());
        assert_eq!(client.get(&path).expect("an answer").status, 404);
    }
    assert_eq!(installation.metric("mailwake_tracker_keys_read_again_total"), 1.0);
    assert_eq!(installation.metric("mailwake_tracker_unknown_keys_total"), 50.0);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// A ring whose active key has an id that no other ring here has.
fn strange_ring() -> KeyRing {
    let mut ring = KeyRing::generate([9; 32], "2026-11-21");
    for number in 2..20 {
        ring.rotate([number; 32], "2026-11-21").expect("room");
    }
    ring
}

#[test]
fn fault_clock_that_jumps_loses_no_click() {
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
    if !Path::new(library).exists() {
        return say("NOT RUN: clock that jumps: apt-get install faketime");
    }
    let installation = installation("");
    let clock = installation.folder().join("clock");
    let set = |offset: &str| fs::write(&clock, offset).expect("written");
    set("+0");
    let serving = installation.serve_with(
        "tracker,store",
        &[
            ("LD_PRELOAD", library),
            ("FAKETIME_TIMESTAMP_FILE", &clock.display().to_string()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ],
    );
    let (load, ()) = under_load(&installation, CLIENTS, |load| {
        load.wait_for_more(100);
        for offset in ["+2d", "-10d", "+1y", "-40y", "+0"] {
            set(offset);
            load.wait_for_more(100);
        }
    });
    assert_eq!(load.broken.load(Ordering::Relaxed), 0);
    check_kept(&installation, serving, load);
    let serving = installation.serve_roles("tracker,store");
    let days = || {
        let events = installation.events(&["--type", "click"]);
        let stamps = events.iter().filter_map(|event| event["timestamp"].as_i64());
        stamps.map(|stamp| stamp / 86_400_000).collect::<std::collections::BTreeSet<_>>()
    };
    wait_for("clicks of all those days", PATIENCE, || (days().len() >= 4).then_some(()));
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn fault_flood_at_the_operators_view_delays_no_click() {
    let installation = installation("");
    installation.set("[admin]\n", "[admin]\nconnections_max = 8\ntimeout_seconds = 5\n");
    let serving = installation.serve_roles("tracker");
    let admin = installation.admin_address();
    let flood: Vec<_> = (0..200).filter_map(|_| TcpStream::connect(&admin).ok()).collect();
    assert!(flood.len() >= 8, "{} connections", flood.len());
    let (load, ()) = under_load(&installation, CLIENTS, |load| load.wait_for_more(500));
    drop(flood);
    assert_eq!(load.broken.load(Ordering::Relaxed), 0);
    let answered = load.redirected();
    assert_eq!(installation.admin("health").status, 200);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    check_logged(&installation, &answered);
}

#[test]
fn fault_file_descriptors_that_are_used_up_lose_no_click() {
    let installation = installation("");
    let serving = installation.serve_roles("tracker");
    let mut kept = Client::connect(&installation).expect("a connection");
    let keys = keys(&installation);
    assert!(kept.get(&sealed(&keys, click()).1).expect("an answer").is_redirect());
    let limit = format!("--nofile={0}:{0}", serving.open_files() + 20);
    if let Err(error) =
        super::machine::run("prlimit", &["--pid", &serving.id().to_string(), &limit])
    {
        return say(&format!("NOT RUN: file descriptors used up: {error}"));
    }
    let idle: Vec<_> = (0..100).map(|_| Client::connect(&installation)).collect();
    wait_for("the limit to be told", PATIENCE, || {
        serving.log().contains("no connection can be accepted").then_some(())
    });
    // Who is connected goes on.
    for _ in 0..100 {
        assert!(kept.get(&sealed(&keys, click()).1).expect("an answer").is_redirect());
    }
    drop(idle);
    let (load, ()) = under_load(&installation, CLIENTS, |load| load.wait_for_more(100));
    let answered = load.redirected();
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    check_logged(&installation, &answered);
    assert!(logged_clicks(&installation).len() >= answered.len() + 101);
}

#[test]
fn fault_one_thread_serves_all_beside_clients_that_dawdle() {
    let installation = installation("threads = 1");
    let serving = installation.serve_roles("tracker");
    let mut dawdling: Vec<_> =
        (0..50).map(|_| Client::connect(&installation).expect("a connection")).collect();
    for client in &mut dawdling {
        client.send(b"GET /half-a-request HTTP/1.1\r\nHo").expect("sent");
    }
    let (load, ()) = under_load(&installation, 32, |load| load.wait_for_more(1_000));
    assert_eq!(load.broken.load(Ordering::Relaxed), 0);
    let answered = load.redirected();
    drop(dawdling);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    check_logged(&installation, &answered);
}
