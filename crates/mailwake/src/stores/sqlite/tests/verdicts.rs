//! Verdicts, first and settled, as reports and events tell them.

use super::*;
use crate::stores::report::Settled;
use rusqlite::Connection;
use std::collections::BTreeSet;
use tracking::verdict::settle::{self, Sighting};
use tracking::verdict::{Judgement, Verdict, reason};

/// A person's visit, as far as it shows, from the last octet of an address.
fn visit(host: u8) -> Visit {
    Visit {
        ip_address: Some([192, 0, host, 1].into()),
        user_agent: "Mozilla/5.0 (X11)".into(),
        verdict: Some(Verdict::Human),
        ..Visit::default()
    }
}

fn click_of(message: u8, at: i64, link_index: u32, visit: Visit) -> Event {
    let target = format!("https://shop.example/{link_index}");
    event(message, at, Occurrence::Click(Click { visit, link_index, ..followed("", &target) }))
}

fn click_from(host: u8, message: u8, at: i64, link_index: u32) -> Event {
    click_of(message, at, link_index, visit(host))
}

fn open_with(message: u8, at: i64, verdict: Verdict, reasons: &[&str]) -> Event {
    let verdict_reasons = reasons.iter().map(|reason| (*reason).into()).collect();
    let visit = Visit { verdict: Some(verdict), verdict_reasons, ..visit(1) };
    event(message, at, Occurrence::Open(visit))
}

fn tally(total: u64, unique: u64, unique_per_day: u64) -> Tally {
    Tally { total, unique, unique_per_day }
}

#[test]
fn first_verdicts_decide_what_is_filtered_and_confirmed() {
    let report = report(&logged([
        open_with(1, 1, Verdict::Prefetch, &["agent:apple_mail_privacy"]),
        open_with(2, 1, Verdict::Proxy, &["agent:gmail_image_proxy"]),
        open_with(3, 1, Verdict::Human, &[]),
        open_with(4, 1, Verdict::Human, &[reason::UNKNOWN_AGENT]),
    ]));
    let Count { total, filtered, confirmed, .. } = report.counters.opens;
    assert_eq!((total, filtered, confirmed), (4, tally(3, 3, 3), tally(1, 1, 1)));
    assert_eq!(report.counters.rendered, report.counters.opens);
}

#[test]
fn what_is_settled_later_moves_counts_from_people_to_machines() {
    let directory = directory();
    let mut store = store(&directory);
    let entries = logged([
        tags::tagged(1, &["cat"], MetadataReach::Engagement),
        // Of a person, long after the scanner, and counted under it as the second.
        click_from(7, 1, 3 * HOUR, 0),
        click_from(1, 1, HOUR, 0),
        click_from(1, 1, HOUR + 100, 1),
        click_from(1, 1, HOUR + 200, 2),
    ]);
    let seen = |directory| {
        let filter = ReportFilter { tag: Some("cat".into()), ..ReportFilter::default() };
        let (all, of_tag) =
            (report_of(directory, &ReportFilter::default()), report_of(directory, &filter));
        assert_eq!(all.counters, of_tag.counters);
        assert_eq!(all.links, of_tag.links);
        let links: Vec<_> = all.links.iter().map(|link| (link.clicks, link.confirmed)).collect();
        (all.counters.clicks, links)
    };
    store.apply(&entries[..3]).expect("applied");
    let of = |clicks, unique_clicks| LinkTally { clicks, unique_clicks };
    let (clicks, links) = seen(&directory);
    assert_eq!((clicks.total, clicks.confirmed), (2, tally(2, 1, 1)));
    assert_eq!(links, [(2, of(2, 1))]);
    store.apply(&entries[3..]).expect("applied");
    let (clicks, links) = seen(&directory);
    assert_eq!((clicks.total, clicks.unique, clicks.unique_per_day), (4, 1, 1));
    assert_eq!((clicks.filtered, clicks.confirmed), (tally(1, 1, 1), tally(1, 1, 1)));
    assert_eq!(links, [(2, of(1, 1)), (1, of(0, 0)), (1, of(0, 0))]);
    // The first click of a person is in the hour of the person now.
    let hour = |hour: i64| ReportFilter {
        since: Some(Timestamp(MIDNIGHT + hour * HOUR)),
        until: Some(Timestamp(MIDNIGHT + (hour + 1) * HOUR)),
        ..ReportFilter::default()
    };
    let unique = |of: ReportFilter| report_of(&directory, &of).counters.clicks.filtered.unique;
    assert_eq!((unique(hour(1)), unique(hour(3))), (0, 1));
    let raw = report_of(&directory, &hour(1)).counters.clicks;
    assert_eq!((raw.total, raw.unique), (3, 1));
}

