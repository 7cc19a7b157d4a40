//! No redirect without a verified token.

use super::support::{Client, Recording, TARGET, click, get, link};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use std::cell::RefCell;

/// Asks on one connection as long as it is kept, which a malformed request ends.
fn refuses(recording: &Recording, client: &RefCell<Client>, request: &str) -> bool {
    let mut client = client.borrow_mut();
    let answer = client.ask(request);
    if answer.field("connection") == Some("close") {
        *client = recording.tracker.connect();
    }
    answer.is_refusal()
}

#[test]
fn a_forged_token_never_redirects() {
    let recording = Recording::start();
    let client = RefCell::new(recording.tracker.connect());
    let bound = recording.tracker.path_of(&link(click()), Some("t.example"));
    let tokens = [recording.tracker.path(click())[1..].to_owned(), bound[1..].to_owned()];
    let flips = prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..4);
    let mut runner = TestRunner::new(Config { cases: 500, ..Config::default() });
    let outcome = runner.run(&(prop::sample::select(tokens.to_vec()), flips), |(token, flips)| {
        let genuine = URL_SAFE_NO_PAD.decode(&token).expect("base64url");
        let mut octets = genuine.clone();
        for (index, bit) in flips {
            let at = index.index(octets.len());
            octets[at] ^= 1 << bit;
        }
        // Two flips can undo each other.
        prop_assume!(octets != genuine);
        let path = format!("/{}", URL_SAFE_NO_PAD.encode(octets));
        prop_assert!(refuses(&recording, &client, &get(&path)));
        Ok(())
    });
    outcome.expect("refused, whatever is forged");
    assert_eq!(recording.events(), []);
    drop(client);
    recording.stop();
}

#[test]
fn a_token_with_other_characters_never_redirects() {
    let recording = Recording::start();
    let client = RefCell::new(recording.tracker.connect());
    let genuine = recording.tracker.path(click());
    let characters = (any::<prop::sample::Index>(), "[!-~]");
    let mut runner = TestRunner::new(Config { cases: 500, ..Config::default() });
    let outcome = runner.run(&characters, |(index, character)| {
        let at = 1 + index.index(genuine.len() - 1);
        let path = [&genuine[..at], &character, &genuine[at + 1..]].concat();
        prop_assume!(path != genuine);
        prop_assert!(refuses(&recording, &client, &get(&path)), "{}", path);
        Ok(())
    });
    outcome.expect("refused, whatever is forged");
    drop(client);
    recording.stop();
}

#[test]
fn a_truncated_token_never_redirects() {
    let recording = Recording::start();
    let mut client = recording.tracker.connect();
    let path = recording.tracker.path(click());
    for end in 1..path.len() {
        assert!(client.ask(&get(&path[..end])).is_refusal(), "{end} octets");
    }
    assert_eq!(client.ask(&get(&path)).field("location"), Some(TARGET));
    recording.stop();
}

#[test]
fn a_token_of_another_host_never_redirects() {
    let recording = Recording::start();
    let path = recording.tracker.path_of(&link(click()), Some("t.example"));
    let mut client = recording.tracker.connect();
    let mut check = |target: &str, host: &str, is_good: bool| {
        let answer = client.ask(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(answer.field("location").is_some(), is_good, "{target} on {host}");
        assert_eq!(answer.is_refusal(), !is_good);
    };
    check(&path, "t.example", true);
    check(&path, "T.Example:8080", true);
    check(&path, "other.example", false);
    check(&path, "t.example.other.example", false);
    check(&path, "", false);
    // RFC 9112 §3.2.2: the absolute form wins over the Host field.
    check(&format!("http://t.example{path}"), "other.example", true);
    check(&format!("http://other.example{path}"), "t.example", false);
    recording.stop();
}
