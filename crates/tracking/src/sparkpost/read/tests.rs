use super::*;
use crate::{
    event::{
        arbitrary,
        samples::{asked_for, emptied, every_type, filled, message},
    },
    sparkpost::{Booleans, Context, Form, Names, Times, append, group, tests::RULES},
};
use proptest::prelude::*;

const FULL: Form = Form {
    names: Names::Internal,
    booleans: Booleans::Digits,
    times: Times::Fractions,
    has_extras: true,
};

fn written(event: &Event, message: Option<&MessageRecord>, form: Form) -> Vec<u8> {
    let context = Context { message, rules: &RULES, user_agent_parsed: None, form };
    let mut octets = Vec::new();
    assert!(append(event, &context, &mut octets), "{event:?}");
    octets
}

fn read_again(octets: &[u8]) -> ReadEvent {
    let text = String::from_utf8_lossy(octets);
    read(octets).unwrap_or_else(|error| panic!("{error}: {text}")).expect("no ping")
}

/// Events of every type that SparkPost knows, with nothing, with little and with everything.
fn events() -> impl Iterator<Item = Event> {
    let samples = every_type().into_iter().chain(asked_for().into_iter().map(|(_, event)| event));
    samples
        .filter(|event| group(&event.occurrence).is_some())
        .flat_map(|event| [emptied(event.clone()), filled(event.clone()), event])
}

#[test]
fn events_with_extras_are_read_as_they_were() {
    let message = message();
    for mut event in events() {
        if let Occurrence::Click(click)
        | Occurrence::AmpClick(click)
        | Occurrence::LinkUnsubscribe(click) = &mut event.occurrence
        {
            // SparkPost cuts it.
            click.target_link_name.truncate(62);
        }
        if let Occurrence::RelayInjection(relay) | Occurrence::RelayDelivery(relay) =
            &mut event.occurrence
        {
            // There is no reason to tell one.
            (relay.error_code, relay.raw_reason) = (None, String::new());
        }
        for times in [Times::Fractions, Times::Iso] {
            for message in [None, Some(&message)] {
                let read = read_again(&written(&event, message, Form { times, ..FULL }));
                let mut wanted = event.clone();
                match &mut wanted.occurrence {
                    Occurrence::RelayInjection(relay)
                    | Occurrence::RelayRejection(relay)
                    | Occurrence::RelayDelivery(relay)
                    | Occurrence::RelayTempfail(relay)
                    | Occurrence::RelayPermfail(relay) => relay.method = "esmtp".into(),
                    _ => {}
                }
                if let (Some(_), Some(visit)) = (message, wanted.occurrence.visit_mut()) {
                    // Those of the message count more than those of the link.
                    (visit.campaign_id, visit.rcpt_meta) = Default::default();
                }
                assert_eq!(read.event, wanted);
                let is_relay = group(&event.occurrence) == Some("relay_event");
                assert_eq!(read.message.is_some(), message.is_some() && !is_relay);
            }
        }
    }
}

#[test]
fn what_was_read_is_written_the_same() {
    let message = message();
    for event in events() {
        for form in [Form::default(), FULL, Form { times: Times::Iso, ..Form::default() }] {
            for message in [None, Some(&message)] {
                let first = written(&event, message, form);
                let read = read_again(&first);
                let again = written(&read.event, read.message.as_ref(), form);
                assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&first));
            }
        }
    }
}

#[test]
fn message_is_read_as_it_was_joined() {
    let message = message();
    let open = events().find(|event| event.occurrence.is_open()).expect("an open");
    let read = read_again(&written(&open, Some(&message), Form::default())).message;
    let read = read.expect("it was joined");
    let Reception { client: _, links: _, links_of: _, untouched: _, .. } = message.reception;
    let wanted = Reception {
        client: Client::default(),
        links: 0,
        links_of: None,
        untouched: Vec::new(),
        friendly_from: "news@shop.example".into(),
        options: Options { transactional: Some(true), ..Options::default() },
        ..message.reception
    };
    assert_eq!((read.received_at, read.reception), (message.received_at, wanted));
    let attempt = read.attempt.expect("the last one");
    assert_eq!((attempt.ip_pool.as_str(), attempt.num_retries), ("pool-a", Some(2)));
}

/// A bounce in the older form of webhooks.
const BOUNCE: &str = r#"{"msys":{"message_event":{"type":"bounce","bounce_class":"10",
    "campaign_id":"spring","customer_id":"1","delv_method":"esmtp","error_code":"550",
    "event_id":"92356927693813856","message_id":"000443ee14578172be22","num_retries":"2",
    "rcpt_meta":{"a":"b"},"rcpt_tags":["x"],"rcpt_to":"ann@example.com","timestamp":1454442600,
    "raw_reason":"550 5.1.1 no such user","transmission_id":"65832150921904138",
    "weather":"fair"}}}"#;

#[test]
fn event_of_sparkpost_is_read() {
    let ReadEvent { event, message } = read_again(BOUNCE.as_bytes());
    assert_eq!(event.timestamp, Timestamp(1_454_442_600_000));
    assert_eq!(event.message_id.to_string(), "000443ee14578172be22");
    assert_eq!(event.event_id, read_again(BOUNCE.as_bytes()).event.event_id);
    let Occurrence::Bounce(reply) = event.occurrence else { panic!("{event:?}") };
    assert_eq!((reply.error_code, reply.raw_reason.as_str()), (550, "5.1.1 no such user"));
    let attempt = reply.attempt.expect("an attempt");
    assert_eq!((attempt.bounce_class, attempt.num_retries), (Some(10), Some(2)));
    assert_eq!(message.expect("it is joined").reception.campaign_id, "spring");
}