fn settled(directory: &TempDir) -> Vec<Option<Settled>> {
    let reader = StoreReader::open(directory.path()).expect("reader");
    let events = reader.events(&EventFilter::default()).expect("events");
    events.into_iter().map(|stored| stored.settled).collect()
}

#[test]
fn events_tell_what_was_settled_and_stay_as_they_were() {
    let directory = directory();
    let entries = logged([
        event(1, 0, Occurrence::Injection(reply(250))),
        click_from(1, 1, HOUR, 0),
        click_from(1, 1, HOUR + 1, 1),
    ]);
    store(&directory).apply(&entries).expect("applied");
    let scanner = Settled {
        settled_verdict: Verdict::Scanner,
        settled_reasons: vec![reason::LINKS_AT_ONCE.into()],
    };
    assert_eq!(settled(&directory), [None, Some(scanner.clone()), Some(scanner)]);
    let reader = StoreReader::open(directory.path()).expect("reader");
    let events = reader.events(&EventFilter::default()).expect("events");
    assert_eq!(events[1].event, click_from(1, 1, HOUR, 0));
    let json = serde_json::to_value(&events[1]).expect("JSON");
    assert_eq!((&json["verdict"], &json["settled_verdict"]), (&"human".into(), &"scanner".into()));
    assert_eq!(json["settled_reasons"], serde_json::json!(["links_at_once"]));
}

#[test]
fn verdicts_go_with_their_events_and_counts_stay() {
    let directory = directory();
    let config = StoreConfig { retention_days: Some(1), ..StoreConfig::default() };
    let mut store = Store::open(directory.path(), config).expect("store");
    let entries = logged([click_from(1, 1, HOUR, 0), click_from(2, 1, 30 * HOUR, 0)]);
    store.apply(&entries).expect("applied");
    let before = report_of(&directory, &ReportFilter::default());
    store.remove_expired(Timestamp(MIDNIGHT + 48 * HOUR)).expect("removed");
    assert_eq!(report_of(&directory, &ReportFilter::default()), before);
    let main = Connection::open(main_path(directory.path())).expect("database");
    let left: i64 =
        main.query_row("SELECT COUNT(*) FROM engagements", [], |row| row.get(0)).expect("counted");
    assert_eq!(left, 1);
}

/// A tracker's events may be here long before the reception, which a gateway tells that was away.
#[test]
fn reception_behind_the_removal_of_verdicts_moves_all_of_a_day_or_nothing() {
    let directory = directory();
    let config = StoreConfig { retention_days: Some(1), ..StoreConfig::default() };
    let mut store = Store::open(directory.path(), config).expect("store");
    let entries = logged([
        click_from(1, 1, HOUR, 0),
        click_from(1, 1, 2 * HOUR, 0),
        click_from(1, 1, 30 * HOUR, 0),
        tags::tagged(1, &["cat"], MetadataReach::Engagement),
        click_from(1, 1, 31 * HOUR, 0),
    ]);
    store.apply(&entries[..3]).expect("applied");
    store.remove_expired(Timestamp(MIDNIGHT + 48 * HOUR)).expect("removed");
    store.apply(&entries[3..]).expect("applied");
    let report = report_of(&directory, &ReportFilter::default());
    let clicks = |campaign: &str| {
        let of = report.campaigns.iter().find(|of| of.campaign_id == campaign).expect("a campaign");
        let Count { total, unique, unique_per_day, .. } = of.counters.clicks;
        (total, unique, unique_per_day)
    };
    assert_eq!((clicks(""), clicks("november")), ((2, 1, 1), (2, 0, 1)));
    let Count { total, unique, unique_per_day, .. } = report.tags[0].counters.clicks;
    assert_eq!((total, unique, unique_per_day), (2, 0, 1));
    assert_eq!(report.links.iter().map(|link| link.unique_clicks).sum::<u64>(), 1);
}

