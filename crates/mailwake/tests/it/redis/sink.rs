//! Events on their way into Redis.

use super::{Sending, list, open, streams};
use crate::support::redis::{Program, Redis, config};
use mailwake::{
    feeders::{
        redis::{Durability, Layout, ListConfig},
        sink::{Receipt, SendError},
    },
    net::redis::RedisConfig,
};
use std::{fs, time::Duration};
use tracking::{
    event::{Event, Occurrence, UpstreamReply},
    message::MessageRecord,
};

fn taken(duplicates: u64) -> Receipt {
    Receipt { status: None, duplicates }
}

fn check_batches_are_taken_once(program: Program) {
    let Some(redis) = Redis::start(program, "batches that are taken once", &[]) else { return };
    let events: Vec<_> = (0..1_000).map(open).collect();
    let mut sink = Sending::new(redis.config(), streams(4));
    let batch = sink.batch(1, &events);
    assert_eq!(sink.send(&batch), Ok(taken(0)));
    assert_eq!(sink.send(&batch), Ok(taken(1_000)));
    let lengths: Vec<usize> =
        (0..4).map(|shard| redis.ask(&["XLEN", &format!("trk:{{{shard}}}")])).collect();
    assert_eq!(lengths.iter().sum::<usize>(), 1_000, "{lengths:?}");
}

#[test]
fn batches_are_taken_once_however_often_they_are_sent() {
    check_batches_are_taken_once(Program::Redis);
    check_batches_are_taken_once(Program::Valkey);
}

#[test]
fn list_takes_a_batch_once() {
    let Some(redis) = Redis::start(Program::Redis, "list that takes once", &[]) else { return };
    let events: Vec<_> = (0..10).map(open).collect();
    let mut sink = Sending::new(redis.config(), list());
    let batch = sink.batch(1, &events);
    assert_eq!(sink.send(&batch), Ok(taken(0)));
    assert_eq!(sink.send(&batch), Ok(taken(10)));
    let entries: Vec<String> = redis.ask(&["LRANGE", "trk_queue", "0", "-1"]);
    assert_eq!(entries.len(), 10);
    let id = events[0].message_id;
    let first = format!(
        r#"{{"WD":{{"act":"o","t_url":"","msg_id":"{id}","rcpt":""}},"ts":"1795233600","ua":"","ip":""}}"#
    );
    assert_eq!(entries[0], first);
}

#[test]
fn a_full_server_takes_all_or_nothing_and_is_tried_again() {
    let options = ["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"];
    let Some(redis) = Redis::start(Program::Redis, "full server", &options) else { return };
    let mut sink = Sending::new(redis.config(), streams(1));
    let mut number = 0;
    let refused = loop {
        let events: Vec<_> = (number * 500..(number + 1) * 500).map(open).collect();
        let batch = sink.batch(number as usize + 1, &events);
        match sink.send(&batch) {
            Ok(_) => number += 1,
            Err(SendError::Retry { reason, .. }) => {
                assert!(reason.contains("OOM"), "{reason}");
                break batch;
            }
            Err(error) => panic!("{error:?}"),
        }
        assert!(number < 100, "3 MB are not that much");
    };
    assert_eq!(redis.ask::<u32>(&["XLEN", "trk:{0}"]), number * 500);
    let _: String = redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(sink.send(&refused), Ok(taken(0)));
    assert_eq!(redis.ask::<u32>(&["XLEN", "trk:{0}"]), (number + 1) * 500);
}

#[test]
fn a_key_that_holds_something_else_is_told() {
    let Some(redis) = Redis::start(Program::Redis, "another key", &[]) else { return };
    let _: String = redis.ask(&["SET", "trk:{0}", "x"]);
    let mut sink = Sending::new(redis.config(), streams(1));
    let batch = sink.batch(1, &[open(1)]);
    let error = sink.send(&batch).expect_err("no stream");
    let SendError::Unauthorized { reason, .. } = error else { panic!("{error:?}") };
    assert!(reason.contains("WRONGTYPE"), "{reason}");
    let _: u32 = redis.ask(&["DEL", "trk:{0}"]);
    assert_eq!(sink.send(&batch), Ok(taken(0)));
}

