//! Records of MTAs: what they count as, whose they are, and in which order they may come.

use super::*;
use crate::stores::report::{BounceReport, StoredEvent};
use crate::stores::sqlite::Messages;
use tracking::event::{Attempt, Complaint};

/// What upstream says when it takes a message over.
fn injection(message: u8, at: i64, queue_id: &str) -> Event {
    let queue_id = Some(queue_id.to_owned());
    event(message, at, Occurrence::Injection(UpstreamReply { queue_id, ..reply(250) }))
}

fn attempt(num_retries: u32) -> Attempt {
    Attempt {
        num_retries: Some(num_retries),
        queue_time: Some(70),
        msg_size: Some(1000),
        format: "postfix".into(),
        ..Attempt::default()
    }
}

/// What a record says, of a message by its id and by a queue id, as far as they are told.
fn record(
    message: Option<u8>,
    queue_id: Option<&str>,
    at: i64,
    occurrence: impl Fn(UpstreamReply) -> Occurrence,
) -> Event {
    retried(message, queue_id, at, 0, occurrence)
}

fn retried(
    message: Option<u8>,
    queue_id: Option<&str>,
    at: i64,
    num_retries: u32,
    occurrence: impl Fn(UpstreamReply) -> Occurrence,
) -> Event {
    let mut digest = [0; 10];
    digest[0] = message.unwrap_or(0);
    digest[1] = queue_id.and_then(|id| id.bytes().last()).unwrap_or(0);
    let queue_id = queue_id.map(str::to_owned);
    let attempt = Some(Box::new(attempt(num_retries)));
    let occurrence = occurrence(UpstreamReply { queue_id, attempt, ..reply(250) });
    let timestamp = Timestamp(MIDNIGHT + at);
    digest[3] = occurrence.type_name().len() as u8;
    digest[2] = u8::try_from(num_retries).expect("few");
    let event_id = EventId::of_record(timestamp, digest);
    let message_id = message.map_or(MessageId::UNKNOWN, message_id);
    Event { event_id, timestamp, message_id, occurrence, is_from_elsewhere: false }
}

fn delivery(queue_id: &str, at: i64) -> Event {
    record(None, Some(queue_id), at, Occurrence::Delivery)
}

fn state(directory: &TempDir, message: u8) -> Option<MessageState> {
    let reader = StoreReader::open(directory.path()).expect("reader");
    reader.message(&message_id(message)).expect("read").map(|message| message.state)
}

fn stored(directory: &TempDir, filter: &EventFilter) -> Vec<StoredEvent> {
    let reader = StoreReader::open(directory.path()).expect("reader");
    reader.events(filter).expect("events")
}

fn of_type(type_name: &str) -> EventFilter {
    EventFilter { type_name: Some(type_name.into()), ..EventFilter::default() }
}

#[test]
fn records_count_as_sparkposts_metrics_do() {
    let bounced = |reply: UpstreamReply| {
        let mut reply = UpstreamReply { error_code: 550, ..reply };
        reply.attempt.as_mut().expect("an attempt").bounce_class = Some(10);
        Occurrence::Bounce(reply)
    };
    let complaint = Occurrence::SpamComplaint(Box::new(Complaint {
        fbtype: "abuse".into(),
        attempt: Some(Box::default()),
        ..Complaint::default()
    }));
    let relay = Occurrence::RelayInjection(Box::default());
    let report = report(&logged([
        reception(1, "november"),
        reception(2, "november"),
        reception(3, "november"),
        injection(1, 1, "A"),
        injection(2, 1, "B"),
        injection(3, 1, "C"),
        record(Some(1), None, 2, Occurrence::Delivery),
        record(Some(2), None, 3, Occurrence::Delay),
        retried(Some(2), None, 4, 1, Occurrence::Delay),
        retried(Some(2), None, 5, 2, Occurrence::Delivery),
        record(Some(2), None, 9, Occurrence::OutOfBand),
        record(Some(3), None, 6, bounced),
        event(1, 7, complaint),
        event(9, 8, relay),
        event(3, 8, Occurrence::GenerationFailure(reply(550))),
    ]));
    let expected = WayCounters {
        targeted: 4,
        injected: 3,
        rejected: 1,
        generation_failed: 1,
        sent: 3,
        accepted: 1,
        delivered: 2,
        delivered_first: 1,
        delivered_subsequent: 1,
        bounce: 2,
        hard_bounce: 1,
        undetermined_bounce: 1,
        inband_bounce: 1,
        outofband_bounce: 1,
        delayed_first: 1,
        spam_complaint: 1,
        total_msg_volume: 2000,
        total_delivery_time_first: 70,
        total_delivery_time_subsequent: 70,
        inbound: 1,
        ..WayCounters::default()
    };
    assert_eq!(report.counters.way, expected);
    let Counters { outbound, failed, delayed, .. } = report.counters;
    assert_eq!((outbound, failed, delayed), (3, 2, 2));
    let of = |bounce: &BounceReport| (bounce.bounce_class, bounce.category, bounce.count);
    assert_eq!(
        report.bounces.iter().map(of).collect::<Vec<_>>(),
        [(1, "Undetermined", 1), (10, "Hard", 1)]
    );
}

