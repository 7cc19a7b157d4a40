//! Two mailwakes, as operators run them: one takes mail and clicks, and feeds Redis; the other
//! reads from there, and reports.

use crate::support::{
    PATIENCE, http,
    mailwake::Installation,
    message,
    redis::{Program, Redis},
    smtp::Session,
    upstream::Upstream,
    wait_for,
};
use std::fs;

/// Adds a table to the configuration.
fn add(installation: &Installation, table: &str) {
    let file = installation.folder().join("mailwake.toml");
    let text = fs::read_to_string(&file).expect("read the configuration");
    fs::write(&file, format!("{text}{table}")).expect("write the configuration");
}

fn feeder(redis: &Redis, keys: &str) -> String {
    format!("[feeder.central]\nkind = \"redis\"\nservers = [\"{}\"]\n{keys}", redis.url())
}

fn source(redis: &Redis, keys: &str) -> String {
    format!("[redis_source.nodes]\nservers = [\"{}\"]\n{keys}", redis.url())
}

const HTML: &str = "Subject: sale\r\nContent-Type: text/html\r\n\r\n\
                    <body><a href=\"https://shop.example/\">x</a></body>\r\n";

/// Sends messages, and opens and clicks what is in the copies.
fn send_open_and_click(installation: &Installation, upstream: &Upstream, messages: usize) {
    let before = upstream.messages().len();
    let mut session = Session::open(installation.gateway_port).expect("a session");
    for number in before..before + messages {
        let to = format!("ann{number}@b.example");
        let reply = session.send("news@a.example", &to, HTML.as_bytes()).expect("a reply");
        assert_eq!(reply.code, 250);
    }
    for mail in &upstream.messages()[before..] {
        let html = message::part(mail, "text/html");
        for (name, status) in [("href", 302), ("src", 200)] {
            for url in message::attributes(&html, name) {
                assert_eq!(http::get(&url).status, status, "{url}");
            }
        }
    }
}

#[test]
fn what_a_node_has_seen_another_one_reports() {
    let Some(mut redis) = Redis::start(Program::Redis, "two mailwakes", &[]) else { return };
    let upstream = Upstream::start();
    let (node, central) = (Installation::new(upstream.port), Installation::new(upstream.port));
    add(&node, &feeder(&redis, "retry_pause_ms = 50\nretry_pause_seconds_max = 1\n"));
    add(&central, &source(&redis, ""));
    let (serving, reading) = (node.serve(), central.serve());
    send_open_and_click(&node, &upstream, 20);
    redis.kill();
    send_open_and_click(&node, &upstream, 20);
    redis.start_again();
    let told = |installation: &Installation| {
        wait_for("all counts", 2 * PATIENCE, || {
            // Three of the way of each message and two of its recipient.
            (installation.events(&[]).len() >= 160).then(|| installation.report())
        })
    };
    let (of_node, of_central) = (told(&node), told(&central));
    assert_eq!(of_node, of_central);
    let all = |installation: &Installation, is_from_elsewhere: bool| {
        let mut events = installation.events(&[]);
        for event in &mut events {
            let event = event.as_object_mut().expect("an object");
            // Each has a log of its own.
            event.remove("position");
            assert_eq!(event.remove("is_from_elsewhere").is_some(), is_from_elsewhere);
        }
        events.sort_by_key(|event| event["event_id"].to_string());
        events
    };
    assert_eq!(all(&node, false), all(&central, true));

    // All of it comes once more, as what was not acknowledged does.
    for shard in 0..8 {
        let stream = format!("trk:{{{shard}}}");
        let _: String = redis.ask(&["XGROUP", "SETID", &stream, "mailwake", "0"]);
    }
    let duplicates = "mailwake_store_records_duplicate_total";
    wait_for("all events again", PATIENCE, || (central.metric(duplicates) >= 160.0).then_some(()));
    assert_eq!(central.report(), of_node);
    assert_eq!(all(&node, false), all(&central, true));
    assert!(serving.stop().success() && reading.stop().success());
}

#[test]
fn the_list_goes_from_one_to_another_as_in_the_go_reference() {
    let Some(redis) = Redis::start(Program::Redis, "the list", &[]) else { return };
    let upstream = Upstream::start();
    let (node, central) = (Installation::new(upstream.port), Installation::new(upstream.port));
    add(&node, &feeder(&redis, "layout = \"list\"\n"));
    let serving = node.serve();
    send_open_and_click(&node, &upstream, 1);
    let entries: Vec<String> = wait_for("two entries", PATIENCE, || {
        let entries: Vec<String> = redis.ask(&["LRANGE", "trk_queue", "0", "-1"]);
        (entries.len() == 2).then_some(entries)
    });
    let id = message::value(&upstream.messages()[0], "x-sp-message-id");
    for entry in &entries {
        let entry: serde_json::Value = serde_json::from_str(entry).expect("JSON");
        assert_eq!(entry["WD"]["msg_id"], id.as_str());
        assert_eq!(entry["WD"]["rcpt"], "ann0@b.example");
    }
    let key = format!("msgID_{id}");
    let who: String = redis.ask(&["GET", &key]);
    assert_eq!(who, r#"{"rcpt":"ann0@b.example"}"#);
    let seconds: u32 = redis.ask(&["TTL", &key]);
    assert!((863_000..=864_000).contains(&seconds), "{seconds}");
    add(&central, &source(&redis, "layout = \"list\"\n"));
    let reading = central.serve();
    wait_for("two events", PATIENCE, || (central.events(&[]).len() == 2).then_some(()));
    let mut types: Vec<_> =
        central.events(&[]).into_iter().map(|event| event["type"].clone()).collect();
    types.sort_by_key(ToString::to_string);
    assert_eq!(types, ["click", "open"]);
    assert_eq!(redis.ask::<u32>(&["LLEN", "trk_queue"]), 0);
    assert_eq!(central.metric("mailwake_redis_source_events_total"), 2.0);
    assert!(serving.stop().success() && reading.stop().success());
}
