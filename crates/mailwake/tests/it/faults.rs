//! What goes wrong on machines: disks fill up, files are damaged, processes are told to
//! stop in the middle of something, keys change, configurations have mistakes. Each with
//! the program as it is run, in front of an upstream that takes every message.

mod configuration;
mod damage;
mod disk;
mod keys;
mod shutdown;
mod stages;
mod twice;
mod upstreams;

use crate::support::{
    PATIENCE, mailwake::Installation, message, smtp::Reply, smtp::Session, upstream::Upstream,
    wait_for,
};
use mailwake::event_log::{EventLog, LogConfig, Position};
use std::collections::BTreeSet;
use tokio::runtime::Builder;
use tracking::{
    event::{Event, Occurrence, UpstreamReply},
    ids::{EventId, MessageId, Timestamp},
};

/// Where the link of each message leads.
const TARGET: &str = "https://shop.example/sale?a=1";

/// Octets of a segment of the event log; the least that can be configured.
const SEGMENT_BYTES: u64 = 1 << 20;

/// Sends a message with one link over a session of its own.
fn send(installation: &Installation, recipient: &str) -> Reply {
    let mut session = Session::open(installation.gateway_port).expect("a session");
    let content = content(recipient);
    session.send("news@shop.example", recipient, content.as_bytes()).expect("a reply")
}

fn content(recipient: &str) -> String {
    format!(
        "From: news@shop.example\r\nTo: {recipient}\r\nSubject: sale\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n\
         <html><body><a href=\"{TARGET}\">sale</a></body></html>\r\n"
    )
}

/// The tracked link in the last message that upstream took.
fn last_link(upstream: &Upstream) -> String {
    let mail = upstream.messages().pop().expect("a message");
    message::attributes(&message::part(&mail, "text/html"), "href").remove(0)
}

/// Gives the event log small segments, and a quota.
fn limit_log(installation: &Installation, quota_mib: u64) {
    let limits = format!("[event_log]\nsegment_mib = 1\ndisk_quota_mib = {quota_mib}\n[tracker]\n");
    installation.set("[tracker]\n", &limits);
}

/// Appends events to the log of an installation that does not run, one by one, until it
/// ends behind `until`. Gives where each begins, and the end of the last.
fn fill_log(installation: &Installation, quota_mib: u64, octets: usize, until: u64) -> Vec<u64> {
    let config = LogConfig {
        segment_bytes: SEGMENT_BYTES,
        disk_quota_bytes: quota_mib << 20,
        ..LogConfig::new(installation.data().join("log"))
    };
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let (log, recovery) = EventLog::open(&config).expect("an event log");
    let mut positions = vec![recovery.end.0];
    for number in 0_u32.. {
        if positions.last().is_some_and(|last| *last >= until) {
            break;
        }
        let appended = runtime.block_on(log.writer().append(&[injection(number, octets)]));
        let Position(end) = appended.expect("room in the log");
        positions.push(end);
    }
    positions
}

fn injection(number: u32, octets: usize) -> Event {
    let now = Timestamp::from(std::time::SystemTime::now());
    let nonce = number.to_be_bytes();
    let mut event_nonce = [0; 10];
    event_nonce[..4].copy_from_slice(&nonce);
    let mut message_nonce = [0; 5];
    message_nonce[..4].copy_from_slice(&nonce);
    let reply = UpstreamReply {
        error_code: 250,
        raw_reason: "x".repeat(octets),
        ..UpstreamReply::default()
    };
    Event {
        event_id: EventId::new(now, event_nonce),
        timestamp: now,
        message_id: MessageId::new(now, message_nonce),
        occurrence: Occurrence::Injection(reply),
        is_from_elsewhere: false,
    }
}

/// Waits until the store has the reception of each of these recipients.
fn wait_for_receptions(installation: &Installation, recipients: &[String]) {
    wait_for("all that was acknowledged to be in the store", PATIENCE, || {
        let events = installation.events(&["--type", "reception"]);
        let stored: BTreeSet<_> =
            events.iter().filter_map(|event| event["rcpt_to"].as_str()).collect();
        recipients.iter().all(|recipient| stored.contains(recipient.as_str())).then_some(())
    });
}