#[test]
fn state_of_a_message_does_not_depend_on_the_order() {
    let events = [
        reception(1, ""),
        injection(1, 10, "A"),
        record(Some(1), None, 20, Occurrence::Delay),
        record(Some(1), None, 30, Occurrence::Delivery),
    ];
    for first in 0..4 {
        for second in 0..4 {
            let mut order = events.clone();
            order.swap(0, first);
            order.swap(1, second);
            let directory = directory();
            store(&directory).apply(&logged(order)).expect("applied");
            assert_eq!(state(&directory, 1), Some(MessageState::Delivered), "{first} {second}");
            let messages = Messages::open(directory.path()).expect("messages");
            let known = messages.find(&message_id(1)).expect("read").expect("known");
            assert_eq!(known.injected_at, Some(Timestamp(MIDNIGHT + 10)));
            assert_eq!(known.attempt, Some(attempt(0)));
        }
    }
}

#[test]
fn further_states_are_told() {
    let check = |last: Event, expected| {
        let entries = logged([reception(1, ""), injection(1, 10, "A"), last]);
        let directory = directory();
        store(&directory).apply(&entries).expect("applied");
        assert_eq!(state(&directory, 1), Some(expected));
    };
    check(record(Some(1), None, 20, Occurrence::Delay), MessageState::Deferred);
    check(record(Some(1), None, 20, Occurrence::Bounce), MessageState::Bounced);
    check(record(Some(1), None, 20, Occurrence::OutOfBand), MessageState::OutOfBand);
    // Of what upstream said to the gateway before, nothing holds.
    check(event(1, 5, Occurrence::Delay(reply(451))), MessageState::Accepted);
}

#[test]
fn record_is_counted_once_however_often_it_is_read() {
    let directory = directory();
    let mut store = store(&directory);
    let record = || record(Some(1), None, 20, Occurrence::Delivery);
    let entries = logged([reception(1, ""), record(), record(), record()]);
    store.apply(&entries[..3]).expect("applied");
    store.apply(&entries[3..]).expect("applied");
    let delivered = || report_of(&directory, &ReportFilter::default()).counters.way.delivered;
    assert_eq!(delivered(), 1);
    assert_eq!(positions(&directory, &EventFilter::default()), [0, 10]);
    assert_eq!(store.records(), RecordCounts { duplicates: 2, ..RecordCounts::default() });
    // After a crash they are given once more.
    store.apply(&entries).expect("applied");
    assert_eq!((delivered(), store.records().duplicates), (1, 2));
}