/// Nearly every value is a string, numbers among them; other programs write them as numbers.
#[test]
fn ids_may_be_numbers() {
    let numbers = BOUNCE.replace("\"92356927693813856\"", "92356927693813856");
    let numbers = numbers.replace("\"65832150921904138\"", "65832150921904138");
    assert_eq!(read_again(numbers.as_bytes()), read_again(BOUNCE.as_bytes()));
}

#[test]
fn other_numbers_are_other_ids() {
    let id = |number: u64| {
        let json = BOUNCE.replace("92356927693813856", &number.to_string());
        read_again(json.as_bytes()).event.event_id
    };
    let mut ids: Vec<_> =
        (0..63).map(|bit| id(1 << bit)).chain([id(0), id((1 << 63) - 1)]).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 65);
}

#[test]
fn event_of_the_events_api_is_read() {
    let click = r#"{"type":"click","event_id":"92356927693813856","ip_address":"127.0.0.1",
        "message_id":"000443ee14578172be22","timestamp":"2016-04-18T14:25:07.000+00:00",
        "geo_ip":{"country":"US","latitude":39.1749,"longitude":-76.8375,"zip":21046},
        "target_link_name":"Raw URL","target_link_url":"http://example.com",
        "user_agent_parsed":{"is_prefetched":true}}"#;
    let ReadEvent { event, message } = read_again(click.as_bytes());
    assert_eq!((event.timestamp, message), (Timestamp(1_460_989_507_000), None));
    let Occurrence::Click(click) = event.occurrence else { panic!("{event:?}") };
    assert_eq!(
        (click.target_link_name.as_str(), click.visit.verdict),
        ("", Some(Verdict::Prefetch))
    );
    let place = click.visit.geo_ip.expect("a place");
    assert_eq!((place.latitude.as_str(), place.postal_code.as_str()), ("39.1749", "21046"));
}

#[test]
fn ping_is_no_event() {
    assert!(read(b"{\"msys\":{}}").expect("a ping").is_none());
}

#[track_caller]
fn check_refused(json: &str, wanted: &str) {
    let error = read(json.as_bytes()).expect_err(json).to_string();
    assert!(error.starts_with(wanted), "{error}");
}

#[test]
fn what_is_no_event_is_refused_with_the_reason() {
    check_refused("", "no JSON");
    check_refused("[]", "neither");
    check_refused("{}", "neither");
    check_refused(r#"{"msys":[]}"#, "neither");
    check_refused(r#"{"msys":{"a":{},"b":{}}}"#, "neither");
    check_refused(r#"{"msys":{"a":7}}"#, "neither");
    check_refused(&BOUNCE.replace("\"bounce\"", "\"dance\""), "an event of a type");
    check_refused(&BOUNCE.replace("1454442600", "-1"), "timestamp must be Unix seconds");
    check_refused(&BOUNCE.replace("1454442600", "\"99999999999999999999\""), "timestamp must be");
    check_refused(&BOUNCE.replace("1454442600", "\"9223372036854775.999\""), "timestamp must be");
    check_refused(&BOUNCE.replace("92356927693813856", "9223372036854775808"), "event_id must be");
    check_refused(r#"{"msys":{"message_event":[{"type":"bounce"}]}}"#, "neither");
    check_refused(r#"[{"msys":{}}]"#, "neither");
    check_refused(&BOUNCE.replace("event_id", "id"), "event_id must be a UUID or");
    check_refused(&BOUNCE.replace("\"550\"", "\"abc\""), "error_code must be the code");
    check_refused(&BOUNCE.replace("000443ee", "0004"), "message_id must be 20");
    check_refused(&BOUNCE.replace("65832150921904138", "many"), "transmission_id must be");
    check_refused(&BOUNCE.replace("[\"x\"]", "[7]"), "rcpt_tags must be an array");
    check_refused(&BOUNCE.replace("{\"a\":\"b\"}", "\"ab\""), "rcpt_meta must be an object");
    check_refused(&BOUNCE.replace("\"fair\"", &"[".repeat(200)), "no JSON");
    check_refused(&" ".repeat(OCTETS_MAX + 1), "an event of more than");
}

proptest! {
    #[test]
    fn any_event_that_was_read_is_written_the_same(
        event in arbitrary::event(),
        message in proptest::option::of(arbitrary::message()),
        is_full in any::<bool>(),
    ) {
        prop_assume!(group(&event.occurrence).is_some());
        let form = if is_full { FULL } else { Form::default() };
        let first = written(&event, message.as_ref(), form);
        let read = read_again(&first);
        let again = written(&read.event, read.message.as_ref(), form);
        prop_assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&first));
    }

    /// Whatever a field is, there is an answer; and what is read can be written.
    #[test]
    fn any_value_of_any_field_gets_an_answer(
        name in "[a-z_]{1,20}|timestamp|error_code|raw_reason|rcpt_meta|attempt|geo_ip|event_id",
        value in prop_oneof![
            any::<String>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(serde_json::json!({"rcpt_to": "é", "other": {"a": [null]}})),
            Just(serde_json::json!([["x"], {}])),
        ],
        sample in 0..1_000_usize,
    ) {
        let events: Vec<_> = events().collect();
        let event = &events[sample % events.len()];
        let mut json: Value =
            serde_json::from_slice(&written(event, Some(&message()), FULL)).expect("JSON");
        let group = json["msys"].as_object_mut().expect("an object").values_mut().next();
        group.expect("a group")[name] = value;
        if let Ok(Some(read)) = read(json.to_string().as_bytes()) {
            written(&read.event, read.message.as_ref(), FULL);
        }
    }
}