#[test]
fn what_was_counted_before_there_were_verdicts_is_no_machine_s() {
    let directory = directory();
    let main = Connection::open(main_path(directory.path())).expect("a database");
    schema::MAIN[..3].iter().for_each(|one| main.execute_batch(one).expect("its tables"));
    main.execute_batch(
        "INSERT INTO rollups VALUES (0, 0, 1, 5, 2, 3);
         INSERT INTO seen VALUES (x'01010101010101010101', 1, 0, 0, 7, 0);",
    )
    .expect("counts");
    main.pragma_update(None, "user_version", 3).expect("its version");
    drop(main);
    store(&directory).apply(&logged([open(1, HOUR)])).expect("applied");
    let opens = report_of(&directory, &ReportFilter::default()).counters.opens;
    assert_eq!((opens.total, opens.unique), (6, 2));
    assert_eq!((opens.filtered, opens.confirmed), (tally(6, 2, 4), tally(0, 0, 0)));
}

#[test]
fn who_follows_the_link_that_no_person_sees_is_no_person() {
    let trap = Visit {
        verdict: Some(Verdict::Scanner),
        verdict_reasons: vec![reason::HONEYPOT.into()],
        ..visit(1)
    };
    let report = report(&logged([
        click_from(1, 1, HOUR, 0),
        click_from(7, 1, HOUR + 60_000, 1),
        event(1, HOUR + 300_000, Occurrence::Honeypot(trap)),
    ]));
    let Count { total, filtered, .. } = report.counters.clicks;
    assert_eq!((total, filtered), (2, tally(1, 1, 1)));
    assert_eq!(report.counters.confirmed_opens.total, 2);
}

#[test]
fn a_flood_of_requests_is_settled_by_the_nearest() {
    let flood = (0..400).map(|number| click_from(1, 1, i64::from(number) * 20, number % 9));
    let clicks = report(&logged(flood)).counters.clicks;
    assert_eq!((clicks.total, clicks.filtered.total), (400, 0));
}

#[test]
fn a_machine_does_not_become_a_person_by_a_flood_behind_it() {
    let scanned = [click_from(1, 1, HOUR, 0), click_from(1, 1, HOUR + 300, 1)];
    let later = HOUR + 60_000;
    let flood = (0..64).map(|number| {
        let visit = visit(7);
        event(1, later + 1_000 * i64::from(number), Occurrence::Open(visit))
    });
    let clicks = report(&logged(scanned.into_iter().chain(flood))).counters.clicks;
    assert_eq!((clicks.total, clicks.filtered), (2, tally(0, 0, 0)));
}

/// Engagements that come in bursts, by few visitors.
fn bursts() -> impl Strategy<Value = Vec<Event>> {
    let verdict = prop_oneof![
        4 => Just((Verdict::Human, None)),
        1 => Just((Verdict::Human, Some(reason::UNKNOWN_AGENT))),
        1 => Just((Verdict::Proxy, None)),
        1 => Just((Verdict::Scanner, Some(reason::TOO_SOON))),
    ];
    let time = (0..3_i64, 0..40_i64).prop_map(|(burst, step)| burst * 13 * HOUR + step * 400);
    let one = (1..3_u8, 0..6_u8, time, 0..3_u8, verdict).prop_map(
        |(message, what, at, host, (verdict, reason))| {
            let verdict_reasons = reason.into_iter().map(str::to_owned).collect();
            let visit = Visit { verdict: Some(verdict), verdict_reasons, ..visit(host) };
            match what {
                0 => event(message, at, Occurrence::Open(visit)),
                1 => event(message, at, Occurrence::InitialOpen(visit)),
                link => click_of(message, at, link.into(), visit),
            }
        },
    );
    prop::collection::vec(one, 1..30)
}

/// What all engagements are, settled at once.
fn oracle(events: &[Event]) -> Vec<Judgement> {
    let mut found = vec![Judgement::default(); events.len()];
    for message in 1..3 {
        let of: Vec<_> =
            (0..events.len()).filter(|i| events[*i].message_id == message_id(message)).collect();
        let sighting = |index: &usize| {
            let event = &events[*index];
            let visit = event.occurrence.visit().expect("an engagement");
            Sighting {
                at: event.timestamp,
                deed: match &event.occurrence {
                    Occurrence::Click(click) => settle::Deed::Click(click.link_index.into()),
                    _ => settle::Deed::Open,
                },
                address: visit.ip_address,
                agent: 0,
                first: visit.judgement(),
            }
        };
        let settled = settle::settle(&of.iter().map(sighting).collect::<Vec<_>>());
        of.into_iter().zip(settled).for_each(|(index, judgement)| found[index] = judgement);
    }
    found
}

