use super::*;
use crate::{
    account::Account,
    event::{
        Metadata, MetadataReach, RcptType, Reception,
        samples::{self, emptied, every_type, filled, message},
    },
    smtpapi::Options,
};
use serde_json::{Map, Value};
use std::{fs, path::Path, sync::LazyLock};

/// Made once: it takes a while.
pub(super) static RULES: LazyLock<Rules> = LazyLock::new(Rules::built_in);

fn user_agent_parsed() -> UserAgentParsed {
    UserAgentParsed {
        agent_family: "Firefox".into(),
        device_brand: "Other".into(),
        device_family: "Other".into(),
        os_family: "Linux".into(),
        os_version: String::new(),
        is_mobile: false,
        is_proxy: false,
        is_prefetched: true,
    }
}

/// All that a receiver can be told, as Momentum writes it.
const INTERNAL: Form = Form {
    names: Names::Internal,
    booleans: Booleans::Digits,
    times: Times::Fractions,
    has_extras: true,
};

fn written(event: &Event, message: Option<&MessageRecord>, form: Form) -> String {
    let parsed = user_agent_parsed();
    let has_agent = event.occurrence.visit().is_some_and(|visit| !visit.user_agent.is_empty());
    let user_agent_parsed = has_agent.then_some(&parsed);
    let context = Context { message, rules: &RULES, user_agent_parsed, form };
    let mut octets = b"before".to_vec();
    assert!(append(event, &context, &mut octets), "{event:?}");
    String::from_utf8(octets.split_off(6)).expect("JSON is UTF-8")
}

/// Every type that SparkPost knows.
fn known() -> impl Iterator<Item = Event> {
    every_type().into_iter().filter(|event| group(&event.occurrence).is_some())
}

#[test]
fn json_of_every_type_is_the_golden_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/sparkpost");
    for event in known() {
        let name = event.occurrence.type_name();
        let message = message();
        let full = filled(event.clone());
        let iso = Form { times: Times::Iso, ..Form::default() };
        let lines = [
            written(&full, Some(&message), Form::default()),
            written(&full, Some(&message), INTERNAL),
            written(&full, None, iso),
            written(&emptied(event), None, Form::default()),
        ]
        .join("\n")
            + "\n";
        let golden = folder.join(format!("{name}.ndjson"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &lines).expect("write golden file");
        }
        assert_eq!(lines, fs::read_to_string(&golden).expect("golden file"), "{name}");
    }
}

#[test]
fn what_sparkpost_does_not_know_is_not_written() {
    let unknown: Vec<_> =
        every_type().into_iter().filter(|event| group(&event.occurrence).is_none()).collect();
    let names: Vec<_> = unknown.iter().map(|event| event.occurrence.type_name()).collect();
    assert_eq!(names, ["reception", "honeypot"]);
    let context =
        Context { message: None, rules: &RULES, user_agent_parsed: None, form: Form::default() };
    let mut octets = b"before".to_vec();
    assert!(!unknown.iter().any(|event| append(event, &context, &mut octets)));
    assert_eq!(octets, b"before");
}

