use super::*;
use std::{fs, path::Path};

const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)";

fn event(occurrence: Occurrence) -> Event {
    let timestamp = Timestamp(1_578_584_427_000);
    let message_id = "00006449175e39c767c2".parse().expect("an id");
    let event_id = EventId::new(timestamp, [7; 10]);
    Event { event_id, timestamp, message_id, occurrence, is_from_elsewhere: true }
}

fn visit() -> Visit {
    let ip_address = Some([203, 0, 113, 9].into());
    Visit { ip_address, user_agent: USER_AGENT.into(), ..Visit::default() }
}

fn click(target: &str) -> Occurrence {
    Occurrence::Click(Click {
        visit: visit(),
        link_index: 0,
        target_link_name: String::new(),
        target_link_url: target.into(),
    })
}

/// The octets are those that the Go reference's encoder writes of the same values.
fn check_golden(name: &str, octets: &[u8]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/trk_queue")
        .join(format!("{name}.json"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, octets).expect("write golden file");
    }
    let wanted = fs::read(&file).expect("golden file");
    assert_eq!(String::from_utf8_lossy(octets), String::from_utf8_lossy(&wanted));
}

fn entry(event: &Event, rcpt_to: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    assert!(append(event, rcpt_to, &mut octets), "{event:?}");
    octets
}

#[test]
fn entries_are_those_of_the_go_reference() {
    let cases = [
        ("click", click("https://example.com/index.html?a=1&b=<2>")),
        ("open", Occurrence::Open(visit())),
        ("initial_open", Occurrence::InitialOpen(Visit::default())),
    ];
    for (name, occurrence) in cases {
        let event = event(occurrence);
        let octets = entry(&event, "bob@example.com");
        check_golden(name, &octets);
        let read = read(&octets, 0).expect("own entry");
        assert_eq!(read, Event { event_id: read.event_id, ..event });
    }
}

#[test]
fn link_to_unsubscribe_is_a_click() {
    let Occurrence::Click(followed) = click("https://example.com/leave") else { panic!("a click") };
    let as_click = entry(&event(Occurrence::Click(followed.clone())), "");
    assert_eq!(entry(&event(Occurrence::LinkUnsubscribe(followed)), ""), as_click);
}

#[test]
fn other_events_have_no_entry() {
    let mut octets = Vec::new();
    assert!(!append(&event(Occurrence::Honeypot(visit())), "", &mut octets));
    assert!(!append(&event(Occurrence::AmpOpen(visit())), "", &mut octets));
    assert_eq!(octets, b"");
}

#[test]
fn augmentation_is_that_of_the_go_reference() {
    check_golden("augmentation", augmentation("bob@example.com", "3").as_bytes());
    assert_eq!(augmentation("bob@example.com", ""), r#"{"rcpt":"bob@example.com"}"#);
    assert_eq!(message_key(event(click("")).message_id), "msgID_00006449175e39c767c2");
}

#[test]
fn entries_of_the_first_versions_are_read() {
    let octets = br#"{"type":"click","target_link_url":"https://example.com/","x_sp_message_id":
        "00006449175e39c767c2","timestamp":"1578584427","user_agent":"curl","ip_address":"::1"}"#;
    let read = read(octets, 0).expect("an entry");
    let Occurrence::Click(click) = &read.occurrence else { panic!("{read:?}") };
    assert_eq!(click.target_link_url, "https://example.com/");
    assert_eq!(click.visit.ip_address, Some("::1".parse().expect("an address")));
    assert_eq!(read.timestamp, Timestamp(1_578_584_427_000));
}

#[test]
fn an_entry_has_the_same_id_whenever_it_is_read() {
    let octets = entry(&event(Occurrence::Open(visit())), "");
    let id = |repetition| read(&octets, repetition).expect("an entry").event_id;
    assert_eq!(id(0), id(0));
    assert_ne!(id(0), id(1));
    assert_ne!(id(0), read(&entry(&event(click("")), ""), 0).expect("an entry").event_id);
}

#[test]
fn addresses_that_are_none_are_left_out() {
    for address in ["", "unknown", "203.0.113.9, 10.0.0.1", "fe80::1%eth0", "203.0.113.9:1"] {
        let octets = format!(
            r#"{{"WD":{{"act":"o","msg_id":"00006449175E39C767C2"}},"ts":"1","ip":"{address}"}}"#
        );
        let read = read(octets.as_bytes(), 0).expect("an entry");
        assert_eq!(read.occurrence, Occurrence::Open(Visit::default()), "{address}");
    }
}

#[test]
fn malformed_entries_are_refused_with_the_reason() {
    let check = |octets: &str, wanted: &str| {
        assert_eq!(read(octets.as_bytes(), 0).expect_err("no entry").to_string(), wanted);
    };
    let of = |act: &str, id: &str, ts: &str| {
        format!(r#"{{"WD":{{"act":"{act}","t_url":"","msg_id":"{id}"}},"ts":"{ts}"}}"#)
    };
    let id = "00006449175e39c767c2";
    check("", "not the JSON of an entry: it ends to be one in line 1, column 0");
    check("[]", "not the JSON of an entry: it ends to be one in line 1, column 2");
    check("\u{0}", "not the JSON of an entry: it ends to be one in line 1, column 1");
    check(&of("x", id, "1"), "neither an open, an initial open nor a click");
    check(&of("o", "f00dbeef", "1"), "its message id is not 20 hexadecimal characters");
    for ts in ["", "-1", "1.5", "253402300800", "99999999999999999999"] {
        check(&of("o", id, ts), "its time is no number of seconds since 1970");
    }
    let large = of("o", &"0".repeat(ENTRY_OCTETS_MAX), "1");
    check(&large, &format!("an entry of {} octets, at most 65536 are read", large.len()));
}

#[test]
fn octets_that_are_no_utf_8_are_refused() {
    let octets = b"{\"WD\":{\"act\":\"o\",\"msg_id\":\"00006449175e39c767c2\"},\"ts\":\"1\",\"ua\":\"\xff\"}";
    assert!(matches!(read(octets, 0), Err(EntryError::Json { .. })));
}