/// Counts without a store.
fn tally_of<'e>(events: impl Iterator<Item = &'e Event> + Clone) -> Tally {
    let messages: BTreeSet<_> = events.clone().map(|event| event.message_id).collect();
    let days: BTreeSet<_> =
        events.clone().map(|event| (event.message_id, event.timestamp.day())).collect();
    tally(events.count() as u64, messages.len() as u64, days.len() as u64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn counts_are_those_of_all_engagements_settled_at_once(
        events in bursts(),
        batch in 1..30_usize,
    ) {
        let directory = directory();
        let mut store = store(&directory);
        let known = (1..3).map(|message| tags::tagged(message, &["cat"], MetadataReach::Opens));
        let entries = logged(known.chain(events.clone()));
        entries.chunks(batch).for_each(|batch| store.apply(batch).expect("applied"));
        let found = oracle(&events);
        let verdicts: Vec<_> = settled(&directory).into_iter().skip(2).collect();
        for (judgement, settled) in found.iter().zip(verdicts) {
            prop_assert_eq!(Some(judgement.verdict), settled.map(|settled| settled.settled_verdict));
        }
        let is_click = |event: &Event| matches!(event.occurrence, Occurrence::Click(_));
        let counted = |is_of: &dyn Fn(&Event) -> bool| {
            let of = |is_in: fn(&Judgement) -> bool| {
                let in_grade = events.iter().zip(&found).filter(|(_, judgement)| is_in(judgement));
                tally_of(in_grade.map(|(event, _)| event).filter(|event| is_of(event)))
            };
            let Tally { total, unique, unique_per_day } = of(|_| true);
            let (filtered, confirmed) = (of(Judgement::is_filtered), of(Judgement::is_confirmed));
            Count { total, unique, unique_per_day, filtered, confirmed }
        };
        for filter in [ReportFilter::default(), ReportFilter { tag: Some("cat".into()), ..ReportFilter::default() }] {
            let report = report_of(&directory, &filter);
            prop_assert_eq!(report.counters.clicks, counted(&is_click));
            prop_assert_eq!(report.counters.rendered, counted(&|event| !is_click(event)));
            prop_assert_eq!(report.counters.confirmed_opens, counted(&|_| true));
            for link in &report.links {
                let is_of = |event: &Event| matches!(&event.occurrence, Occurrence::Click(click)
                    if click.target_link_url == link.target_link_url);
                let wanted = counted(&is_of);
                let got = [(link.clicks, link.unique_clicks), (link.filtered.clicks, link.filtered.unique_clicks), (link.confirmed.clicks, link.confirmed.unique_clicks)];
                prop_assert_eq!(got, [(wanted.total, wanted.unique), (wanted.filtered.total, wanted.filtered.unique), (wanted.confirmed.total, wanted.confirmed.unique)]);
            }
        }
    }

    #[test]
    fn counts_of_a_flood_are_those_of_the_verdicts_that_events_tell(
        flood in prop::collection::vec((1..7_u8, 0..900_i64, 0..5_u8, any::<bool>()), 60..140),
        batch in 1..90_usize,
    ) {
        let events: Vec<_> = flood
            .into_iter()
            .map(|(link, second, host, is_doubtful)| {
                let verdict = if is_doubtful { Verdict::Proxy } else { Verdict::Human };
                let visit = Visit { verdict: Some(verdict), ..visit(host) };
                // Around midnight.
                click_of(1, 1_000 * second - 400_000, link.into(), visit)
            })
            .collect();
        let directory = directory();
        let mut store = store(&directory);
        let entries = logged(events.clone());
        entries.chunks(batch).for_each(|batch| store.apply(batch).expect("applied"));
        let told: Vec<_> =
            settled(&directory).into_iter().map(|one| one.expect("settled")).collect();
        let of = |is_in: fn(&Settled) -> bool| {
            let in_grade = events.iter().zip(&told).filter(|(_, settled)| is_in(settled));
            tally_of(in_grade.map(|(event, _)| event))
        };
        let clicks = report_of(&directory, &ReportFilter::default()).counters.clicks;
        prop_assert_eq!(clicks.filtered, of(|one| !one.settled_verdict.is_machine()));
        prop_assert_eq!(clicks.confirmed, of(|one| {
            one.settled_verdict == Verdict::Human && one.settled_reasons.is_empty()
        }));
    }
}
