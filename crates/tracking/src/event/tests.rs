use super::*;
use crate::{account::Account, ids::TransmissionId, smtpapi::Options, verdict::Verdict};
use serde_json::Value;
use std::{fs, path::Path};

fn reply(error_code: u16, raw_reason: &str) -> UpstreamReply {
    UpstreamReply { error_code, raw_reason: raw_reason.into(), ..UpstreamReply::default() }
}

fn visit() -> Visit {
    Visit {
        ip_address: Some([192, 0, 2, 7].into()),
        user_agent: "Mozilla/5.0 (X11; Linux x86_64)".into(),
        ..Visit::default()
    }
}

/// One event of each type, everything in it filled in.
fn every_type() -> Vec<Event> {
    let now = Timestamp(1_795_233_600_123);
    let reception = Reception {
        transmission_id: TransmissionId::new(now, [1, 2, 3]),
        rcpt_to: "Ann@example.com".into(),
        rcpt_type: RcptType::To,
        links_of: None,
        msg_from: "news@shop.example".into(),
        subject: "Grüße \"und\" mehr".into(),
        friendly_from: "Shop <news@shop.example>".into(),
        account: Account::default(),
        client: Client::default(),
        campaign_id: "november".into(),
        rcpt_meta: Metadata::new(),
        rcpt_meta_reach: MetadataReach::Engagement,
        rcpt_tags: Vec::new(),
        options: Options::default(),
        msg_size: 20_481,
        open_tracking: true,
        initial_pixel: false,
        click_tracking: true,
        links: 12,
        untouched: vec!["attachment".into()],
    };
    let queued =
        UpstreamReply { queue_id: Some("4XyZ".into()), ..reply(250, "2.0.0 Ok: queued as 4XyZ") };
    let click = Click {
        visit: visit(),
        link_index: 3,
        target_link_name: String::new(),
        target_link_url: "https://shop.example/?a=1&b=2".into(),
    };
    [
        Occurrence::Reception(Box::new(reception)),
        Occurrence::Injection(queued),
        Occurrence::Delay(reply(451, "4.3.2 try again later")),
        Occurrence::Bounce(reply(550, "5.1.1 no such user")),
        Occurrence::PolicyRejection(reply(554, "5.7.1 refused")),
        Occurrence::Open(visit()),
        Occurrence::InitialOpen(Visit::default()),
        Occurrence::Click(click.clone()),
        Occurrence::AmpOpen(visit()),
        Occurrence::AmpInitialOpen(visit()),
        Occurrence::AmpClick(click.clone()),
        Occurrence::LinkUnsubscribe(Click { target_link_name: "banner".into(), ..click }),
        Occurrence::ListUnsubscribe(Unsubscription {
            visit: visit(),
            target_url: "https://shop.example/leave?u=7".into(),
        }),
        Occurrence::Honeypot(visit()),
    ]
    .map(|occurrence| Event {
        event_id: EventId::new(now, [9; 10]),
        timestamp: now,
        message_id: MessageId::new(now, [1, 2, 3, 4, 5]),
        occurrence,
    })
    .into()
}

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

#[test]
fn fields_of_a_later_version_are_passed_over() {
    let stored = encode(&every_type()[5]);
    let text = String::from_utf8(stored[1..].to_vec()).expect("JSON is UTF-8");
    let later =
        [b"\x01".as_slice(), text.replacen('{', "{\"weather\":\"fair\",", 1).as_bytes()].concat();
    assert_eq!(decode(&later).expect("read"), every_type()[5]);
}

#[test]
fn malformed_records_are_refused_with_the_reason() {
    assert!(matches!(decode(b""), Err(DecodeError::Empty)));
    assert!(matches!(decode(b"\x02{}"), Err(DecodeError::Version(2))));
    assert!(matches!(decode(b"\x01{"), Err(DecodeError::Body(_))));
    assert!(matches!(decode(b"\x01{\"type\":\"dance\"}"), Err(DecodeError::Body(_))));
}

/// The reception of an archive's copy with all that a sender can ask for, and the open and
/// the click of a message whose links are self-contained.
fn asked_for() -> Vec<(&'static str, Event)> {
    let metadata = serde_json::json!({"pets": ["Spot", "Rex"], "age": 7.25, "name": "Jos\u{e9}"});
    let Value::Object(metadata) = metadata else { panic!("an object") };
    let of_type = |name: &str| {
        let mut events = every_type().into_iter();
        events.find(|event| event.occurrence.type_name() == name).expect("every type")
    };
    let (mut reception, mut open, mut click) =
        (of_type("reception"), of_type("open"), of_type("click"));
    let Occurrence::Reception(of_archive) = &mut reception.occurrence else {
        panic!("{reception:?}")
    };
    of_archive.rcpt_type = RcptType::Archive;
    of_archive.links_of = Some(MessageId::new(Timestamp(1_795_233_600_122), [5, 4, 3, 2, 1]));
    of_archive.rcpt_meta = metadata.clone();
    of_archive.rcpt_meta_reach = MetadataReach::Opens;
    of_archive.rcpt_tags = vec!["cat".into(), "Hündin".into()];
    of_archive.options = Options {
        transactional: Some(true),
        skip_suppression: Some(false),
        ip_pool: Some("pool-a".into()),
        inline_css: Some(true),
        dkim_key: Some("marketing".into()),
        sandbox: Some(false),
        perform_substitutions: Some(false),
        list_id: Some("news.shop.example".into()),
    };
    open.occurrence = Occurrence::Open(Visit {
        campaign_id: "november".into(),
        rcpt_meta: metadata.clone(),
        ..visit()
    });
    let Occurrence::Click(followed) = &mut click.occurrence else { panic!("{click:?}") };
    followed.visit.campaign_id = "november".into();
    followed.visit.rcpt_meta = metadata;
    let mut judged = of_type("open");
    judged.occurrence = Occurrence::Open(Visit {
        verdict: Some(Verdict::Scanner),
        verdict_reasons: vec!["agent:barracuda".into(), "too_soon".into()],
        geo_ip: Some(Box::new(GeoIp {
            country: "US".into(),
            region: "MD".into(),
            city: "Columbia".into(),
            latitude: "39.1749".into(),
            longitude: "-76.8375".into(),
            postal_code: "21046".into(),
        })),
        ..visit()
    });
    vec![
        ("open_with_verdict", judged),
        ("reception_of_archive", reception),
        ("open_with_payload", open),
        ("click_with_payload", click),
    ]
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
