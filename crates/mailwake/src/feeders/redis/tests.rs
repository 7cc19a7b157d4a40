use super::*;
use crate::feeders::sink::Item;
use redis::Arg;
use tracking::{
    account::Account,
    event::{Event, Occurrence, Reception, UpstreamReply, Visit},
    ids::{EventId, MessageId, Timestamp},
    message::MessageRecord,
    stream,
};

const AT: Timestamp = Timestamp(1_795_233_600_123);

fn event(message: u8, occurrence: Occurrence) -> Event {
    let message_id = MessageId::new(AT, [message; 5]);
    let event_id = EventId::new(AT, [message; 10]);
    Event { event_id, timestamp: AT, message_id, occurrence, is_from_elsewhere: false }
}

fn open(message: u8) -> Event {
    event(message, Occurrence::Open(Visit::default()))
}

fn injection(message: u8) -> Event {
    event(message, Occurrence::Injection(UpstreamReply::default()))
}

/// What is known of a message.
fn message(rcpt_to: &str) -> MessageRecord {
    let reception = serde_json::json!({
        "transmission_id": "1", "rcpt_to": rcpt_to, "msg_from": "", "msg_size": 1, "links": 0,
        "open_tracking": true, "initial_pixel": false, "click_tracking": true,
    });
    let mut reception: Reception = serde_json::from_value(reception).expect("a reception");
    reception.account = Account { customer_id: "1".into(), subaccount_id: "3".into() };
    MessageRecord {
        message_id: MessageId::new(AT, [1; 5]),
        received_at: AT,
        injected_at: None,
        reception,
        attempt: None,
    }
}

fn sink(layout: Layout, durability: Durability) -> RedisSink {
    let redis = RedisConfig {
        servers: vec!["redis://127.0.0.1:1".parse().expect("a server")],
        is_cluster: false,
        user: String::new(),
        password_file: None,
        ca_file: None,
        certificate: None,
        timeout: Duration::from_secs(1),
    };
    let limits =
        Limits { events_max: 10, octets_max: 10_000, age_max: Duration::ZERO, event_age_max: None };
    let rules = Arc::new(Rules::default());
    RedisSink::new(RedisSinkConfig { redis, layout, limits, durability }, rules)
}

fn streams(shards: u16) -> StreamsConfig {
    StreamsConfig { prefix: "trk:".into(), shards, entries_max: None, has_sparkpost: false }
}

fn list() -> ListConfig {
    let message_kept_for = Some(Duration::from_secs(60));
    ListConfig { queue: "trk_queue".into(), message_kept_for }
}

fn batch(layout: Layout, events: &[(Event, Option<MessageRecord>)]) -> Batch {
    let mut form = sink(layout, Durability::default()).form();
    let id = uuid::Uuid::nil();
    let mut batch = Batch { id, attempts: 0, items: Vec::new(), body: Vec::new() };
    for (event, message) in events {
        let start = batch.body.len();
        let fed = FedEvent { event, message: message.as_ref() };
        if form.append(fed, &mut batch.body) {
            let range = start..batch.body.len();
            let (event_id, message_id) = (event.event_id, event.message_id);
            batch.items.push(Item { event_id, message_id, range });
        }
    }
    batch
}

/// The arguments of the commands, without scripts.
fn words(group: &Pipeline) -> Vec<String> {
    let words = group.cmd_iter().flat_map(|command| {
        command.args_iter().map(|argument| match argument {
            Arg::Simple(octets) => String::from_utf8_lossy(octets).into_owned(),
            _ => panic!("no cursor is asked for"),
        })
    });
    words.filter(|word| !word.contains('\n')).collect()
}

#[test]
fn events_of_a_message_are_in_one_stream_in_their_order() {
    let events = [(injection(1), None), (open(2), None), (open(1), None)];
    let config = streams(8);
    let groups = streams::groups(&config, &batch(Layout::Streams(config.clone()), &events));
    assert_eq!(groups.len(), 2);
    let of_first = stream::name("trk:", stream::shard(events[0].0.message_id, 8));
    let first = groups.iter().map(words).find(|words| words[2] == of_first).expect("a stream");
    assert_eq!(first.iter().filter(|word| **word == "injection" || **word == "open").count(), 2);
    let at = |name: &str| first.iter().position(|word| word == name).expect("the type");
    assert!(at("injection") < at("open"), "{first:?}");
}

