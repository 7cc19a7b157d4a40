//! Whether the process is ready, and why not. When the event log is full is told in
//! `faults::disk`.

use crate::support::{
    PATIENCE, mailwake::Installation, smtp::Session, upstream::Upstream, wait_for,
};
use std::fs;

fn is(installation: &Installation, path: &str) -> (u16, String) {
    let answer = installation.admin(path);
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
}

#[test]
fn a_process_that_works_is_alive_and_ready() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let serving = installation.serve();
    assert_eq!(is(&installation, "health"), (200, "alive\n".into()));
    assert_eq!(is(&installation, "ready"), (200, "ready\n".into()));
    assert_eq!(is(&installation, "other").0, 404);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn without_its_store_a_process_takes_mail_and_is_not_ready() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    fs::write(installation.data().join("store"), "no directory").expect("a file");
    let serving = installation.serve();
    let (status, told) = is(&installation, "ready");
    assert!(status == 503 && told.starts_with("store is not running: "), "{status} {told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert_eq!(is(&installation, "health").0, 200);
    assert_eq!(installation.metric("mailwake_store_failing"), 1.0);
    let mut session = Session::open(installation.gateway_port).expect("a session");
    let reply = session.send("a@shop.example", "b@example.com", b"Subject: x\r\n\r\nx\r\n");
    assert_eq!(reply.expect("a reply").code, 250);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn a_process_that_stops_is_alive_and_no_longer_ready() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let serving = installation.serve();
    let mut session = Session::open(installation.gateway_port).expect("a session");
    // A message under way holds the end up.
    session.command("MAIL FROM:<a@shop.example>").expect("a reply");
    serving.terminate();
    wait_for("the process to be no longer ready", PATIENCE, || {
        (is(&installation, "ready") == (503, "mailwake stops\n".into())).then_some(())
    });
    assert_eq!(is(&installation, "health").0, 200);
    drop(session);
    assert!(serving.wait().success(), "SIGTERM ends serve in order");
}

/// A second process of one configuration has a view of its own, or none at all.
#[test]
fn two_processes_do_not_share_the_port() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let serving = installation.serve_roles("gateway,tracker");
    let store = installation.serve_roles("store");
    let is_ready = || (store.log().matches("mailwake is ready").count() == 2).then_some(());
    wait_for("the store to be ready", PATIENCE, is_ready);
    assert_eq!(store.log().matches("operators' view is ready").count(), 2);
    let text = String::from_utf8(installation.admin("metrics").body).expect("text");
    assert!(!text.contains("mailwake_store_"), "{text}");
    assert!(store.stop().success(), "SIGTERM ends the store in order");
    let refused = installation.run_failing(&["serve", "--role", "store"]);
    assert!(refused.contains("(admin.listen)"), "{refused}");
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
