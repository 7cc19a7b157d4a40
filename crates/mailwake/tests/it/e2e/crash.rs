//! `kill -9` under load, twenty times over: what was acknowledged is in the store, exactly
//! once. A click is acknowledged by a whole 302, a message by 250.

use crate::support::{
    EndOfLoad, http, is_left_out, mailwake::Installation, message, sink::Sink, smtp::Session,
    wait_for,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const KILLS: usize = 20;
const CLICKING: usize = 64;
const SENDING: usize = 10;
const ROUND_MAX: Duration = Duration::from_secs(30);

/// What the clients have in hand. Each click has a User-Agent and each message a recipient
/// that no other has, so both can be found again.
#[derive(Default)]
struct Acknowledged {
    user_agents: Mutex<Vec<String>>,
    recipients: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

#[test]
fn what_was_acknowledged_survives_twenty_kills() {
    if is_left_out("e2e: twenty kills") {
        return;
    }
    let sink = Sink::start();
    let installation = Installation::new(sink.port);
    let port = installation.gateway_port;
    let mut serving = installation.serve();
    let link = &first_link(&sink, port);
    let acknowledged = &Acknowledged::default();
    let serving = thread::scope(|scope| {
        let over = EndOfLoad(&acknowledged.is_over);
        for client in 0..CLICKING {
            scope.spawn(move || acknowledged.click_on(link, client));
        }
        for client in 0..SENDING {
            scope.spawn(move || acknowledged.send_on(port, client));
        }
        for _ in 0..KILLS {
            acknowledged.wait_for_more();
            serving.kill();
            serving = installation.serve();
        }
        acknowledged.wait_for_more();
        drop(over);
        serving
    });
    let events = wait_for_all_in_store(&installation, acknowledged);
    check_clicks(&events, acknowledged);
    check_messages(&events, acknowledged, &sink);
    check_report(&installation, &events);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

impl Acknowledged {
    /// Clicks until it is over. While mailwake is down, tries again.
    fn click_on(&self, link: &str, client: usize) {
        for number in 0.. {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let user_agent = format!("click-{client}-{number}");
            match http::request("GET", link, &user_agent) {
                Ok(answer) => {
                    assert_eq!(answer.status, 302, "{user_agent}: {answer:?}");
                    self.user_agents.lock().expect("clients do not panic").push(user_agent);
                }
                Err(_) => thread::park_timeout(Duration::from_millis(5)),
            }
        }
    }

    /// Sends until it is over, each message to another recipient and none twice.
    fn send_on(&self, port: u16, client: usize) {
        let mut session = None;
        for number in 0.. {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let recipient = format!("kill-{client}-{number}@example.com");
            match send(&mut session, port, &recipient) {
                Ok(()) => {
                    self.recipients.lock().expect("clients do not panic").push(recipient);
                }
                Err(_) => {
                    session = None;
                    thread::park_timeout(Duration::from_millis(5));
                }
            }
        }
    }

    /// Waits until every kind of client has got on, so that the next kill hits them at it.
    fn wait_for_more(&self) {
        let clicks = self.user_agents.lock().expect("clients do not panic").len();
        let messages = self.recipients.lock().expect("clients do not panic").len();
        wait_for("clicks and messages to get through", ROUND_MAX, || {
            let clicked = self.user_agents.lock().expect("clients do not panic").len();
            let sent = self.recipients.lock().expect("clients do not panic").len();
            (clicked >= clicks + CLICKING && sent >= messages + SENDING).then_some(())
        });
    }

    /// User agents and recipients of what was acknowledged and is not among the events.
    fn missing_in(&self, events: &[Value]) -> Vec<String> {
        let (clicks, receptions) =
            (count(events, "click", "user_agent"), count(events, "reception", "rcpt_to"));
        let user_agents = self.user_agents.lock().expect("clients do not panic");
        let recipients = self.recipients.lock().expect("clients do not panic");
        let not_clicked = user_agents.iter().filter(|agent| !clicks.contains_key(*agent));
        let not_received = recipients.iter().filter(|path| !receptions.contains_key(*path));
        not_clicked.chain(not_received).cloned().collect()
    }
}

/// Sends one message, over the session that is there or a new one. A reply other than
/// 250 is a failure of the test: nothing but the kill is in the way.
fn send(session: &mut Option<Session>, port: u16, recipient: &str) -> io::Result<()> {
    let session = match session {
        Some(open) => open,
        None => session.insert(Session::open(port)?),
    };
    let content = format!(
        "From: Shop <news@shop.example>\r\nTo: {recipient}\r\nSubject: sale\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n\
         <html><body><a href=\"https://shop.example/sale\">sale</a></body></html>\r\n"
    );
    let reply = session.send("news@shop.example", recipient, content.as_bytes())?;
    assert_eq!(reply.code, 250, "{recipient}: {reply:?}");
    Ok(())
}

/// A tracked link, out of a mail that went through before the load began.
fn first_link(sink: &Sink, port: u16) -> String {
    send(&mut None, port, "first@example.com").expect("the first message");
    let mail =
        wait_for("the first message", ROUND_MAX, || finished(sink.messages()).into_iter().next());
    message::attributes(&message::part(&mail, "text/html"), "href").remove(0)
}

/// smtp-sink ends a message that it took with an empty line of its own.
fn finished(messages: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    messages.into_iter().filter(|message| message.ends_with(b"\n\n")).collect()
}

/// All events, once everything that was acknowledged is among them: the store follows the
/// log, so it may be behind for a moment.
fn wait_for_all_in_store(installation: &Installation, acknowledged: &Acknowledged) -> Vec<Value> {
    let deadline = Instant::now() + ROUND_MAX;
    loop {
        let events = installation.events(&[]);
        let missing = acknowledged.missing_in(&events);
        if missing.is_empty() {
            return events;
        }
        let (count, some) = (missing.len(), &missing[..missing.len().min(5)]);
        assert!(Instant::now() < deadline, "{count} acknowledged and not in the store: {some:?}");
        thread::park_timeout(Duration::from_millis(50));
    }
}

/// How often each value of `key` stands in the events of a type.
fn count(events: &[Value], kind: &str, key: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in events.iter().filter(|event| event["type"] == kind) {
        *counts.entry(event[key].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    counts
}

fn twice(counts: &BTreeMap<String, usize>) -> Vec<&String> {
    counts.iter().filter(|(_, count)| **count != 1).map(|(value, _)| value).collect()
}

/// No click is there twice: neither those that were answered nor those whose answer was
/// cut off.
fn check_clicks(events: &[Value], acknowledged: &Acknowledged) {
    let clicks = count(events, "click", "user_agent");
    assert_eq!(twice(&clicks), Vec::<&String>::new(), "clicks that are there twice");
    // At most one click of each client could be cut off at each kill.
    let answered = acknowledged.user_agents.lock().expect("clients are gone").len();
    assert!(clicks.len() <= answered + CLICKING * KILLS, "{} of {answered}", clicks.len());
    let ids = events.iter().map(|event| event["event_id"].to_string());
    assert_eq!(ids.collect::<BTreeSet<_>>().len(), events.len(), "an event id is there twice");
}

/// Every message that got 250 was received once and passed on once; and none went out of
/// which the log knows nothing.
fn check_messages(events: &[Value], acknowledged: &Acknowledged, sink: &Sink) {
    let receptions = count(events, "reception", "rcpt_to");
    assert_eq!(twice(&receptions), Vec::<&String>::new(), "messages that are there twice");
    let injections = count(events, "injection", "message_id");
    assert_eq!(twice(&injections), Vec::<&String>::new(), "injections that are there twice");

    let ids: BTreeMap<_, _> = events
        .iter()
        .filter(|event| event["type"] == "reception")
        .map(|event| (event["rcpt_to"].as_str(), event["message_id"].as_str()))
        .collect();
    let delivered: Vec<_> = finished(sink.messages())
        .iter()
        .map(|mail| (message::value(mail, "To"), message::value(mail, "X-Sp-Message-Id")))
        .collect();
    for (recipient, id) in &delivered {
        let known = ids.get(&Some(recipient.as_str())).copied().flatten();
        assert_eq!(known, Some(id.as_str()), "went out to {recipient} without a record");
    }
    let delivered: BTreeSet<_> = delivered.iter().map(|(recipient, _)| recipient).collect();
    for recipient in acknowledged.recipients.lock().expect("clients are gone").iter() {
        assert!(delivered.contains(recipient), "{recipient} got 250 and did not go out");
        let id = ids[&Some(recipient.as_str())].expect("a reception has a message id");
        assert!(injections.contains_key(id), "{recipient} got 250 and has no injection");
    }
}

/// The counters agree with the events.
fn check_report(installation: &Installation, events: &[Value]) {
    let counters = installation.report()["counters"].take();
    let of_type = |kind| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!(counters["clicks"]["total"], of_type("click"), "{counters}");
    assert_eq!(counters["clicks"]["unique"], 1, "{counters}");
    assert_eq!(counters["outbound"], of_type("injection"), "{counters}");
}
