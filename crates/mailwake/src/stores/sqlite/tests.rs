use super::*;
use crate::stores::report::{
    Count, Counters, EventFilter, LinkReport, LinkTally, MessageState, Report, ReportFilter, Tally,
    WayCounters,
};
use proptest::prelude::*;
use std::fs;
use tempfile::TempDir;
use tracking::account::Account;
use tracking::event::{
    Click, Client, Event, Metadata, MetadataReach, Occurrence, RcptType, Reception, UpstreamReply,
    Visit,
};
use tracking::ids::{EventId, MessageId, Timestamp, TransmissionId};
use tracking::smtpapi::Options;

mod records;
mod tags;
mod verdicts;

const HOUR: i64 = 3_600_000;
/// 2026-11-21T00:00:00Z.
const MIDNIGHT: i64 = 1_795_219_200_000;

fn message_id(message: u8) -> MessageId {
    MessageId::from_octets([message; 10])
}

/// Something that happens to a message so many milliseconds after midnight.
fn event(message: u8, after_midnight: i64, occurrence: Occurrence) -> Event {
    let timestamp = Timestamp(MIDNIGHT + after_midnight);
    let event_id = EventId::new(timestamp, [message; 10]);
    Event {
        event_id,
        timestamp,
        message_id: message_id(message),
        occurrence,
        is_from_elsewhere: false,
    }
}

fn reception(message: u8, campaign_id: &str) -> Event {
    let reception = Reception {
        transmission_id: TransmissionId::new(Timestamp(MIDNIGHT), [1, 2, message]),
        rcpt_to: format!("rcpt{message}@example.com"),
        rcpt_type: RcptType::To,
        links_of: None,
        msg_from: "news@shop.example".into(),
        subject: "November".into(),
        friendly_from: "Shop <news@shop.example>".into(),
        account: Account::default(),
        client: Client::default(),
        campaign_id: campaign_id.into(),
        rcpt_meta: Metadata::new(),
        rcpt_meta_reach: MetadataReach::Engagement,
        rcpt_tags: Vec::new(),
        options: Options::default(),
        msg_size: 20_481,
        open_tracking: true,
        initial_pixel: true,
        click_tracking: true,
        amp_enabled: false,
        links: 2,
        untouched: Vec::new(),
    };
    event(message, 0, Occurrence::Reception(Box::new(reception)))
}

fn reply(error_code: u16) -> UpstreamReply {
    UpstreamReply {
        error_code,
        raw_reason: format!("{error_code} told"),
        ..UpstreamReply::default()
    }
}

fn open(message: u8, after_midnight: i64) -> Event {
    event(message, after_midnight, Occurrence::Open(Visit::default()))
}

fn initial_open(message: u8, after_midnight: i64) -> Event {
    event(message, after_midnight, Occurrence::InitialOpen(Visit::default()))
}

fn click(message: u8, after_midnight: i64, target: &str) -> Event {
    event(message, after_midnight, Occurrence::Click(followed("", target)))
}

fn followed(name: &str, target: &str) -> Click {
    Click {
        visit: Visit::default(),
        link_index: 0,
        target_link_name: name.into(),
        target_link_url: target.into(),
    }
}

/// Entries as a log has them, ten octets each.
fn logged(events: impl IntoIterator<Item = Event>) -> Vec<LogEntry> {
    let entry = |(index, event)| {
        let position = index as u64 * 10;
        LogEntry::Event { position, next: position + 10, event: Box::new(event) }
    };
    events.into_iter().enumerate().map(entry).collect()
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("directory")
}

fn store(directory: &TempDir) -> Store {
    Store::open(directory.path(), StoreConfig::default()).expect("store")
}

fn report_of(directory: &TempDir, filter: &ReportFilter) -> Report {
    let mut reader = StoreReader::open(directory.path()).expect("reader");
    reader.report(filter).expect("report")
}