#[test]
fn a_crash_between_the_steps_leaves_exact_counts_of_records() {
    let entries = logged([
        delivery("A", 20),
        record(Some(2), None, 20, Occurrence::Delivery),
        reception(1, "november"),
        injection(1, 10, "A"),
        record(Some(2), None, 20, Occurrence::Delivery),
        reception(2, "november"),
        delivery("A", 20),
        record(Some(1), None, 30, Occurrence::OutOfBand),
        open(1, 40),
    ]);
    let of_message = EventFilter { message_id: Some(message_id(1)), ..EventFilter::default() };
    for done in 0..entries.len() {
        let directory = directory();
        let mut first = store(&directory);
        first.apply(&entries[..done]).expect("applied");
        first.apply_events(&entries[done..]).expect("applied");
        drop(first);
        let mut second = store(&directory);
        second.apply(&entries).expect("applied");
        assert_eq!(report_of(&directory, &ReportFilter::default()), report(&entries), "{done}");
        assert_eq!(positions(&directory, &of_message), [0, 20, 30, 70, 80], "{done}");
        assert_eq!(positions(&directory, &EventFilter::default()).len(), 7, "{done}");
        assert_eq!(second.records().parked, 0);
    }
}

#[test]
fn ids_of_records_are_forgotten_after_some_days() {
    let directory = directory();
    let mut store = store(&directory);
    let record = || record(Some(1), None, 20, Occurrence::Delivery);
    let entries = logged([reception(1, ""), record(), record()]);
    store.remove_expired(Timestamp(MIDNIGHT)).expect("time told");
    store.apply(&entries[..2]).expect("applied");
    store.remove_expired(Timestamp(MIDNIGHT + 9 * 24 * HOUR)).expect("removed");
    let kept = "SELECT COUNT(*) FROM record_ids";
    let main = Connection::open(main_path(directory.path())).expect("database");
    assert_eq!(main.query_row(kept, [], |row| row.get::<_, i64>(0)), Ok(0));
}

#[test]
fn message_is_found_by_the_queue_id() {
    let check = |entries: &[Event], batch: usize| {
        let directory = directory();
        let mut store = store(&directory);
        for batch in logged(entries.to_vec()).chunks(batch) {
            store.apply(batch).expect("applied");
        }
        assert_eq!(state(&directory, 1), Some(MessageState::Delivered));
        let counted = report_of(&directory, &of_campaign("november")).counters.way;
        assert_eq!((counted.delivered, store.records()), (1, RecordCounts::default()));
        let told = stored(&directory, &of_type("delivery"));
        assert_eq!(told[0].event.message_id, message_id(1));
        assert_eq!(told[0].message.campaign_id, "november");
        let filter = EventFilter { message_id: Some(message_id(1)), ..EventFilter::default() };
        assert_eq!(stored(&directory, &filter).len(), 3);
    };
    let [reception, injection, delivery] =
        [reception(1, "november"), injection(1, 10, "4XyZ"), delivery("4XyZ", 20)];
    let orders = [
        [&reception, &injection, &delivery],
        [&reception, &delivery, &injection],
        [&delivery, &reception, &injection],
        [&delivery, &injection, &reception],
        [&injection, &delivery, &reception],
        [&injection, &reception, &delivery],
    ];
    for order in orders.map(|order| order.map(Clone::clone)) {
        check(&order, 1);
        check(&order, 3);
    }
}

fn of_campaign(campaign: &str) -> ReportFilter {
    ReportFilter { campaign: Some(campaign.into()), ..ReportFilter::default() }
}

#[test]
fn queue_id_that_is_used_again_means_the_message_of_the_time() {
    let mut later = reception(2, "");
    later.timestamp = Timestamp(MIDNIGHT + 9 * HOUR);
    let entries = logged([
        reception(1, ""),
        injection(1, 10, "A"),
        later,
        injection(2, 9 * HOUR, "A"),
        delivery("A", HOUR),
        record(None, Some("A"), 10 * HOUR, Occurrence::Bounce),
        // More than any queue keeps mail behind both.
        record(None, Some("A"), 40 * 24 * HOUR, Occurrence::Bounce),
    ]);
    for batch in [1, 4, 7] {
        let directory = directory();
        let mut store = store(&directory);
        entries.chunks(batch).for_each(|batch| store.apply(batch).expect("applied"));
        assert_eq!(state(&directory, 2), Some(MessageState::Bounced), "{batch}");
        assert_eq!(store.records().parked, 1);
        assert_eq!(state(&directory, 1), Some(MessageState::Delivered), "{batch}");
    }
}

