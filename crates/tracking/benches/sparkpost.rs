//! Events as SparkPost writes them: a click and a delivery whose message is known, as a feeder
//! writes them tens of thousands of times a second.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use std::hint::black_box;
use tracking::{
    bounce::Rules,
    event::{Event, UserAgentParsed},
    ids::Timestamp,
    message::MessageRecord,
    sparkpost::{Context, Form, append},
};

fn event(of_type: &serde_json::Value) -> Event {
    let mut event = json!({
        "event_id": "01a1fc42-d27b-7909-8909-090909090909",
        "timestamp": 1_795_233_600_123_i64,
        "message_id": "329ddbea7b0102030405",
    });
    for (name, value) in of_type.as_object().expect("an object") {
        event[name] = value.clone();
    }
    serde_json::from_value(event).expect("an event")
}

fn message() -> MessageRecord {
    let reception = json!({
        "transmission_id": "1823656536686264835", "rcpt_to": "ann@example.com",
        "msg_from": "news@shop.example", "subject": "The november newsletter of our shop",
        "friendly_from": "Shop <news@shop.example>", "campaign_id": "november newsletter",
        "rcpt_meta": {"customer": "1234567", "segment": "gold"}, "rcpt_tags": ["news", "sale"],
        "msg_size": 20_481, "open_tracking": true, "initial_pixel": true, "click_tracking": true,
        "links": 12, "customer_id": "shop", "subaccount_id": "7",
    });
    let attempt = json!({
        "sending_ip": "192.0.2.25", "ip_address": "198.51.100.3", "ip_pool": "pool-a",
        "binding": "vmta-3", "num_retries": 0, "queue_time": 1_250,
    });
    MessageRecord {
        message_id: "329ddbea7b0102030405".parse().expect("an id"),
        received_at: Timestamp(1_795_233_540_987),
        injected_at: None,
        reception: serde_json::from_value(reception).expect("a reception"),
        attempt: Some(serde_json::from_value(attempt).expect("an attempt")),
    }
}

fn write(criterion: &mut Criterion) {
    let click = event(&json!({
        "type": "click", "ip_address": "192.0.2.7",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "verdict": "human", "link_index": 3, "target_link_url": "https://shop.example/?a=1&b=2",
    }));
    let delivery = event(&json!({
        "type": "delivery", "error_code": 250, "raw_reason": "2.0.0 OK",
        "attempt": {"sending_ip": "192.0.2.25", "ip_address": "198.51.100.3", "queue_time": 1_250},
    }));
    let (message, rules) = (message(), Rules::built_in());
    let parsed = UserAgentParsed { agent_family: "Firefox".into(), ..Default::default() };
    let mut group = criterion.benchmark_group("sparkpost");
    group.throughput(Throughput::Elements(1));
    for (name, event, user_agent_parsed) in
        [("click", &click, Some(&parsed)), ("delivery", &delivery, None)]
    {
        let message = Some(&message);
        let context = Context { message, rules: &rules, user_agent_parsed, form: Form::default() };
        let mut octets = Vec::with_capacity(4_096);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                octets.clear();
                assert!(append(black_box(event), black_box(&context), &mut octets));
            });
        });
    }
}

criterion_group!(benches, write);
criterion_main!(benches);
