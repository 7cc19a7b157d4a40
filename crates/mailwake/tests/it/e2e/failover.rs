//! Two Postfix, one of which is stopped and started again under load: every message that
//! was accepted is delivered, by one or by the other, and came there once.

use crate::support::{
    EndOfLoad, PATIENCE, is_left_out, mailwake::Installation, message, postfix::Postfix,
    smtp::Session, wait_for,
};
use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

const ANN: &str = "ann@example.com";
const SENDING: usize = 6;

/// Subjects of the messages that got 250.
#[derive(Default)]
struct Accepted {
    subjects: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

#[test]
fn mail_goes_on_while_one_postfix_is_stopped() {
    if is_left_out("e2e: failover") {
        return;
    }
    let mut first = Postfix::start(&[ANN]);
    let second = Postfix::start(&[ANN]);
    let installation = Installation::new(first.port);
    installation.set(
        &format!("upstream = \"127.0.0.1:{}\"", first.port),
        &format!(
            "upstream = [\"127.0.0.1:{}\", \"127.0.0.1:{}\"]\nupstream_pause_seconds_max = 2",
            first.port, second.port
        ),
    );
    let serving = installation.serve();
    let (port, accepted) = (installation.gateway_port, &Accepted::default());
    thread::scope(|scope| {
        let over = EndOfLoad(&accepted.is_over);
        for client in 0..SENDING {
            scope.spawn(move || accepted.send_on(port, client));
        }
        accepted.wait_for_more();
        first.stop();
        accepted.wait_for_more();
        first.start_again();
        wait_for("the first Postfix to get mail again", PATIENCE, || {
            let series = "mailwake_gateway_upstream_circuit_open";
            let first = format!("{series}{{upstream=\"127.0.0.1:{}\"}}", first.port);
            (installation.metric(&first) == 0.0).then_some(())
        });
        accepted.wait_for_more();
        drop(over);
    });
    assert_eq!(
        installation.metric("mailwake_gateway_refusals_total{reason=\"upstream_unavailable\"}"),
        0.0,
        "there was an upstream at all times"
    );
    let subjects = accepted.subjects.lock().expect("clients do not panic").clone();
    let mut delivered = Vec::new();
    wait_for("every accepted message to be delivered", PATIENCE, || {
        delivered = [&first, &second].iter().flat_map(|postfix| postfix.mail(ANN)).collect();
        let there: BTreeSet<_> =
            delivered.iter().map(|mail| message::value(mail, "Subject")).collect();
        subjects.iter().all(|subject| there.contains(subject)).then_some(())
    });
    // A Postfix that is stopped may deliver twice what was on its way into a maildir: that has
    // come once, by its trace field.
    let mut received: Vec<(String, String)> = delivered
        .iter()
        .map(|mail| (message::value(mail, "Subject"), message::values(mail, "Received").concat()))
        .collect();
    received.sort();
    received.dedup();
    for subject in &subjects {
        let times = received.iter().filter(|(one, _)| one == subject).count();
        assert_eq!(times, 1, "{subject}");
    }
    assert!(!second.mail(ANN).is_empty() && !first.mail(ANN).is_empty());
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

impl Accepted {
    /// Sends until it is over, three messages in each session, and tries no message twice:
    /// one whose session broke off may have been delivered all the same.
    fn send_on(&self, port: u16, client: usize) {
        for number in 0.. {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let Ok(mut session) = Session::open(port) else {
                thread::park_timeout(Duration::from_millis(5));
                continue;
            };
            for message in 0..3 {
                let subject = format!("{client}-{number}-{message}-end");
                let content = format!("From: news@shop.example\r\nSubject: {subject}\r\n\r\nx\r\n");
                let sent = session.send("news@shop.example", ANN, content.as_bytes());
                if !sent.is_ok_and(|reply| reply.code == 250) {
                    break;
                }
                self.subjects.lock().expect("clients do not panic").push(subject);
            }
        }
    }

    /// Waits until a good many more were accepted.
    fn wait_for_more(&self) {
        let count = || self.subjects.lock().expect("clients do not panic").len();
        let before = count();
        wait_for("messages to be accepted", PATIENCE, || (count() >= before + 30).then_some(()));
    }
}