/// One is known already, and the other is told of in the batch of the record.
#[test]
fn nearer_message_is_meant_whether_it_was_known_before_or_not() {
    let check = |second: i64, record_at: i64, meant: u8| {
        let directory = directory();
        let mut store = store(&directory);
        let mut later = reception(2, "");
        later.timestamp = Timestamp(MIDNIGHT + second);
        let entries = logged([
            reception(1, ""),
            injection(1, 10, "A"),
            later,
            injection(2, second, "A"),
            delivery("A", record_at),
        ]);
        store.apply(&entries[..2]).expect("applied");
        store.apply(&entries[2..]).expect("applied");
        assert_eq!(state(&directory, meant), Some(MessageState::Delivered), "{second} {record_at}");
    };
    check(9 * HOUR, HOUR, 1);
    check(HOUR + 60_000, HOUR, 1);
    check(9 * HOUR, 10 * HOUR, 2);
    check(9 * HOUR, 9 * HOUR - 500, 2);
}

#[test]
fn records_of_other_mail_wait_and_are_given_up() {
    let directory = directory();
    let mut store = store(&directory);
    let nameless = record(None, None, 3, Occurrence::Delivery);
    let unknown = record(Some(7), None, 2, Occurrence::Delivery);
    let late = open(5, 8 * 24 * HOUR);
    let entries = logged([delivery("elsewhere", 1), unknown, nameless, late]);
    store.apply(&entries[..3]).expect("applied");
    assert_eq!(store.records(), RecordCounts { foreign: 1, parked: 2, duplicates: 0 });
    let now = Timestamp(MIDNIGHT + 30 * 24 * HOUR);
    store.remove_expired(now).expect("removed");
    assert_eq!(store.records().parked, 2, "the log has not gone on");
    drop(store);
    let mut store = super::store(&directory);
    store.apply(&entries[3..]).expect("applied");
    store.remove_expired(now).expect("removed");
    assert_eq!(store.records(), RecordCounts { foreign: 2, parked: 0, duplicates: 0 });
    let counted = report_of(&directory, &ReportFilter::default()).counters.way;
    assert_eq!(counted, WayCounters::default());
}

#[test]
fn times_of_messages_that_are_not_known_yet_are_not_found() {
    let directory = directory();
    store(&directory).apply(&logged([open(1, 1), injection(2, 1, "A")])).expect("applied");
    let messages = Messages::open(directory.path()).expect("messages");
    assert_eq!((1..3).find_map(|id| messages.find(&message_id(id)).expect("read")), None);
    let reader = StoreReader::open(directory.path()).expect("reader");
    assert_eq!((1..3).find_map(|id| reader.message(&message_id(id)).expect("read")), None);
}