/// The whole report after these entries.
fn report(entries: &[LogEntry]) -> Report {
    let directory = directory();
    store(&directory).apply(entries).expect("applied");
    report_of(&directory, &ReportFilter::default())
}

fn positions(directory: &TempDir, filter: &EventFilter) -> Vec<u64> {
    let reader = StoreReader::open(directory.path()).expect("reader");
    let events = reader.events(filter).expect("events");
    events.iter().map(|stored| stored.position).collect()
}

/// Numbers of engagements that have no verdict: no machine's, and not confirmed.
fn count(total: u64, unique: u64, unique_per_day: u64) -> Count {
    let filtered = Tally { total, unique, unique_per_day };
    Count { total, unique, unique_per_day, filtered, confirmed: Tally::default() }
}

/// A day in the life of three messages.
fn day() -> Vec<LogEntry> {
    logged([
        reception(1, "november"),
        reception(2, "november"),
        reception(3, ""),
        event(1, 1000, Occurrence::Injection(reply(250))),
        event(2, 1000, Occurrence::Injection(reply(250))),
        event(3, 1000, Occurrence::Delay(reply(451))),
        event(3, 2000, Occurrence::PolicyRejection(reply(554))),
        initial_open(1, HOUR),
        open(1, HOUR + 5),
        open(1, 25 * HOUR),
        click(1, 25 * HOUR + 9, "https://shop.example/a"),
        click(2, 2 * HOUR, "https://shop.example/a"),
        click(2, 2 * HOUR + 1, "https://shop.example/a"),
        click(2, 2 * HOUR + 2, "https://shop.example/b"),
    ])
}

#[test]
fn links_of_other_names_are_counted_apart() {
    let target = "https://shop.example/a";
    let named = |at, name| event(1, at, Occurrence::Click(followed(name, target)));
    let report = report(&logged([
        reception(1, ""),
        named(1, "banner"),
        named(2, "footer"),
        named(3, "banner"),
        click(1, 4, target),
    ]));
    let links: Vec<_> = report.links.iter().map(|link| (&*link.name, link.clicks)).collect();
    assert_eq!(links, [("banner", 2), ("Raw URL", 1), ("footer", 1)]);
}

#[test]
fn unsubscriptions_by_a_link_are_no_clicks() {
    let link = followed("leave", "https://shop.example/leave");
    let unsubscribe = |at| event(1, at, Occurrence::LinkUnsubscribe(link.clone()));
    let report = report(&logged([reception(1, ""), unsubscribe(1), unsubscribe(2)]));
    let Counters { unsubscribes, clicks, confirmed_opens, .. } = report.counters;
    assert_eq!(unsubscribes, count(2, 1, 1));
    assert_eq!((clicks, confirmed_opens), (count(0, 0, 0), count(2, 1, 1)));
}

#[test]
fn counters_of_a_day_add_up() {
    let report = report(&day());
    let expected = Counters {
        outbound: 2,
        refused: 1,
        failed: 0,
        delayed: 1,
        opens: count(2, 1, 2),
        initial_opens: count(1, 1, 1),
        rendered: count(3, 1, 2),
        clicks: count(4, 2, 2),
        unsubscribes: count(0, 0, 0),
        confirmed_opens: count(7, 2, 3),
        way: WayCounters {
            targeted: 3,
            injected: 2,
            rejected: 1,
            policy_rejection: 1,
            ..WayCounters::default()
        },
    };
    assert_eq!(report.counters, expected);
    let campaigns: Vec<_> =
        report.campaigns.iter().map(|campaign| campaign.campaign_id.as_str()).collect();
    assert_eq!(campaigns, ["", "november"]);
    let link = |target: &str, clicks, unique_clicks, share| LinkReport {
        campaign_id: "november".into(),
        target_link_url: target.into(),
        name: "Raw URL".into(),
        clicks,
        unique_clicks,
        filtered: LinkTally { clicks, unique_clicks },
        confirmed: LinkTally::default(),
        share,
    };
    let links =
        [link("https://shop.example/a", 3, 2, 0.75), link("https://shop.example/b", 1, 1, 0.25)];
    assert_eq!(report.links, links);
}

