//! Links of the Go reference in old mail.

use super::{
    super::{LegacyLinks, TrackerConfig, answer},
    support::{PATIENCE, Recording, TARGET, click},
};
use tracking::{
    event::{Click, Occurrence},
    token::legacy::{LegacyLink, encode},
};

const ID: &str = "0000123456789abcdef0";

fn recording() -> Recording {
    let host = |name: &str| vec![name.parse().expect("a host")];
    Recording::with(TrackerConfig {
        legacy: LegacyLinks { hosts: host("t.example"), target_hosts: host("shop.example") },
        durable_deadline: PATIENCE,
        ..TrackerConfig::default()
    })
}

fn path(act: &str, t_url: &str, msg_id: &str) -> String {
    let rcpt = "ann@example.com".into();
    let link = LegacyLink { act: act.into(), t_url: t_url.into(), msg_id: msg_id.into(), rcpt };
    format!("/{}", encode(&link))
}

#[test]
fn old_links_are_events_of_their_message() {
    let recording = recording();
    assert_eq!(recording.tracker.get(&path("o", "", ID)).content, answer::PIXEL);
    assert_eq!(recording.tracker.get(&path("i", "", ID)).content, answer::PIXEL);
    let answer = recording.tracker.get(&path("c", TARGET, ID));
    assert_eq!((answer.status, answer.field("location")), (302, Some(TARGET)));
    let events = recording.events();
    assert!(events.iter().all(|event| event.message_id.to_string() == ID));
    let [open, initial_open, click] = &events[..] else { panic!("{events:?}") };
    assert!(matches!(open.occurrence, Occurrence::Open(_)));
    assert!(matches!(initial_open.occurrence, Occurrence::InitialOpen(_)));
    let Occurrence::Click(Click { target_link_url, .. }) = &click.occurrence else {
        panic!("{click:?}")
    };
    assert_eq!(target_link_url, TARGET);
    assert_eq!(recording.tracker.counters.legacy_links.get(), 3);
    // Some mail clients encode the padding.
    let padded = path("o", "", ID);
    assert!(padded.ends_with('='), "{padded}");
    assert_eq!(recording.tracker.get(&padded.replace('=', "%3D")).status, 200);
    // Links of our own go on working on the same host.
    assert_eq!(recording.tracker.get(&recording.tracker.path(super::click())).status, 302);
    recording.stop();
}

#[test]
fn an_id_that_is_none_is_answered_and_told() {
    let recording = recording();
    let answer = recording.tracker.get(&path("c", TARGET, "00000deadbeeff00d1337"));
    assert_eq!(answer.field("location"), Some(TARGET));
    assert_eq!(recording.tracker.counters.unidentified.get(), 1);
    assert_eq!(recording.events(), []);
    recording.stop();
}

#[test]
fn old_links_lead_to_hosts_on_the_list_alone() {
    let recording = recording();
    for target in
        ["https://evil.example/", "javascript:alert(1)", "https://shop.example@evil.example/", ""]
    {
        assert!(recording.tracker.get(&path("c", target, ID)).is_refusal(), "{target}");
    }
    let elsewhere = format!("GET {} HTTP/1.1\r\nHost: u.example\r\n\r\n", path("o", "", ID));
    assert!(recording.tracker.ask(&elsewhere).is_refusal());
    assert_eq!(recording.events(), []);
    recording.stop();
}

#[test]
fn old_links_are_unknown_where_they_are_not_configured() {
    let recording = Recording::start();
    for path in [path("o", "", ID), path("c", TARGET, ID)] {
        assert!(recording.tracker.get(&path).is_refusal());
    }
    assert_eq!(recording.tracker.get(&recording.tracker.path(click())).status, 302);
    recording.stop();
}
