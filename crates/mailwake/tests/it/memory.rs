//! What mailwake takes of the machine's memory: a thousand sessions that wait, and one
//! large message that goes through while they do; and many large ones at once, which keep
//! within their budget.

use crate::support::{
    PATIENCE, http, mailwake::Installation, message, say, smtp::Session, upstream::Upstream,
};
use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpStream},
    thread,
};

const SESSIONS: usize = 1_000;

/// 200 MB.
const MEMORY_KIB_MAX: u64 = 200_000_000 / 1_024;

/// As large as the default limit of 25 MiB allows, less what is no attachment.
const ATTACHMENT_OCTETS: usize = 26_000_000;

const LINKS: usize = 200;

#[test]
fn a_thousand_sessions_and_a_large_message_fit_in_200_megabytes() {
    mailwake::net::raise_open_files_limit().expect("a limit that can be raised");
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let serving = installation.serve();
    let at_start = serving.memory_kib("VmRSS");
    let idle: Vec<_> = (0..SESSIONS).map(|_| idle_session(installation.gateway_port)).collect();
    let with_sessions = serving.memory_kib("VmRSS");

    let mut session = Session::open(installation.gateway_port).expect("a session");
    let content = large_message();
    let reply = session.send("news@shop.example", "ann@example.com", content.as_bytes());
    assert_eq!(reply.expect("a reply").code, 250);
    let (most, after) = (serving.memory_kib("VmHWM"), serving.memory_kib("VmRSS"));
    say(&format!(
        "memory: {at_start} KiB at the start, {with_sessions} KiB with {SESSIONS} sessions, \
         {most} KiB at most and {after} KiB after a message of {} octets",
        content.len()
    ));
    assert!(most < MEMORY_KIB_MAX, "{most} KiB, and at most {MEMORY_KIB_MAX} were expected");

    check_copy(&upstream, &content);
    drop(idle);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// The budget of messages in hand, in MiB, and how many large ones come at once. There is
/// room for one of them.
const BUDGET_MIB: u64 = 100;
const AT_ONCE: usize = 8;

/// What else may come: what messages have given back already and the allocator keeps for a
/// while. Without a budget it would be some five hundred MiB.
const BESIDES_KIB: u64 = BUDGET_MIB * 1_024;

#[test]
fn large_messages_at_once_keep_within_their_budget() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    installation.set_gateway(&format!("memory_mib_max = {BUDGET_MIB}"));
    let serving = installation.serve();
    let at_start = serving.memory_kib("VmRSS");
    let content = large_message();
    let codes: Vec<u16> = thread::scope(|scope| {
        let send = || {
            let mut session = Session::open(installation.gateway_port).expect("a session");
            let reply = session.send("news@shop.example", "ann@example.com", content.as_bytes());
            reply.expect("a reply").code
        };
        let senders: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(send)).collect();
        senders.into_iter().map(|sender| sender.join().expect("a sender")).collect()
    });
    let most = serving.memory_kib("VmHWM");
    say(&format!(
        "memory: {at_start} KiB at the start, {most} KiB at most with {AT_ONCE} messages of {} \
         octets at once and a budget of {BUDGET_MIB} MiB: {codes:?}",
        content.len()
    ));
    assert!(codes.iter().all(|code| [250, 452].contains(code)), "{codes:?}");
    let accepted = codes.iter().filter(|code| **code == 250).count();
    assert_eq!(upstream.messages().len(), accepted, "messages that went upstream");
    assert!(accepted > 0, "nothing got through");
    let allowed = at_start + BUDGET_MIB * 1_024 + BESIDES_KIB;
    assert!(most < allowed, "{most} KiB, and at most {allowed} were expected");

    // Who is told 452 comes again.
    let mut session = Session::open(installation.gateway_port).expect("a session");
    let reply = session.send("news@shop.example", "ann@example.com", content.as_bytes());
    assert_eq!(reply.expect("a reply").code, 250);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// A session whose client has read the greeting and waits.
fn idle_session(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut greeting = String::new();
    BufReader::new(&stream).read_line(&mut greeting).expect("a greeting");
    assert!(greeting.starts_with("220 "), "{greeting}");
    stream
}

fn large_message() -> String {
    let links: String = (0..LINKS)
        .map(|number| format!("<p><a href=\"https://shop.example/{number}\">{number}</a></p>\r\n"))
        .collect();
    let line = format!("{}\r\n", "QUJD".repeat(19));
    let attachment = line.repeat(ATTACHMENT_OCTETS / line.len());
    format!(
        "From: news@shop.example\r\nTo: ann@example.com\r\nSubject: catalogue\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
         <html><body>\r\n{links}</body></html>\r\n\
         --b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n\
         {attachment}--b--\r\n"
    )
}

/// The message went through whole, each of its links tracked.
fn check_copy(upstream: &Upstream, content: &str) {
    let copy = upstream.messages().pop().expect("a message");
    let attachment = |message: &[u8]| {
        let start = b"application/pdf";
        let at = memchr::memmem::find(message, start).expect("an attachment");
        message[at..].iter().filter(|octet| **octet != b'\r').copied().collect::<Vec<_>>()
    };
    assert!(attachment(&copy) == attachment(content.as_bytes()), "the attachment was changed");
    let links = message::attributes(&message::part(&copy, "text/html"), "href");
    assert_eq!(links.len(), LINKS);
    let answer = http::get(&links[LINKS - 1]);
    assert_eq!(answer.field("location"), format!("https://shop.example/{}", LINKS - 1));
}