/// What SparkPost's documentation has in events, by type: what it is, and in which of them.
/// Left out are what only its own templates, A/B tests, plans and lists of mailbox providers
/// give (`template_id`, `template_version`, `ab_test_id`, `scheduled_time`, `mailbox_provider`,
/// `rcpt_hash`), and pushes to telephones.
const MATRIX: [(&str, Kind, &[&str]); 51] = [
    ("type", Kind::Text, EVERY),
    ("event_id", Kind::Text, EVERY),
    ("message_id", Kind::Text, EVERY),
    ("timestamp", Kind::Number, EVERY),
    ("customer_id", Kind::Text, OF_MESSAGES),
    ("subaccount_id", Kind::Text, OF_MESSAGES),
    ("rcpt_to", Kind::Text, EVERY),
    ("raw_rcpt_to", Kind::Text, EVERY),
    ("rcpt_type", Kind::Text, OF_MESSAGES),
    ("rcpt_meta", Kind::Object, OF_MESSAGES),
    ("rcpt_tags", Kind::Texts, OF_MESSAGES),
    ("campaign_id", Kind::Text, OF_MESSAGES),
    ("transmission_id", Kind::Number, OF_MESSAGES),
    ("subject", Kind::Text, OF_MESSAGES),
    ("friendly_from", Kind::Text, OF_MESSAGES),
    ("msg_from", Kind::Text, EVERY),
    ("routing_domain", Kind::Text, EVERY),
    ("sending_ip", Kind::Text, OF_MESSAGES),
    ("ip_pool", Kind::Text, OF_MESSAGES),
    ("binding", Kind::Text, OF_MESSAGES),
    ("injection_time", Kind::Text, OF_MESSAGES),
    ("recipient_domain", Kind::Text, OF_MESSAGES),
    ("sending_domain", Kind::Text, OF_MESSAGES),
    ("open_tracking", Kind::Boolean, OF_MESSAGES),
    ("click_tracking", Kind::Boolean, OF_MESSAGES),
    ("initial_pixel", Kind::Boolean, OF_MESSAGES),
    ("amp_enabled", Kind::Boolean, OF_MESSAGES),
    ("transactional", Kind::Number, OF_MESSAGES),
    ("msg_size", Kind::Number, EVERY),
    ("recv_method", Kind::Text, RECEIVED),
    ("delv_method", Kind::Text, SENT),
    ("num_retries", Kind::Number, SENT),
    ("num_retries", Kind::Number, &["relay_injection", "relay_rejection"]),
    ("queue_time", Kind::Number, SENT_MESSAGES),
    ("ip_address", Kind::Text, SENT_MESSAGES),
    ("bounce_class", Kind::Number, &["bounce", "delay", "out_of_band", "policy_rejection"]),
    ("error_code", Kind::Number, REFUSED),
    ("raw_reason", Kind::Text, REFUSED),
    ("reason", Kind::Text, REFUSED),
    ("remote_addr", Kind::Text, &["policy_rejection"]),
    ("remote_addr", Kind::Text, RELAYED),
    ("relay_id", Kind::Text, RELAYED),
    ("fbtype", Kind::Text, &["spam_complaint"]),
    ("report_by", Kind::Text, &["spam_complaint"]),
    ("report_to", Kind::Text, &["spam_complaint"]),
    ("user_str", Kind::Text, &["spam_complaint"]),
    ("user_agent", Kind::Text, SEEN),
    ("user_agent_parsed", Kind::Object, SEEN),
    ("geo_ip", Kind::Object, SEEN),
    ("target_link_url", Kind::Text, &["click", "amp_click", "link_unsubscribe"]),
    ("target_link_name", Kind::Text, &["click", "amp_click", "link_unsubscribe"]),
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    /// A string, of digits.
    Number,
    Boolean,
    Object,
    Texts,
}

impl Kind {
    fn is_that_of(self, value: &Value) -> bool {
        match self {
            Self::Text => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::Number => value.as_str().is_some_and(|text| text.parse::<u64>().is_ok()),
            Self::Boolean => value.is_boolean(),
            Self::Object => value.as_object().is_some_and(|object| !object.is_empty()),
            Self::Texts => {
                value.as_array().is_some_and(|values| values.iter().all(Value::is_string))
            }
        }
    }
}

/// What only some fields are in.
const EVERY: &[&str] =
    &["message_event", "track_event", "unsubscribe_event", "gen_event", "relay_event"];
const OF_MESSAGES: &[&str] = &["message_event", "track_event", "unsubscribe_event", "gen_event"];
const RECEIVED: &[&str] =
    &["injection", "policy_rejection", "gen_event", "relay_injection", "relay_rejection"];
const SENT_MESSAGES: &[&str] = &[
    "delivery",
    "bounce",
    "delay",
    "out_of_band",
    "spam_complaint",
    "track_event",
    "unsubscribe_event",
];
const SENT: &[&str] = &[
    "delivery",
    "bounce",
    "delay",
    "out_of_band",
    "spam_complaint",
    "track_event",
    "unsubscribe_event",
    "relay_delivery",
    "relay_tempfail",
    "relay_permfail",
];
const REFUSED: &[&str] = &[
    "bounce",
    "delay",
    "out_of_band",
    "policy_rejection",
    "gen_event",
    "relay_rejection",
    "relay_tempfail",
    "relay_permfail",
];
const RELAYED: &[&str] = &["relay_event"];
const SEEN: &[&str] = &["track_event", "link_unsubscribe"];

