//! Events on their way out of Redis.

use super::{Reading, Sending, list_source, open, stream_source, streams};
use crate::support::{
    PATIENCE,
    redis::{Program, Redis},
    wait_for,
};
use mailwake::net::redis::RedisConfig;
use std::{collections::HashSet, fs};
use tracking::event::{Event, Occurrence};

fn entry(act: &str, message: u32, ts: u32) -> String {
    format!(
        r#"{{"WD":{{"act":"{act}","t_url":"https://shop.example/","msg_id":"0000{message:016x}","rcpt":"ann@example.com"}},"ts":"{ts}","ua":"curl","ip":"203.0.113.9"}}"#
    )
}

/// An open as it is in the log when it has come by Redis.
fn read(number: u32) -> Event {
    Event { is_from_elsewhere: true, ..open(number) }
}

fn push(redis: &Redis, entries: &[String]) {
    let words = ["RPUSH", "trk_queue"].into_iter().chain(entries.iter().map(String::as_str));
    let _: u32 = redis.ask(&words.collect::<Vec<_>>());
}

#[test]
fn entries_of_the_go_reference_become_events() {
    let Some(redis) = Redis::start(Program::Redis, "the Go reference's queue", &[]) else { return };
    push(&redis, &[entry("o", 1, 10), entry("i", 1, 10), entry("c", 2, 11)]);
    push(&redis, &["{\"torn".into(), entry("x", 1, 1), entry("c", 2, 12)]);
    let reading = Reading::start(redis.config(), list_source());
    let events = reading.wait_for(4);
    let types: Vec<_> = events.iter().map(|event| event.occurrence.type_name()).collect();
    assert_eq!(types, ["open", "initial_open", "click", "click"]);
    let Occurrence::Click(click) = &events[2].occurrence else { panic!("{events:?}") };
    assert_eq!(click.target_link_url, "https://shop.example/");
    wait_for("an empty queue", PATIENCE, || {
        (redis.ask::<u32>(&["LLEN", "trk_queue"]) == 0).then_some(())
    });
    let malformed: Vec<String> = redis.ask(&["LRANGE", "{trk_queue}:malformed", "0", "-1"]);
    assert_eq!(malformed, ["{\"torn".to_owned(), entry("x", 1, 1)]);
}

#[test]
fn same_entries_are_events_of_their_own() {
    let Some(redis) = Redis::start(Program::Redis, "same entries", &[]) else { return };
    let same = entry("o", 1, 10);
    push(&redis, &[same.clone(), same.clone()]);
    let reading = Reading::start(redis.config(), list_source());
    reading.wait_for(2);
    push(&redis, &[same]);
    let ids: HashSet<_> = reading.wait_for(3).iter().map(|event| event.event_id).collect();
    assert_eq!(ids.len(), 3);
}

/// A server without memory takes no entry anywhere, but gives those that it has.
#[test]
fn a_full_server_is_emptied() {
    let options = ["--maxmemory", "2mb", "--maxmemory-policy", "noeviction"];
    let Some(redis) = Redis::start(Program::Redis, "full server", &options) else { return };
    let _: String = redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    for hundred in 0..100 {
        let entries: Vec<_> = (0..100).map(|n| entry("c", hundred * 100 + n, 10)).collect();
        push(&redis, &entries);
        push(&redis, &[format!("torn {hundred}")]);
    }
    let _: String = redis.ask(&["CONFIG", "SET", "maxmemory", "2mb"]);
    let reading = Reading::start(redis.config(), list_source());
    reading.wait_for(10_000);
    wait_for("an empty queue", PATIENCE, || {
        (redis.ask::<u32>(&["LLEN", "trk_queue"]) == 0).then_some(())
    });
    let malformed: u32 = redis.ask(&["LLEN", "{trk_queue}:malformed"]);
    assert_eq!(malformed, 100, "what is no event was kept all the same");
}