#[test]
fn report_has_the_json_that_scripts_read() {
    let directory = directory();
    store(&directory).apply(&day()).expect("applied");
    let filter = ReportFilter {
        since: Some(Timestamp(MIDNIGHT)),
        until: None,
        campaign: Some("november".into()),
        tag: None,
    };
    let json = serde_json::to_value(report_of(&directory, &filter)).expect("JSON");
    assert_eq!(json["since"], "2026-11-21T00:00:00Z");
    assert_eq!(json["until"], serde_json::Value::Null);
    assert_eq!(json["counters"]["outbound"], 2);
    let opens = serde_json::json!({
        "total": 2, "unique": 1, "unique_per_day": 2,
        "filtered": {"total": 2, "unique": 1, "unique_per_day": 2},
        "confirmed": {"total": 0, "unique": 0, "unique_per_day": 0},
    });
    assert_eq!(json["counters"]["opens"], opens);
    assert_eq!(json["campaigns"][0]["campaign_id"], "november");
    assert_eq!(json["campaigns"][0]["counters"]["clicks"]["unique"], 2);
    assert_eq!(json["links"][0]["target_link_url"], "https://shop.example/a");
}

#[test]
fn time_is_rounded_to_whole_hours() {
    let directory = directory();
    store(&directory).apply(&day()).expect("applied");
    let check = |since, until, opens| {
        let at = |after: i64| Timestamp(MIDNIGHT + after);
        let filter = ReportFilter {
            since: Some(at(since)),
            until: Some(at(until)),
            ..ReportFilter::default()
        };
        assert_eq!(report_of(&directory, &filter).counters.opens, opens, "{since} to {until}");
    };
    check(HOUR, 2 * HOUR, count(1, 1, 1));
    check(HOUR + 30, HOUR + 31, count(1, 1, 1));
    check(0, HOUR, count(0, 0, 0));
    check(24 * HOUR, 48 * HOUR, count(1, 0, 1));
}

#[test]
fn events_of_an_unknown_message_count_for_no_campaign() {
    let report = report(&logged([open(9, 0), click(9, 1, "https://shop.example/")]));
    assert_eq!(report.campaigns.len(), 1);
    assert_eq!(report.campaigns[0].campaign_id, "");
    assert_eq!(report.counters.confirmed_opens, count(2, 1, 1));
}

#[test]
fn entries_that_come_again_are_not_counted_again() {
    let directory = directory();
    let mut store = store(&directory);
    let entries = day();
    store.apply(&entries[..8]).expect("applied");
    store.apply(&entries[3..]).expect("applied");
    store.apply(&entries).expect("applied");
    assert_eq!(store.applied(), 140);
    assert_eq!(report_of(&directory, &ReportFilter::default()), report(&entries));
    assert_eq!(positions(&directory, &EventFilter::default()).len(), entries.len());
}

/// Redis gives again what was not acknowledged, and it is in the log twice then.
#[test]
fn events_from_elsewhere_count_once_however_often_they_come() {
    let from_elsewhere = |event| Event { is_from_elsewhere: true, ..event };
    let once = vec![
        reception(1, "spring"),
        event(1, 5, Occurrence::Injection(reply(250))),
        open(1, 7),
        click(1, 8, "https://a.example/"),
    ];
    let once: Vec<_> = once.into_iter().map(from_elsewhere).collect();
    let directory = directory();
    let mut first = store(&directory);
    let entries = logged(once.iter().chain(&once[..2]).chain(&once).cloned());
    // Some come again at once, others when mailwake was started again.
    first.apply(&entries[..6]).expect("applied");
    drop(first);
    let mut second = store(&directory);
    second.apply(&entries).expect("applied");
    second.apply(&entries[6..]).expect("applied");
    assert_eq!(second.records().duplicates, 4);
    assert_eq!(report_of(&directory, &ReportFilter::default()), report(&logged(once.clone())));
    assert_eq!(positions(&directory, &EventFilter::default()).len(), once.len());
}