#[test]
fn entries_of_streams_are_whole_events() {
    let config = streams(1);
    let events = [(open(1), None)];
    let groups = streams::groups(&config, &batch(Layout::Streams(config.clone()), &events));
    let [group] = &groups[..] else { panic!("one stream") };
    let event = &events[0].0;
    let json = String::from_utf8(tracking::event::encode(event)[1..].to_vec()).expect("JSON");
    let sent = format!("trk:{{0}}:sent:{}", uuid::Uuid::nil());
    let (event_id, message_id) = (event.event_id.to_string(), event.message_id.to_string());
    let wanted = [
        "EVAL",
        "2",
        "trk:{0}",
        &sent,
        "21600",
        "0",
        &event_id,
        &message_id,
        "open",
        "1",
        &json,
        "",
    ];
    assert_eq!(words(group), wanted);
}

#[test]
fn entries_have_the_event_as_sparkpost_writes_it_where_that_is_asked_for() {
    let config = StreamsConfig { has_sparkpost: true, entries_max: Some(9), ..streams(1) };
    let events = [(open(1), Some(message("ann@example.com")))];
    let groups = streams::groups(&config, &batch(Layout::Streams(config.clone()), &events));
    let words = words(&groups[0]);
    assert_eq!(words[5], "9");
    assert!(words[11].contains("\"rcpt_to\":\"ann@example.com\""), "{words:?}");
}

#[test]
fn list_and_keys_are_those_of_the_go_reference() {
    let known = || Some(message("Ann@example.com"));
    let events = [(injection(1), known()), (open(1), known()), (open(2), None)];
    let batch = batch(Layout::List(list()), &events);
    assert_eq!(batch.items.len(), 3);
    let (keys, entries, group) = list::groups(&list(), &batch);
    let [key] = &keys[..] else { panic!("one message is known") };
    let name = format!("msgID_{}", events[0].0.message_id);
    let who = r#"{"header_x-sp-subaccount-id":"3","rcpt":"Ann@example.com"}"#;
    assert_eq!(words(key), ["SET", &name, who, "EX", "60"]);
    assert_eq!(entries, 2);
    let words = words(&group);
    let sent = format!("{{trk_queue}}:sent:{}", uuid::Uuid::nil());
    assert_eq!(words[..5], ["EVAL", "2", "trk_queue", &sent, "21600"]);
    assert!(words[5].contains("\"rcpt\":\"Ann@example.com\""), "{words:?}");
    assert!(words[6].contains("\"rcpt\":\"\""), "{words:?}");
}

#[test]
fn the_list_gets_nothing_of_what_its_feeder_does_not_know() {
    let refused = event(1, Occurrence::PolicyRejection(UpstreamReply::default()));
    let events = [(refused, Some(message("ann@example.com"))), (injection(2), None)];
    assert_eq!(batch(Layout::List(list()), &events).items, []);
    let without_keys = ListConfig { message_kept_for: None, ..list() };
    let events = [(injection(1), Some(message("ann@example.com")))];
    assert_eq!(batch(Layout::List(without_keys), &events).items, []);
}

#[test]
fn a_batch_has_not_arrived_before_replicas_have_it() {
    let durability = Durability { replicas: 2, is_on_disk: false };
    let command = durability.command(Duration::from_secs(5)).expect("a command");
    let mut group = Pipeline::new();
    group.add_command(command);
    assert_eq!(words(&group), ["WAIT", "2", "2500"]);
    assert!(durability.check(Value::Int(2)).is_ok());
    let error = durability.check(Value::Int(1)).expect_err("one is missing");
    assert_eq!(error.failure(), Failure::Away);
    assert_eq!(error.to_string(), "1 of 2 replicas of Redis have the batch yet");
    let on_disk = Durability { replicas: 0, is_on_disk: true };
    assert!(on_disk.check(Value::Array(vec![Value::Int(1), Value::Int(0)])).is_ok());
    on_disk.check(Value::Array(vec![Value::Int(0), Value::Int(0)])).expect_err("not on disk");
}

#[test]
fn failures_say_what_a_feeder_does() {
    let of = |failure, events| to_do(&RedisError::new(failure, "why"), events);
    assert!(matches!(of(Failure::Away, 2), SendError::Retry { .. }));
    assert!(matches!(of(Failure::Denied, 2), SendError::Unauthorized { .. }));
    assert!(matches!(of(Failure::Refused, 2), SendError::TooLarge { .. }));
    assert!(matches!(of(Failure::Refused, 1), SendError::Refused { .. }));
}

#[tokio::test]
async fn a_server_that_is_away_is_asked_again() {
    let config = streams(1);
    let batch = batch(Layout::Streams(config.clone()), &[(open(1), None)]);
    let mut sink = sink(Layout::Streams(config), Durability::default());
    let error = sink.send(&batch).await.expect_err("nobody listens");
    assert!(matches!(error, SendError::Retry { .. }), "{error:?}");
}