#[test]
fn a_replica_is_passed_by() {
    let Some(redis) = Redis::start(Program::Redis, "replica", &[]) else { return };
    let port = redis.port.to_string();
    let options = ["--replicaof", "127.0.0.1", &port];
    let Some(replica) = Redis::start(Program::Redis, "replica", &options) else { return };
    let servers = config(&[&replica.url(), &redis.url()]);
    let durability = Durability { replicas: 1, is_on_disk: false };
    let mut sink = Sending::surely(servers, streams(2), durability);
    let batch = sink.batch(1, &[open(1), open(2)]);
    let sent = sink.send_until_arrived(&batch);
    assert!(sent.duplicates == 0 || sent.duplicates == 2, "{sent:?}");
    let lengths = |server: &Redis| -> u32 {
        ["trk:{0}", "trk:{1}"].iter().map(|name| server.ask::<u32>(&["XLEN", name])).sum()
    };
    assert_eq!((lengths(&redis), lengths(&replica)), (2, 2));
}

/// A message that was delivered has a key in the Go reference's form, and no entry.
#[test]
fn keys_without_an_entry_wait_for_replicas_as_well() {
    let Some(redis) = Redis::start(Program::Redis, "keys and replicas", &[]) else { return };
    let message_kept_for = Some(Duration::from_secs(60));
    let layout = Layout::List(ListConfig { queue: "trk_queue".into(), message_kept_for });
    let durability = Durability { replicas: 1, is_on_disk: false };
    let mut sink = Sending::surely(redis.config(), layout, durability);
    let delivery = Occurrence::Delivery(UpstreamReply::default());
    let event = Event { occurrence: delivery, ..open(1) };
    let facts = serde_json::json!({
        "transmission_id": "7", "rcpt_to": "ann@example.com", "msg_from": "news@shop.example",
        "customer_id": "acme", "subaccount_id": "7", "campaign_id": "", "msg_size": 100,
        "open_tracking": true, "initial_pixel": false, "click_tracking": true, "links": 1,
    });
    let message = MessageRecord {
        message_id: event.message_id,
        received_at: event.timestamp,
        injected_at: None,
        reception: serde_json::from_value(facts).expect("a reception"),
        attempt: None,
    };
    let batch = sink.batch_of(1, &[event], Some(&message));
    let error = sink.send(&batch).expect_err("no replica");
    let SendError::Retry { reason, .. } = error else { panic!("{error:?}") };
    assert_eq!(reason, "0 of 1 replicas of Redis have the batch yet");
}

#[test]
fn valkey_is_asked_whether_it_has_a_batch_on_disk() {
    let Some(redis) = Redis::start(Program::Valkey, "batch on disk", &[]) else { return };
    let durability = Durability { replicas: 0, is_on_disk: true };
    let mut sink = Sending::surely(redis.config(), streams(2), durability);
    let batch = sink.batch(1, &[open(1), open(2)]);
    assert_eq!(sink.send(&batch), Ok(taken(0)));
    assert_eq!(sink.send(&batch), Ok(taken(2)));
}

/// The rights that docs/redis.md names.
#[test]
fn a_user_with_few_rights_is_enough() {
    let folder = tempfile::tempdir().expect("a directory");
    let users = folder.path().join("users.acl");
    let rights = "user default off\n\
                  user feeder on >secret resetkeys ~trk:* ~{trk_queue}:* ~trk_queue ~msgID_* \
                  -@all +eval +exists +expire +set +xadd +rpush\n\
                  user poor on >secret ~trk:* -@all +eval +exists\n";
    fs::write(&users, rights).expect("write the users");
    let path = users.display().to_string();
    let Some(redis) = Redis::start(Program::Redis, "few rights", &["--aclfile", &path]) else {
        return;
    };
    let password = folder.path().join("password");
    fs::write(&password, "secret\n").expect("write the password");
    let login = |user: &str| RedisConfig {
        user: user.into(),
        password_file: Some(password.clone()),
        ..redis.config()
    };
    for layout in [streams(2), list()] {
        let mut sink = Sending::new(login("feeder"), layout);
        let batch = sink.batch(1, &[open(1), open(2)]);
        assert_eq!(sink.send(&batch), Ok(taken(0)));
    }
    for (config, told) in [
        (redis.config(), "NOAUTH"),
        (login("nobody"), "authentication"),
        (login("poor"), "run this command"),
    ] {
        let mut sink = Sending::new(config, streams(2));
        let batch = sink.batch(2, &[open(1), open(2)]);
        let error = sink.send(&batch).expect_err("no right");
        let SendError::Unauthorized { reason, .. } = error else { panic!("{error:?}") };
        assert!(reason.contains(told) && !reason.contains("secret"), "{reason}");
    }
}