#[test]
fn a_crash_between_the_steps_leaves_exact_counts() {
    let entries = day();
    for done in 0..entries.len() {
        let directory = directory();
        let mut first = store(&directory);
        first.apply(&entries[..done]).expect("applied");
        first.apply_events(&entries[done..]).expect("applied");
        drop(first);
        let mut second = store(&directory);
        let applied = second.applied();
        let again = entries.partition_point(|entry| entry.position() < applied);
        assert_eq!(again, done);
        second.apply(&entries[again..]).expect("applied");
        assert_eq!(report_of(&directory, &ReportFilter::default()), report(&entries));
        assert_eq!(positions(&directory, &EventFilter::default()).len(), entries.len());
    }
}

/// Keeps some databases as they are, applies more, and puts the kept ones back: what a
/// power failure may do to databases whose last commits were not synced.
fn lose_commits(is_lost: impl Fn(&str) -> bool) {
    let (directory, kept) = (directory(), directory());
    let entries = day();
    let mut first = store(&directory);
    first.apply(&entries[..9]).expect("applied");
    assert!(first.checkpoint().expect("synced"));
    let cursor = first.applied();
    drop(first);
    let names = || -> Vec<String> {
        let files = fs::read_dir(directory.path()).expect("list");
        files.map(|file| file.expect("file").file_name().to_string_lossy().into()).collect()
    };
    for name in names().iter().filter(|name| is_lost(name)) {
        fs::copy(directory.path().join(name), kept.path().join(name)).expect("kept");
    }
    store(&directory).apply(&entries[9..]).expect("applied");
    for name in names().iter().filter(|name| is_lost(name)) {
        match fs::copy(kept.path().join(name), directory.path().join(name)) {
            Ok(_) => {}
            Err(_) => fs::remove_file(directory.path().join(name)).expect("it was new"),
        }
    }
    let mut second = store(&directory);
    let again = entries.partition_point(|entry| entry.position() < cursor);
    second.apply(&entries[again..]).expect("applied");
    assert_eq!(report_of(&directory, &ReportFilter::default()), report(&entries));
    assert_eq!(positions(&directory, &EventFilter::default()).len(), entries.len());
}

#[test]
fn lost_commits_of_the_main_database_are_made_again() {
    lose_commits(|name| name.starts_with("mailwake.db"));
}

#[test]
fn lost_commits_of_the_days_are_made_again() {
    lose_commits(|name| name.starts_with("events-"));
}

#[test]
fn lost_commits_of_all_databases_are_made_again() {
    lose_commits(|name| name.contains(".db"));
}

#[test]
fn checkpoint_is_not_done_while_a_reader_holds_commits_back() {
    let directory = directory();
    let mut store = store(&directory);
    let entries = day();
    store.apply(&entries[..4]).expect("applied");
    assert!(store.checkpoint().expect("synced"));
    let mut reader = Connection::open(main_path(directory.path())).expect("reader");
    let held = reader.transaction().expect("begin");
    held.query_row("SELECT applied FROM progress", [], |_| Ok(())).expect("read");
    store.apply(&entries[4..]).expect("applied");
    assert!(!store.checkpoint().expect("tried"));
    drop(held);
    assert!(store.checkpoint().expect("synced"));
}