#[test]
fn messages_of_the_version_before_are_found() {
    let directory = directory();
    let main = Connection::open(main_path(directory.path())).expect("a database");
    schema::MAIN[..4].iter().for_each(|step| main.execute_batch(step).expect("its tables"));
    main.execute_batch(
        "INSERT INTO campaigns VALUES (1, 'spring');
         INSERT INTO messages VALUES (x'01010101010101010101', '77', 5, 'a@b', 'c@d', 'Hi', 'C',
             1, 123, 'accepted', '250 told', 'OLD', 'cc', '{\"a\":1}', 'opens');
         INSERT INTO rollups VALUES (25, 1, 11, 3, 0, 0, 3, 0, 0, 0, 0, 0);
         INSERT INTO rollups VALUES (47, 1, 11, 4, 0, 0, 4, 0, 0, 0, 0, 0);
         INSERT INTO rollups VALUES (-1, 1, 11, 1, 0, 0, 1, 0, 0, 0, 0, 0);",
    )
    .expect("its rows");
    main.pragma_update(None, "user_version", 4).expect("its version");
    drop(main);
    store(&directory).apply(&logged([open(1, 1)])).expect("applied");
    let messages = Messages::open(directory.path()).expect("messages");
    let found = messages.find(&message_id(1)).expect("read").expect("known");
    let Reception { rcpt_to, rcpt_type, campaign_id, msg_size, .. } = &found.reception;
    assert_eq!((&**rcpt_to, *rcpt_type, &**campaign_id), ("a@b", RcptType::Cc, "spring"));
    assert_eq!((found.received_at, *msg_size), (Timestamp(5), 123));
    assert_eq!(messages.of_record("OLD", Timestamp(6)).expect("read"), Some(message_id(1)));
    let outbound = |since: Option<i64>, until: Option<i64>| {
        let at = |hour: i64| Timestamp(hour * HOUR);
        let (since, until) = (since.map(at), until.map(at));
        let filter = ReportFilter { since, until, ..ReportFilter::default() };
        report_of(&directory, &filter).counters.outbound
    };
    assert_eq!((outbound(None, None), outbound(Some(0), None)), (8, 7));
    assert_eq!((outbound(Some(24), Some(48)), outbound(Some(26), Some(48))), (7, 4));
    assert_eq!((outbound(None, Some(0)), outbound(None, Some(47))), (1, 4));
}

/// All that can happen to three messages, with records by id and by queue id.
fn happenings() -> impl Strategy<Value = Vec<Event>> {
    let happening =
        (1u8..4, 0u8..8, 1..60 * HOUR, 0u32..3).prop_map(|(message, kind, at, tries)| {
            let queue_id = format!("Q{message}");
            let named = |occurrence: fn(UpstreamReply) -> Occurrence| {
                retried(Some(message), None, at, tries, occurrence)
            };
            let queued = |occurrence: fn(UpstreamReply) -> Occurrence| {
                retried(None, Some(&queue_id), at, tries, occurrence)
            };
            match kind {
                0 => open(message, at),
                1 => initial_open(message, at),
                2 => click(message, at, &format!("https://shop.example/{}", at % 2)),
                3 => named(Occurrence::Delivery),
                4 => queued(Occurrence::Delay),
                5 => queued(Occurrence::Bounce),
                6 => named(Occurrence::OutOfBand),
                _ => event(message, at, Occurrence::GenerationFailure(reply(550))),
            }
        });
    let known = |message| {
        let told = match message {
            1 => reception(message, "november"),
            _ => tags::tagged(message, &["cat", "dog"], MetadataReach::Engagement),
        };
        [told, injection(message, 1, &format!("Q{message}"))]
    };
    prop::collection::vec(happening, 1..20).prop_map(move |mut happenings| {
        happenings.extend((1..4).flat_map(known));
        happenings
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn counts_do_not_depend_on_the_order_of_events(
        (one, other, batch) in happenings().prop_flat_map(|events| {
            (Just(events.clone()).prop_shuffle(), Just(events).prop_shuffle(), 1usize..8)
        }),
    ) {
        let (first, second) = (directory(), directory());
        store(&first).apply(&logged(one)).expect("applied");
        for batch in logged(other).chunks(batch) {
            store(&second).apply(batch).expect("applied");
        }
        for hour in (0..60).step_by(7) {
            let at = |hour| Some(Timestamp(MIDNIGHT + hour * HOUR));
            let filter = ReportFilter { since: at(hour), until: at(hour + 7), ..ReportFilter::default() };
            prop_assert_eq!(report_of(&first, &filter), report_of(&second, &filter));
        }
        for tag in [None, Some("dog".to_owned())] {
            let filter = ReportFilter { tag, ..ReportFilter::default() };
            prop_assert_eq!(report_of(&first, &filter), report_of(&second, &filter));
        }
        let known = |directory: &TempDir, message| {
            let messages = Messages::open(directory.path()).expect("messages");
            messages.find(&message_id(message)).expect("read").expect("known")
        };
        for message in 1..4 {
            prop_assert_eq!(state(&first, message), state(&second, message));
            prop_assert_eq!(known(&first, message), known(&second, message));
        }
    }
}
