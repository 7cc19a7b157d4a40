//! What senders say in X-MSYS-API, as reports and events tell it.

use super::*;
use crate::stores::report::{MessageFacts, TagReport};
use rusqlite::Connection;

/// The reception of a message with tags and metadata.
pub(super) fn tagged(message: u8, tags: &[&str], reach: MetadataReach) -> Event {
    let mut event = reception(message, "november");
    let Occurrence::Reception(reception) = &mut event.occurrence else { panic!("{event:?}") };
    reception.rcpt_type = RcptType::Cc;
    reception.rcpt_tags = tags.iter().map(|tag| (*tag).into()).collect();
    reception.rcpt_meta = metadata();
    reception.rcpt_meta_reach = reach;
    event
}

fn metadata() -> Metadata {
    let serde_json::Value::Object(metadata) = serde_json::json!({"pet": "Spot", "age": 7.1}) else {
        panic!("an object")
    };
    metadata
}

fn unsubscribe(message: u8, after_midnight: i64) -> Event {
    let mut event = click(message, after_midnight, "https://shop.example/");
    let Occurrence::Click(click) = event.occurrence else { panic!("a click") };
    event.occurrence = Occurrence::LinkUnsubscribe(click);
    event
}

fn of_tag(tag: &str) -> ReportFilter {
    ReportFilter { tag: Some(tag.into()), ..ReportFilter::default() }
}

#[test]
fn messages_count_for_each_of_their_tags() {
    let directory = directory();
    let entries = logged([
        tagged(1, &["cat", "dog"], MetadataReach::Engagement),
        tagged(2, &["dog"], MetadataReach::Engagement),
        reception(3, ""),
        event(1, 1, Occurrence::Injection(reply(250))),
        event(2, 1, Occurrence::Injection(reply(250))),
        event(3, 1, Occurrence::Injection(reply(250))),
        open(1, 26 * HOUR),
        open(1, HOUR),
        click(1, HOUR, "https://shop.example/a"),
        click(2, HOUR, "https://shop.example/a"),
        click(3, HOUR, "https://shop.example/a"),
    ]);
    store(&directory).apply(&entries).expect("applied");
    let seen = |filter: &ReportFilter| {
        let report = report_of(&directory, filter);
        let Counters { outbound, opens, clicks, .. } = report.counters;
        let links: Vec<_> = report.links.iter().map(|link| (link.clicks, link.share)).collect();
        (outbound, opens, clicks, links)
    };
    let all = seen(&ReportFilter::default());
    assert_eq!(all.0, 3);
    assert_eq!(all.2, count(3, 3, 3));
    assert_eq!(seen(&of_tag("cat")), (1, count(2, 1, 2), count(1, 1, 1), vec![(1, 1.0)]));
    assert_eq!(seen(&of_tag("dog")), (2, count(2, 1, 2), count(2, 2, 2), vec![(2, 1.0)]));
    assert_eq!(seen(&of_tag("cow")), (0, count(0, 0, 0), count(0, 0, 0), vec![]));
    let tags = report_of(&directory, &ReportFilter::default()).tags;
    let tags: Vec<_> =
        tags.iter().map(|TagReport { tag, counters }| (&**tag, counters.outbound)).collect();
    assert_eq!(tags, [("cat", 1), ("dog", 2)]);
}

fn facts(entries: &[LogEntry]) -> Vec<MessageFacts> {
    let directory = directory();
    store(&directory).apply(entries).expect("applied");
    let reader = StoreReader::open(directory.path()).expect("reader");
    let events = reader.events(&EventFilter::default()).expect("events");
    events.into_iter().map(|stored| stored.message).collect()
}

#[test]
fn events_tell_what_is_known_of_their_message() {
    let known = |rcpt_meta| MessageFacts {
        rcpt_type: "cc".into(),
        campaign_id: "november".into(),
        rcpt_meta,
        rcpt_tags: vec!["dog".into(), "cat".into()],
    };
    let check = |reach, in_open: bool, in_click: bool| {
        let entries = logged([
            tagged(1, &["dog", "cat"], reach),
            event(1, 1, Occurrence::Injection(reply(250))),
            open(1, 2),
            click(1, 3, "https://shop.example/"),
            unsubscribe(1, 4),
        ]);
        let told = |is_told| known(if is_told { metadata() } else { Metadata::new() });
        let wanted =
            [MessageFacts::default(), told(true), told(in_open), told(in_click), told(in_click)];
        assert_eq!(facts(&entries), wanted, "{reach:?}");
    };
    check(MetadataReach::Engagement, true, true);
    check(MetadataReach::Opens, true, false);
    check(MetadataReach::Reception, false, false);
}

#[test]
fn link_tells_of_a_message_that_the_store_does_not_know() {
    let visit = Visit { campaign_id: "spring".into(), rcpt_meta: metadata(), ..Visit::default() };
    let entries = logged([event(1, 2, Occurrence::Open(visit))]);
    let told = MessageFacts {
        campaign_id: "spring".into(),
        rcpt_meta: metadata(),
        ..MessageFacts::default()
    };
    assert_eq!(facts(&entries), [told]);
    let campaigns = report(&entries).campaigns;
    assert_eq!(campaigns[0].campaign_id, "spring");
    assert_eq!(campaigns[0].counters.opens, count(1, 1, 1));
}

#[test]
fn tags_that_come_behind_an_open_count_for_it() {
    let entries =
        logged([open(1, HOUR), tagged(1, &["cat"], MetadataReach::Engagement), open(1, 2)]);
    let directory = directory();
    store(&directory).apply(&entries).expect("applied");
    let report = report_of(&directory, &of_tag("cat"));
    assert_eq!(report.counters.opens, count(2, 1, 1));
    assert_eq!(report_of(&directory, &ReportFilter::default()).campaigns.len(), 1);
}

#[test]
fn store_of_the_version_before_goes_on() {
    let directory = directory();
    let main = Connection::open(main_path(directory.path())).expect("a database");
    main.execute_batch(schema::MAIN[0]).expect("its tables");
    main.execute_batch(
        "INSERT INTO messages VALUES (x'01010101010101010101', '7', 0, 'a@b', '', '', '', 0, 1,
             'accepted', NULL, NULL)",
    )
    .expect("a message");
    main.pragma_update(None, "user_version", 1).expect("its version");
    drop(main);
    store(&directory)
        .apply(&logged([open(1, 1), tagged(2, &["cat"], MetadataReach::Engagement)]))
        .expect("applied");
    let reader = StoreReader::open(directory.path()).expect("reader");
    assert!(reader.message(&message_id(1)).expect("read").is_some());
    assert_eq!(report_of(&directory, &ReportFilter::default()).counters.opens, count(1, 1, 1));
    assert_eq!(report_of(&directory, &ReportFilter::default()).tags.len(), 1);
}