#[test]
fn fields_of_every_type_are_those_of_the_documentation() {
    for event in known() {
        let (name, group) =
            (event.occurrence.type_name(), group(&event.occurrence).expect("known"));
        let event = match relay(&event.occurrence) {
            Some(_) => full_relay(&event),
            None => filled(event),
        };
        let mut fields = fields_of(&written(&event, Some(&message()), Form::default()));
        let is_in = |types: &[&str]| types.contains(&name) || types.contains(&group);
        for (field, kind, _) in MATRIX.iter().filter(|(.., types)| is_in(types)) {
            let value = fields.remove(*field);
            assert!(
                value.as_ref().is_some_and(|value| kind.is_that_of(value)),
                "{field} of {name}: {value:?} is no {kind:?}"
            );
        }
        if group == "unsubscribe_event" {
            assert_eq!(fields.remove("mailfrom"), Some("Ann@example.com".into()));
        }
        assert_eq!(fields, Map::new(), "{name} has them beside those of the documentation");
    }
}

fn full_relay(event: &Event) -> Event {
    let occurrence = match &event.occurrence {
        Occurrence::RelayPermfail(_) => Occurrence::RelayPermfail(Box::new(samples::relay())),
        other => other.clone(),
    };
    Event { occurrence, ..event.clone() }
}

#[test]
fn metadata_goes_as_far_as_its_sender_wants() {
    let mut message = message();
    message.reception.rcpt_meta_reach = MetadataReach::Opens;
    for event in known().filter(|event| relay(&event.occurrence).is_none()) {
        let fields = fields_of(&written(&event, Some(&message), Form::default()));
        let is_told = matches!(group(&event.occurrence), Some("message_event" | "gen_event"))
            || event.occurrence.is_open();
        assert_eq!(fields["rcpt_meta"] == serde_json::json!({}), !is_told, "{fields:?}");
    }
}

#[test]
fn fields_of_a_message_without_anything_are_there_or_left_out() {
    let mut message = message();
    message.reception = Reception {
        campaign_id: String::new(),
        subject: String::new(),
        friendly_from: String::new(),
        msg_from: String::new(),
        rcpt_type: RcptType::To,
        rcpt_meta: Metadata::new(),
        rcpt_tags: Vec::new(),
        options: Options::default(),
        account: Account::default(),
        ..message.reception
    };
    message.attempt = None;
    let open = known().find(|event| event.occurrence.is_open()).expect("an open");
    let fields = fields_of(&written(&open, Some(&message), Form::default()));
    assert_eq!(fields["rcpt_meta"], serde_json::json!({}));
    assert_eq!(fields["rcpt_tags"], serde_json::json!([]));
    assert_eq!((&fields["transactional"], &fields["msg_from"]), (&"0".into(), &"".into()));
    let absent = ["campaign_id", "subject", "friendly_from", "rcpt_type", "customer_id", "ip_pool"];
    assert!(absent.iter().all(|name| !fields.contains_key(*name)), "{fields:?}");
}

#[track_caller]
fn check_from(field: &str, wanted: Option<&str>) {
    let mut message = message();
    message.reception.friendly_from = field.into();
    let open = known().find(|event| event.occurrence.is_open()).expect("an open");
    let fields = fields_of(&written(&open, Some(&message), Form::default()));
    assert_eq!(fields.get("friendly_from").and_then(Value::as_str), wanted, "{field}");
}

#[test]
fn friendly_from_is_the_first_address_of_the_field() {
    check_from("Shop <News@shop.example>", Some("News@shop.example"));
    check_from(" news@shop.example ", Some("news@shop.example"));
    check_from("\"Shop, <a@b.example>\" <news@shop.example>", Some("news@shop.example"));
    check_from("a@shop.example, b@shop.example", Some("a@shop.example"));
    check_from("A <a@shop.example>, B <b@shop.example>", Some("a@shop.example"));
    check_from("Shop (the best) <news@shop.example>", Some("news@shop.example"));
    check_from("", None);
}

fn fields_of(text: &str) -> Map<String, Value> {
    let envelope: Value = serde_json::from_str(text).expect("JSON");
    let group = envelope["msys"].as_object().expect("an object").values().next();
    group.expect("one group").as_object().expect("an object").clone()
}
