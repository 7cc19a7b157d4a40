use super::*;

fn check(offered: &[&str], wanted: &[&str]) {
    let upstream = Reply::of_lines(250, offered.iter().copied());
    let lines: Vec<_> = offer(
        &upstream,
        Own { message_octets_max: 1_000, starttls: false, auth: true, trust: Trust::default() },
    )
    .lines()
    .collect();
    assert_eq!(lines, wanted);
}

#[test]
fn what_goes_through_is_offered() {
    check(
        &["mx.example at your service", "8BITMIME", "DSN", "SMTPUTF8", "ENHANCEDSTATUSCODES"],
        &[
            "mx.example at your service",
            "PIPELINING",
            "CHUNKING",
            "8BITMIME",
            "DSN",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
        ],
    );
}

#[test]
fn what_would_not_survive_is_hidden() {
    check(
        &["mx.example", "STARTTLS", "CHUNKING", "XCLIENT NAME", "X-NEW"],
        &["mx.example", "PIPELINING", "CHUNKING"],
    );
    check(&["mx.example", "BINARYMIME"], &["mx.example", "PIPELINING", "CHUNKING"]);
}

#[test]
fn pipelining_is_offered_once() {
    check(&["mx.example", "PIPELINING"], &["mx.example", "PIPELINING", "CHUNKING"]);
}

#[test]
fn size_is_the_smaller_limit() {
    check(&["mx.example", "SIZE 500"], &["mx.example", "PIPELINING", "CHUNKING", "SIZE 500"]);
    check(&["mx.example", "SIZE 5000"], &["mx.example", "PIPELINING", "CHUNKING", "SIZE 1000"]);
    check(&["mx.example", "size 0"], &["mx.example", "PIPELINING", "CHUNKING", "SIZE 1000"]);
    check(&["mx.example", "SIZE"], &["mx.example", "PIPELINING", "CHUNKING", "SIZE 1000"]);
}

#[test]
fn greeting_line_is_no_extension() {
    let upstream = Reply::of_lines(250, ["PIPELINING is my name", "8bitmime"]);
    assert!(!is_offered(&upstream, "PIPELINING") && is_offered(&upstream, "8BITMIME"));
}

#[test]
fn auth_is_offered_as_upstream_does() {
    check(
        &["mx.example", "AUTH PLAIN LOGIN", "AUTH=PLAIN LOGIN"],
        &["mx.example", "PIPELINING", "CHUNKING", "AUTH PLAIN LOGIN", "AUTH=PLAIN LOGIN"],
    );
}

#[test]
fn auth_that_is_bound_to_a_connection_is_hidden() {
    check(
        &["mx.example", "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256"],
        &["mx.example", "PIPELINING", "CHUNKING", "AUTH SCRAM-SHA-256"],
    );
    check(&["mx.example", "AUTH SCRAM-SHA-256-PLUS"], &["mx.example", "PIPELINING", "CHUNKING"]);
}

#[test]
fn auth_that_is_not_allowed_is_hidden() {
    let upstream = Reply::of_lines(250, ["mx.example", "AUTH PLAIN"]);
    let own =
        Own { message_octets_max: 1_000, starttls: true, auth: false, trust: Trust::default() };
    let lines: Vec<_> = offer(&upstream, own).lines().collect();
    assert_eq!(lines, ["mx.example", "PIPELINING", "CHUNKING", "STARTTLS"]);
}

#[test]
fn binary_content_needs_chunks_on_both_sides() {
    check(
        &["mx.example", "BINARYMIME", "CHUNKING"],
        &["mx.example", "PIPELINING", "CHUNKING", "BINARYMIME"],
    );
}

#[test]
fn what_a_peer_may_tell_is_offered_to_it_alone() {
    let upstream = Reply::of_lines(250, ["mx.example", "XCLIENT ADDR", "XFORWARD ADDR"]);
    let offered = |trust| {
        let own = Own { message_octets_max: 1_000, starttls: false, auth: true, trust };
        offer(&upstream, own).lines().skip(3).collect::<Vec<_>>()
    };
    assert_eq!(offered(Trust::default()), Vec::<String>::new());
    assert_eq!(
        offered(Trust { xclient: true, ..Trust::default() }),
        ["XCLIENT NAME ADDR PORT PROTO HELO LOGIN"]
    );
    assert_eq!(
        offered(Trust { xforward: true, ..Trust::default() }),
        ["XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"]
    );
}

#[test]
fn argument_of_an_extension_stands_behind_its_keyword() {
    let upstream = Reply::of_lines(250, ["SIZE 1", "xclient ADDR  NAME", "PIPELINING", "SIZE 2"]);
    assert_eq!(argument(&upstream, "XCLIENT").as_deref(), Some("ADDR  NAME"));
    assert_eq!(argument(&upstream, "SIZE").as_deref(), Some("2"));
    assert_eq!(argument(&upstream, "PIPELINING").as_deref(), Some(""));
    assert_eq!(argument(&upstream, "XFORWARD"), None);
}