#[test]
fn message_has_upstreams_last_word() {
    let directory = directory();
    store(&directory).apply(&day()).expect("applied");
    let reader = StoreReader::open(directory.path()).expect("reader");
    let state =
        |message| reader.message(&message_id(message)).expect("read").map(|message| message.state);
    assert_eq!(state(1), Some(MessageState::Accepted));
    assert_eq!(state(3), Some(MessageState::Refused));
    assert_eq!(state(4), None);
    let third = reader.message(&message_id(3)).expect("read").expect("known");
    assert_eq!(third.raw_reason.as_deref(), Some("554 told"));
    assert_eq!(third.rcpt_to, "rcpt3@example.com");
}

#[test]
fn events_are_found_by_message_type_time_and_place_in_the_logs_order() {
    let directory = directory();
    store(&directory).apply(&day()).expect("applied");
    let all = EventFilter::default;
    assert_eq!(positions(&directory, &all()), (0..14).map(|i| i * 10).collect::<Vec<u64>>());
    let check = |filter: EventFilter, expected: &[u64]| {
        assert_eq!(positions(&directory, &filter), expected, "{filter:?}");
    };
    check(EventFilter { message_id: Some(message_id(3)), ..all() }, &[20, 50, 60]);
    check(EventFilter { type_name: Some("open".into()), ..all() }, &[80, 90]);
    check(EventFilter { since: Some(Timestamp(MIDNIGHT + 24 * HOUR)), ..all() }, &[90, 100]);
    check(EventFilter { after_position: Some(110), ..all() }, &[120, 130]);
    check(EventFilter { after_position: Some(70), limit: 3, ..all() }, &[80, 90, 100]);
    let reader = StoreReader::open(directory.path()).expect("reader");
    let stored = reader.events(&EventFilter { limit: 1, ..all() }).expect("events");
    assert_eq!(stored[0].event, reception(1, "november"));
}

#[test]
fn expired_days_go_and_their_counts_stay() {
    let directory = directory();
    let config = StoreConfig { retention_days: Some(1), ..StoreConfig::default() };
    let mut store = Store::open(directory.path(), config).expect("store");
    store.apply(&day()).expect("applied");
    store.remove_expired(Timestamp(MIDNIGHT + 47 * HOUR)).expect("removed");
    assert_eq!(positions(&directory, &EventFilter::default()).len(), 14);
    store.remove_expired(Timestamp(MIDNIGHT + 48 * HOUR)).expect("removed");
    assert_eq!(positions(&directory, &EventFilter::default()), [90, 100]);
    assert_eq!(report_of(&directory, &ReportFilter::default()), report(&day()));
    store.apply(&day()).expect("late events make their day again");
    assert_eq!(positions(&directory, &EventFilter::default()).len(), 14);
}

#[test]
fn times_that_no_calendar_has_are_kept() {
    let directory = directory();
    let entries = logged([open(1, i64::MAX - MIDNIGHT), open(1, -MIDNIGHT - HOUR)]);
    store(&directory).apply(&entries).expect("applied");
    assert_eq!(positions(&directory, &EventFilter::default()), [0, 10]);
}

#[test]
fn damage_is_kept_and_passed() {
    let directory = directory();
    let mut store = store(&directory);
    let damage = LogEntry::Damage { position: 10, next: 34, kind: "corrupt_record" };
    store.apply(&[damage]).expect("applied");
    assert_eq!(store.applied(), 34);
    let reader = StoreReader::open(directory.path()).expect("reader");
    let damage = reader.damage().expect("damage");
    assert_eq!((damage[0].position, damage[0].octets), (10, 24));
    assert_eq!(damage[0].kind, "corrupt_record");
}

#[test]
fn a_store_that_is_not_there_is_told() {
    let directory = directory();
    let opened = StoreReader::open(directory.path());
    let Err(error @ StoreError::Absent { .. }) = opened else { panic!("{opened:?}") };
    assert!(error.to_string().contains("there is none yet"), "{error}");
}

#[test]
fn a_second_writer_is_refused() {
    let directory = directory();
    let _first = store(&directory);
    let second = Store::open(directory.path(), StoreConfig::default());
    assert!(matches!(second, Err(StoreError::Locked { .. })));
}

