//! Many sessions at once never mix recipients, ids, content or links.

use crate::support::{
    PATIENCE, http, is_left_out, mailwake::Installation, message, postfix::Postfix, smtp::Session,
    wait_for,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Barrier,
    thread,
};

const SESSIONS: usize = 60;
const MESSAGES: usize = 3;

#[test]
fn sixty_sessions_at_once_do_not_mix() {
    if is_left_out("e2e: sixty sessions at once") {
        return;
    }
    let marks: Vec<_> = (0..SESSIONS)
        .flat_map(|session| (0..MESSAGES).map(move |message| mark(session, message)))
        .collect();
    let recipients: Vec<_> = marks.iter().map(|mark| recipient(mark)).collect();
    let postfix = Postfix::start(&recipients);
    let installation = Installation::new(postfix.port);
    let serving = installation.serve();
    send_all(installation.gateway_port);

    let mut ids = BTreeMap::new();
    for mark in &marks {
        let mails = postfix.wait_for_mail(&recipient(mark), 1);
        assert_eq!(mails.len(), 1, "mails to {mark}");
        let id = check_mail(&mails[0], mark, &installation.tracking_url);
        let other = ids.insert(id, mark.clone());
        assert_eq!(other, None, "the message id of {mark} is that of another");
    }
    check_receptions(&installation, &ids);
    drop(serving);
}

/// What stands in one message and in no other.
fn mark(session: usize, message: usize) -> String {
    format!("mark-{session}-{message}-end")
}

fn recipient(mark: &str) -> String {
    format!("{mark}@example.com")
}

fn target(mark: &str) -> String {
    format!("https://shop.example/{mark}?a=1&b=2")
}

/// All sessions are open before the first message goes out.
fn send_all(port: u16) {
    let all_open = Barrier::new(SESSIONS);
    thread::scope(|scope| {
        for session in 0..SESSIONS {
            let all_open = &all_open;
            scope.spawn(move || {
                let mut smtp = Session::open(port);
                all_open.wait();
                let smtp = smtp.as_mut().expect("a session");
                for message in 0..MESSAGES {
                    let mark = mark(session, message);
                    let reply = smtp
                        .send("news@shop.example", &recipient(&mark), content(&mark).as_bytes())
                        .expect("a reply");
                    assert_eq!(reply.code, 250, "{mark}: {reply:?}");
                }
                let bye = smtp.command("QUIT").expect("a reply to QUIT");
                assert_eq!(bye.code, 221, "{bye:?}");
            });
        }
    });
}

fn content(mark: &str) -> String {
    let (recipient, target) = (recipient(mark), target(mark).replace('&', "&amp;"));
    format!(
        "From: Shop <news@shop.example>\r\n\
         To: {recipient}\r\n\
         Subject: {mark}\r\n\
         Date: Sat, 21 Nov 2026 08:00:00 +0100\r\n\
         Message-ID: <{mark}@shop.example>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         \r\n\
         <html><body><p>{mark}</p>\r\n\
         <a href=\"{target}\">{mark}</a>\r\n\
         </body></html>\r\n"
    )
}

/// Holds that all in a mail is its own recipient's; gives its message id.
fn check_mail(mail: &[u8], mark: &str, tracking_url: &str) -> String {
    let text = String::from_utf8_lossy(mail);
    let foreign: BTreeSet<_> = text
        .split("mark-")
        .skip(1)
        .filter_map(|after| Some(format!("mark-{}-end", after.split_once("-end")?.0)))
        .filter(|found| found != mark)
        .collect();
    assert!(foreign.is_empty(), "in the mail of {mark}: {foreign:?}");
    assert_eq!(message::value(mail, "Delivered-To"), recipient(mark));
    assert_eq!(message::value(mail, "Subject"), mark);

    let html = message::part(mail, "text/html");
    let links = message::attributes(&html, "href");
    assert_eq!(links.len(), 1, "links of {mark}: {links:?}");
    assert!(links[0].starts_with(tracking_url), "{links:?}");
    let answer = http::get(&links[0]);
    assert_eq!((answer.status, answer.field("location")), (302, &*target(mark)));
    message::value(mail, "X-Sp-Message-Id")
}

/// The record of each message names its own recipient, and its click its own target.
fn check_receptions(installation: &Installation, ids: &BTreeMap<String, String>) {
    let events_of = |kind: &str| {
        wait_for(&format!("every {kind} in the store"), PATIENCE, || {
            let events = installation.events(&["--type", kind]);
            (events.len() >= ids.len()).then_some(events)
        })
    };
    let by_id = |events: &[Value], key: &str| -> BTreeMap<String, String> {
        let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
        events.iter().map(|event| (text(event, "message_id"), text(event, key))).collect()
    };
    let recipients: BTreeMap<_, _> =
        ids.iter().map(|(id, mark)| (id.clone(), recipient(mark))).collect();
    let targets: BTreeMap<_, _> = ids.iter().map(|(id, mark)| (id.clone(), target(mark))).collect();
    assert_eq!(by_id(&events_of("reception"), "rcpt_to"), recipients);
    assert_eq!(by_id(&events_of("click"), "target_link_url"), targets);
}