/// Nor does it lose what is no event: a copy is there before the entry is acknowledged.
#[test]
fn entries_that_are_no_events_are_kept_by_a_full_server() {
    let options = ["--maxmemory-policy", "noeviction"];
    let Some(redis) = Redis::start(Program::Redis, "full server", &options) else { return };
    let _: String = redis.ask(&["XADD", "trk:{0}", "*", "weather", "fair"]);
    let mut sink = Sending::new(redis.config(), streams(1));
    let batch = sink.batch(1, &[open(1)]);
    sink.send(&batch).expect("a receipt");
    let _: String = redis.ask(&["XGROUP", "CREATE", "trk:{0}", "central", "0"]);
    let _: String = redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let reading = Reading::start(redis.config(), stream_source(1, "one"));
    assert_eq!(reading.wait_for(1), [read(1)]);
    wait_for("what is malformed", PATIENCE, || {
        (redis.ask::<u32>(&["XLEN", "trk:{0}:malformed"]) == 1).then_some(())
    });
}

/// The place for copies is something else: an operator has to act, and nothing is lost until then.
#[test]
fn entries_that_cannot_be_kept_stay() {
    let Some(redis) = Redis::start(Program::Redis, "no place for copies", &[]) else { return };
    let _: String = redis.ask(&["SET", "trk:{0}:malformed", "taken"]);
    let _: String = redis.ask(&["SET", "{trk_queue}:malformed", "taken"]);
    let _: String = redis.ask(&["XADD", "trk:{0}", "*", "weather", "fair"]);
    push(&redis, &["torn".into(), entry("o", 1, 1)]);
    let streams = Reading::start(redis.config(), stream_source(1, "one"));
    let list = Reading::start(redis.config(), list_source());
    streams.wait_for_trouble("WRONGTYPE");
    list.wait_for_trouble("WRONGTYPE");
    let pending: (u32, redis::Value, redis::Value, redis::Value) =
        redis.ask(&["XPENDING", "trk:{0}", "central"]);
    assert_eq!((pending.0, redis.ask::<u32>(&["LLEN", "trk_queue"])), (1, 2));
    let _: u32 = redis.ask(&["DEL", "trk:{0}:malformed"]);
    let _: u32 = redis.ask(&["DEL", "{trk_queue}:malformed"]);
    wait_for("the copies", PATIENCE, || {
        let of_stream: u32 = redis.ask(&["XLEN", "trk:{0}:malformed"]);
        let of_list: u32 = redis.ask(&["LLEN", "{trk_queue}:malformed"]);
        ((of_stream, of_list) == (1, 1)).then_some(())
    });
}

fn check_streams_are_read(program: Program) {
    let Some(redis) = Redis::start(program, "streams", &[]) else { return };
    let events: Vec<_> = (0..3_000).map(open).collect();
    let mut sink = Sending::new(redis.config(), streams(4));
    let reading = Reading::start(redis.config(), stream_source(4, "one"));
    for (number, events) in events.chunks(500).enumerate() {
        let batch = sink.batch(number + 1, events);
        sink.send(&batch).expect("a receipt");
    }
    let mut all = reading.wait_for(3_000);
    all.sort_by_key(|event| event.event_id);
    assert!(all.into_iter().eq((0..3_000).map(read)));
}

#[test]
fn events_of_other_mailwakes_are_read_whole() {
    check_streams_are_read(Program::Redis);
    check_streams_are_read(Program::Valkey);
}

#[test]
fn what_another_consumer_has_left_is_claimed() {
    let Some(redis) = Redis::start(Program::Redis, "claimed entries", &[]) else { return };
    let events: Vec<_> = (0..20).map(open).collect();
    let mut sink = Sending::new(redis.config(), streams(2));
    let batch = sink.batch(1, &events);
    sink.send(&batch).expect("a receipt");
    for name in ["trk:{0}", "trk:{1}"] {
        let _: String = redis.ask(&["XGROUP", "CREATE", name, "central", "0"]);
        let _: redis::Value = redis.ask(&[
            "XREADGROUP",
            "GROUP",
            "central",
            "gone",
            "COUNT",
            "5",
            "STREAMS",
            name,
            ">",
        ]);
    }
    let reading = Reading::start(redis.config(), stream_source(2, "one"));
    let read: HashSet<_> = reading.wait_for(20).iter().map(|event| event.event_id).collect();
    assert_eq!(read.len(), 20);
    wait_for("no pending entry", PATIENCE, || {
        let pending = |name| {
            redis
                .ask::<(u32, redis::Value, redis::Value, redis::Value)>(&[
                    "XPENDING", name, "central",
                ])
                .0
        };
        (pending("trk:{0}") + pending("trk:{1}") == 0).then_some(())
    });
}