#[test]
fn a_later_version_is_refused() {
    let directory = directory();
    drop(store(&directory));
    let main = Connection::open(main_path(directory.path())).expect("database");
    main.pragma_update(None, "user_version", 77).expect("set");
    let opened = Store::open(directory.path(), StoreConfig::default());
    assert!(matches!(opened, Err(StoreError::Version { found: 77, .. })));
    let opened = StoreReader::open(directory.path());
    assert!(matches!(opened, Err(StoreError::Version { found: 77, .. })));
}

#[test]
fn a_store_made_anew_is_empty() {
    let directory = directory();
    store(&directory).apply(&day()).expect("applied");
    let anew = Store::open_anew(directory.path(), StoreConfig::default()).expect("store");
    assert_eq!(anew.applied(), 0);
    assert!(positions(&directory, &EventFilter::default()).is_empty());
    assert_eq!(report_of(&directory, &ReportFilter::default()), report(&[]));
}

fn visits() -> impl Strategy<Value = Vec<Event>> {
    let visit = (1u8..4, 0u8..3, 0..72 * HOUR).prop_map(|(message, kind, at)| match kind {
        0 => open(message, at),
        1 => initial_open(message, at),
        _ => click(message, at, &format!("https://shop.example/{}", at % 2)),
    });
    prop::collection::vec(visit, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whole days are read from other rows than the hours around them, also before 1970.
    #[test]
    fn report_is_the_sum_of_its_hours(
        visits in visits(),
        (since, until) in (-30..80_i64, -30..80_i64),
        begin in prop_oneof![Just(0), Just(-MIDNIGHT - 36 * HOUR)],
    ) {
        let directory = directory();
        let events = visits.into_iter().map(|mut event| {
            event.timestamp.0 += begin;
            event
        });
        store(&directory).apply(&logged(events)).expect("applied");
        let between = |since: i64, until: i64| {
            let at = |hour: i64| Some(Timestamp(MIDNIGHT + begin + hour * HOUR));
            let filter = ReportFilter { since: at(since), until: at(until), ..ReportFilter::default() };
            report_of(&directory, &filter).counters
        };
        let mut sum = Counters::default();
        (since..until).for_each(|hour| sum += between(hour, hour + 1));
        prop_assert_eq!(between(since, until), sum);
    }

    #[test]
    fn unique_counts_do_not_depend_on_the_order_of_events(
        (in_time, in_log) in visits().prop_flat_map(|visits| {
            let mut in_time = visits.clone();
            in_time.sort_by_key(|event| event.timestamp);
            (Just(in_time), Just(visits).prop_shuffle())
        }),
    ) {
        let known = || (1..4).map(|message| match message {
            1 => reception(message, "november"),
            _ => tags::tagged(message, &["cat", "dog"], MetadataReach::Engagement),
        });
        let (sorted, shuffled) = (directory(), directory());
        store(&sorted).apply(&logged(known().chain(in_time.clone()))).expect("applied");
        store(&shuffled).apply(&logged(known().chain(in_log))).expect("applied");
        for hour in 0..72 {
            let at = |hour| Some(Timestamp(MIDNIGHT + hour * HOUR));
            let filter = ReportFilter { since: at(hour), until: at(hour + 1), ..ReportFilter::default() };
            prop_assert_eq!(report_of(&sorted, &filter).counters, report_of(&shuffled, &filter).counters);
        }
        let all = ReportFilter::default();
        let whole = report_of(&shuffled, &all);
        prop_assert_eq!(&whole, &report_of(&sorted, &all));
        let mut messages: Vec<_> = in_time.iter().map(|event| event.message_id).collect();
        messages.sort_unstable();
        messages.dedup();
        prop_assert_eq!(whole.counters.confirmed_opens.unique, messages.len() as u64);
        prop_assert_eq!(whole.counters.confirmed_opens.total, in_time.len() as u64);
    }
}
