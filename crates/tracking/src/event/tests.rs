use super::{
    arbitrary,
    samples::{asked_for, every_type},
    *,
};
use crate::{account::Account, verdict::Verdict};
use proptest::prelude::*;
use serde_json::Value;
use std::{fs, path::Path};

#[test]
fn stored_form_of_every_type_is_the_golden_one() {
    for event in every_type() {
        check_golden(event.occurrence.type_name(), &event);
    }
}

fn check_golden(name: &str, event: &Event) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/events/v1");
    let stored = encode(event);
    let golden = folder.join(format!("{name}.json"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &stored[1..]).expect("write golden file");
    }
    let wanted = fs::read(&golden).expect("golden file");
    assert_eq!(stored[0], 1);
    assert_eq!(String::from_utf8_lossy(&stored[1..]), String::from_utf8_lossy(&wanted));
    assert_eq!(decode(&stored).expect("own form"), *event);
}

#[test]
fn account_stands_in_the_reception() {
    let mut event = every_type().remove(0);
    let Occurrence::Reception(reception) = &mut event.occurrence else { panic!("{event:?}") };
    reception.account = Account::of_login("SMTP_Injection:X-MSYS-SUBACCOUNT=7");
    let stored = encode(&event);
    let json: Value = serde_json::from_slice(&stored[1..]).expect("JSON");
    assert_eq!(
        (&json["customer_id"], &json["subaccount_id"]),
        (&"SMTP_Injection".into(), &"7".into())
    );
    assert_eq!(decode(&stored).expect("own form"), event);
}

#[test]
fn client_stands_in_the_reception() {
    let mut event = every_type().remove(0);
    let Occurrence::Reception(reception) = &mut event.occurrence else { panic!("{event:?}") };
    reception.client = Client {
        client_address: Some([192, 0, 2, 7].into()),
        client_port: Some(54_321),
        client_name: "host.example".into(),
        client_helo: "client.example".into(),
        client_protocol: "ESMTP".into(),
    };
    let stored = encode(&event);
    let json: Value = serde_json::from_slice(&stored[1..]).expect("JSON");
    assert_eq!(json["client_address"], "192.0.2.7");
    assert_eq!(
        (&json["client_port"], &json["client_name"]),
        (&54_321.into(), &"host.example".into())
    );
    assert_eq!(
        (&json["client_helo"], &json["client_protocol"]),
        (&"client.example".into(), &"ESMTP".into())
    );
    assert_eq!(decode(&stored).expect("own form"), event);
}

#[test]
fn type_name_is_the_one_in_the_stored_form() {
    for event in every_type() {
        let stored: Value = serde_json::from_slice(&encode(&event)[1..]).expect("JSON");
        assert_eq!(stored["type"], event.occurrence.type_name());
    }
}

#[test]
fn every_type_is_listed() {
    let names: Vec<_> = every_type().iter().map(|event| event.occurrence.type_name()).collect();
    assert_eq!(names, Occurrence::TYPE_NAMES);
}

fn an_open() -> Event {
    let mut events = every_type().into_iter();
    events.find(|event| event.occurrence.is_open()).expect("every type")
}

#[test]
fn fields_of_a_later_version_are_passed_over() {
    let stored = encode(&an_open());
    let text = String::from_utf8(stored[1..].to_vec()).expect("JSON is UTF-8");
    let later =
        [b"\x01".as_slice(), text.replacen('{', "{\"weather\":\"fair\",", 1).as_bytes()].concat();
    assert_eq!(decode(&later).expect("read"), an_open());
}

#[test]
fn malformed_records_are_refused_with_the_reason() {
    assert!(matches!(decode(b""), Err(DecodeError::Empty)));
    assert!(matches!(decode(b"\x02{}"), Err(DecodeError::Version(2))));
    assert!(matches!(decode(b"\x01{"), Err(DecodeError::Body(_))));
    assert!(matches!(decode(b"\x01{\"type\":\"dance\"}"), Err(DecodeError::Body(_))));
}

#[test]
fn stored_form_of_what_senders_ask_for_is_the_golden_one() {
    for (name, event) in asked_for() {
        check_golden(name, &event);
    }
}

#[test]
fn events_without_a_verdict_are_of_doubtful_humans() {
    let judgement = Visit::default().judgement();
    assert!(judgement.is_filtered() && !judgement.is_confirmed());
    let judged = Visit { verdict: Some(Verdict::Human), ..Visit::default() };
    assert!(judged.judgement().is_confirmed());
}

/// The way of serde, which `encode` takes only for some.
fn check_as_serde(event: &Event) {
    let wanted = serde_json::to_vec(event).expect("JSON");
    assert_eq!(String::from_utf8_lossy(&encode(event)[1..]), String::from_utf8_lossy(&wanted));
}

#[test]
fn json_is_that_of_serde() {
    let full = Visit {
        ip_address: Some("2001:db8::7".parse().expect("an address")),
        user_agent: "a \"b\" \\ c\u{1}\n\u{7f} Grüße".into(),
        campaign_id: "november \"2\"".into(),
        rcpt_meta: [("a\"b".to_owned(), Value::from(vec![1, 2]))].into_iter().collect(),
        verdict: None,
        verdict_reasons: vec!["too_soon".into(), "agent:x\"y".into()],
        geo_ip: Some(Box::new(GeoIp { country: "DE".into(), ..GeoIp::default() })),
    };
    for mut event in every_type() {
        check_as_serde(&event);
        for verdict in Verdict::ALL {
            if let Some(visit) = event.occurrence.visit_mut() {
                *visit = Visit { verdict: Some(verdict), ..full.clone() };
            }
            check_as_serde(&event);
        }
        if let Occurrence::Click(click) = &mut event.occurrence {
            (click.target_link_name, click.target_link_url) = ("\"a\"".into(), "b\\c".into());
            click.link_index = u32::MAX;
        }
        check_as_serde(&event);
    }
}

proptest! {
    #[test]
    fn any_event_is_read_as_it_was_stored(event in arbitrary::event()) {
        check_as_serde(&event);
        prop_assert_eq!(decode(&encode(&event)).expect("own form"), event);
    }
}