#[test]
fn entries_that_are_no_events_are_kept_beside_their_stream() {
    let Some(redis) = Redis::start(Program::Redis, "malformed entries", &[]) else { return };
    let _: String = redis.ask(&["XADD", "trk:{0}", "*", "event", "{}", "version", "1"]);
    let _: String = redis.ask(&["XADD", "trk:{0}", "*", "weather", "fair"]);
    let mut sink = Sending::new(redis.config(), streams(1));
    let batch = sink.batch(1, &[open(1)]);
    sink.send(&batch).expect("a receipt");
    let reading = Reading::start(redis.config(), stream_source(1, "one"));
    assert_eq!(reading.wait_for(1), [read(1)]);
    wait_for("what is malformed", PATIENCE, || {
        (redis.ask::<u32>(&["XLEN", "trk:{0}:malformed"]) == 2).then_some(())
    });
}

/// Its consumer group and everything else is gone, but new events come.
#[test]
fn a_server_that_has_lost_its_memory_is_read_on() {
    let Some(redis) = Redis::start(Program::Redis, "lost memory", &[]) else { return };
    let mut sink = Sending::new(redis.config(), streams(2));
    let reading = Reading::start(redis.config(), stream_source(2, "one"));
    let first = sink.batch(1, &[open(1), open(2)]);
    sink.send(&first).expect("a receipt");
    reading.wait_for(2);
    let _: String = redis.ask(&["FLUSHALL"]);
    let second = sink.batch(2, &[open(3), open(4)]);
    sink.send(&second).expect("a receipt");
    reading.wait_for(4);
}

/// The rights that docs/redis.md names.
#[test]
fn readers_with_few_rights_are_enough() {
    let folder = tempfile::tempdir().expect("a directory");
    let users = folder.path().join("users.acl");
    let rights = "user default on nopass ~* +@all\n\
                  user reader on nopass resetkeys ~trk:* -@all +eval +xgroup|create +xreadgroup \
                  +xautoclaim +xack +xadd\n\
                  user list on nopass resetkeys ~trk_queue ~{trk_queue}:* -@all +eval +lrange \
                  +lindex +llen +lpop +rpush +ltrim\n";
    fs::write(&users, rights).expect("write the users");
    let password = folder.path().join("password");
    fs::write(&password, "any\n").expect("write the password");
    let path = users.display().to_string();
    let Some(redis) = Redis::start(Program::Redis, "few rights", &["--aclfile", &path]) else {
        return;
    };
    let login = |user: &str| RedisConfig {
        user: user.into(),
        password_file: Some(password.clone()),
        ..redis.config()
    };
    let mut sink = Sending::new(redis.config(), streams(2));
    let batch = sink.batch(1, &[open(1), open(2)]);
    sink.send(&batch).expect("a receipt");
    let _: String = redis.ask(&["XADD", "trk:{0}", "*", "weather", "fair"]);
    let streams = Reading::start(login("reader"), stream_source(2, "one"));
    push(&redis, &["torn".into(), entry("o", 1, 1)]);
    let list = Reading::start(login("list"), list_source());
    streams.wait_for(2);
    list.wait_for(1);
    wait_for("malformed entries", PATIENCE, || {
        let of_stream: u32 = redis.ask(&["XLEN", "trk:{0}:malformed"]);
        let of_list: u32 = redis.ask(&["LLEN", "{trk_queue}:malformed"]);
        ((of_stream, of_list) == (1, 1)).then_some(())
    });
}
