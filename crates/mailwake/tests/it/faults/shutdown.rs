//! SIGTERM: messages under way are finished, nobody else is kept.

use super::content;
use crate::support::{
    PATIENCE, mailwake::Installation, smtp::Session, upstream::Upstream, wait_for,
};
use std::{
    net::{Ipv4Addr, TcpStream},
    time::{Duration, Instant},
};

/// Far less than the 30 s for which sessions may drain.
const AT_ONCE: Duration = Duration::from_secs(10);

#[test]
fn sigterm_finishes_the_message_under_way() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let serving = installation.serve();
    let mut idle = Session::open(installation.gateway_port).expect("a session");
    let mut sending = Session::open(installation.gateway_port).expect("a session");
    for (line, code) in
        [("MAIL FROM:<news@shop.example>", 250), ("RCPT TO:<ann@example.com>", 250), ("DATA", 354)]
    {
        assert_eq!(sending.command(line).expect("a reply").code, code, "{line}");
    }
    let content = content("ann@example.com");
    let (start, end) = content.split_at(content.len() / 2);
    sending.push(start.as_bytes()).expect("a connection");

    let told = Instant::now();
    serving.terminate();
    let goodbye = idle.reply().expect("a reply that nobody asked for");
    assert_eq!(goodbye.code, 421, "{goodbye:?}");
    wait_for("the gateway to take no more connections", PATIENCE, || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, installation.gateway_port)).err()
    });
    sending.push(format!("{end}.\r\n").as_bytes()).expect("a connection");
    let reply = sending.reply().expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    let goodbye = sending.reply().expect("a reply that nobody asked for");
    assert_eq!(goodbye.code, 421, "{goodbye:?}");
    let status = serving.wait();
    assert!(status.success(), "{status}");
    assert!(told.elapsed() < AT_ONCE, "it took {:?} to stop", told.elapsed());

    assert_eq!(upstream.messages().len(), 1, "messages that went upstream");
    // The store has it as well, though nothing runs any more.
    let types: Vec<_> =
        installation.events(&[]).iter().map(|event| event["type"].to_string()).collect();
    assert_eq!(types, ["\"reception\"", "\"injection\""]);
}

#[test]
fn a_second_sigterm_cuts_off_what_is_under_way() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let serving = installation.serve();
    let mut sending = Session::open(installation.gateway_port).expect("a session");
    sending.command("MAIL FROM:<news@shop.example>").expect("a reply");
    let told = Instant::now();
    serving.terminate();
    wait_for("the gateway to take no more connections", PATIENCE, || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, installation.gateway_port)).err()
    });
    serving.terminate();
    assert!(sending.reply().is_err(), "the session is cut off");
    assert!(serving.wait().success(), "it ends in order");
    assert!(told.elapsed() < AT_ONCE, "it took {:?} to stop", told.elapsed());
}
