//! The dialogue of one client in the log: what was said, without what is secret.

use super::{REVERSE_PATH, html};
use crate::support::{
    PATIENCE,
    mailwake::{Installation, Serving},
    smtp::Session,
    upstream::Upstream,
    wait_for,
};

const ANN: &str = "ann@example.com";

/// A session with a wrong try to authenticate, a message, and an end.
fn converse(installation: &Installation) {
    let mut session = Session::open(installation.gateway_port).expect("a session");
    session.command("AUTH PLAIN AGFubgBzZWNyZXQ=").expect("a reply");
    session.command("c2VjcmV0LXRvbw==").expect("a reply");
    let reply = session.send(REVERSE_PATH, ANN, html("", "a private content").as_bytes());
    assert_eq!(reply.expect("a reply").code, 250);
    session.command("QUIT").expect("a reply");
}

/// What the lines of the transcript say, each from its letter on.
fn transcript(serving: &Serving) -> Vec<String> {
    let log = serving.log();
    let lines = log.lines().filter(|line| line.contains("mailwake::transcript"));
    lines
        .map(|line| {
            assert!(line.contains("DEBUG") && line.contains("client=127.0.0.1:"), "{line}");
            let at = ["C: ", "S: ", "U: ", "u: "].iter().find_map(|letter| line.find(letter));
            line[at.expect("a letter")..].to_owned()
        })
        .collect()
}

#[test]
fn the_dialogue_of_one_client_is_written_without_credentials_and_content() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    installation.set("[keys]\n", "[log]\ntranscript_for = \"127.0.0.0/8\"\n[keys]\n");
    let serving = installation.serve();
    converse(&installation);
    wait_for("the end of the dialogue", PATIENCE, || {
        transcript(&serving).iter().any(|line| line.starts_with("u: 221 ")).then_some(())
    });
    let told = transcript(&serving);
    let mut from = 0;
    for start in [
        "S: 220 upstream.example",
        "C: EHLO client.example.com",
        "U: EHLO client.example.com",
        "u: 250 ",
        "C: AUTH PLAIN (17 octets)",
        "C: (16 octets",
        "C: MAIL FROM:<news@shop.example>",
        "U: MAIL FROM:<news@shop.example>",
        "C: RCPT TO:<ann@example.com>",
        "C: DATA",
        "S: 354 ",
        "C: (",
        "U: DATA",
        "u: 354 go ahead",
        "U: (",
        "u: 250 2.0.0 Ok",
        "S: 250 2.0.0 Ok",
        "C: QUIT",
        "U: QUIT",
    ] {
        let found = told[from..].iter().position(|line| line.starts_with(start));
        from += found.unwrap_or_else(|| panic!("no {start} behind line {from} of {told:#?}")) + 1;
    }
    let log = serving.log();
    for secret in ["AGFubgBzZWNyZXQ", "c2VjcmV0LXRvbw", "private"] {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn sighup_changes_whose_dialogue_is_written() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    installation.set("[keys]\n", "[log]\ntranscript_for = \"192.0.2.7\"\n[keys]\n");
    let serving = installation.serve();
    converse(&installation);
    assert_eq!(transcript(&serving), [""; 0]);
    installation.set("192.0.2.7", "127.0.0.1");
    serving.reload();
    wait_for("a transcript", PATIENCE, || {
        converse(&installation);
        (!transcript(&serving).is_empty()).then_some(())
    });
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
