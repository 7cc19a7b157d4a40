//! Servers that are stopped, killed and started again while events go through them, servers in
//! TLS, and a cluster.

use super::{Reading, Sending, open, stream_source, streams};
use crate::support::{
    PATIENCE,
    certificate::Certificate,
    free_port,
    redis::{Program, Redis, ask, config},
    wait_for,
};
use mailwake::{feeders::sink::SendError, net::redis::RedisConfig};
use std::collections::HashMap;
use tracking::event::Event;

/// Sends batches until all have arrived, and has `between` do something before each.
fn send_all(redis: &RedisConfig, events: &[Event], mut between: impl FnMut(usize)) {
    let mut sink = Sending::new(redis.clone(), streams(4));
    for (number, events) in events.chunks(100).enumerate() {
        between(number);
        let batch = sink.batch(number + 1, events);
        sink.send_until_arrived(&batch);
    }
}

/// Each event is there, and only some that were under way are there twice.
fn check_all_are_there(read: &[Event], wanted: &[Event]) {
    let mut counts: HashMap<_, u32> = HashMap::new();
    for event in read {
        *counts.entry(event.event_id).or_default() += 1;
    }
    assert_eq!(counts.len(), wanted.len());
    assert!(wanted.iter().all(|event| counts.contains_key(&event.event_id)));
}

/// Stopped, or killed, between batches and started again while the next is tried.
fn check_restarts(program: Program, kills: bool) {
    let Some(redis) = Redis::start(program, "server that is started again", &[]) else { return };
    let events: Vec<_> = (0..6_000).map(open).collect();
    let config = redis.config();
    let mut reading = Reading::start(config.clone(), stream_source(4, "one"));
    let redis = std::sync::Mutex::new(redis);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| send_all(&config, &events, |_| {}));
        for _ in 0..5 {
            let arrived = reading.events().len();
            wait_for("further events", PATIENCE, || {
                (reading.events().len() > arrived || sender.is_finished()).then_some(())
            });
            let mut redis = redis.lock().expect("nobody panicked");
            if kills {
                redis.kill();
            } else {
                redis.stop();
            }
            redis.start_again();
        }
        sender.join().expect("all have arrived");
    });
    wait_for("all events", PATIENCE, || {
        let read = reading.events();
        let ids: std::collections::HashSet<_> = read.iter().map(|event| event.event_id).collect();
        (ids.len() == events.len()).then_some(())
    });
    reading.stop();
    check_all_are_there(&reading.events(), &events);
}

#[test]
fn nothing_is_lost_when_the_server_is_stopped() {
    check_restarts(Program::Redis, false);
}

#[test]
fn nothing_is_lost_when_the_server_is_killed() {
    check_restarts(Program::Redis, true);
    check_restarts(Program::Valkey, true);
}

#[test]
fn a_source_that_is_started_again_goes_on() {
    let Some(redis) = Redis::start(Program::Redis, "source that goes on", &[]) else { return };
    let events: Vec<_> = (0..2_000).map(open).collect();
    let mut reading = Reading::start(redis.config(), stream_source(4, "one"));
    send_all(&redis.config(), &events, |number| {
        if number % 5 == 4 {
            reading.stop();
            reading.start_again();
        }
    });
    check_all_are_there(&reading.wait_for(2_000), &events);
}

#[test]
fn servers_are_spoken_to_in_tls() {
    let folder = tempfile::tempdir().expect("a directory");
    let certificate = Certificate::write(folder.path(), "localhost");
    let (file, key) =
        (certificate.file.display().to_string(), certificate.key_file.display().to_string());
    let options = [
        "--port",
        "0",
        "--tls-port",
        "PORT",
        "--tls-cert-file",
        &file,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &file,
        "--tls-auth-clients",
        "yes",
    ];
    let Some(redis) = Redis::start(Program::Redis, "server in TLS", &options) else { return };
    let url = format!("rediss://localhost:{}", redis.port);
    let own = Some((certificate.file.clone(), certificate.key_file.clone()));
    let right = RedisConfig {
        ca_file: Some(certificate.file.clone()),
        certificate: own.clone(),
        ..config(&[&url])
    };
    let mut to_right = Sending::new(right.clone(), streams(2));
    let one = to_right.batch(1, &[open(1), open(2)]);
    assert!(to_right.send(&one).is_ok());
    // An authority that we do not trust, and a server that does not know us.
    for wrong in [
        RedisConfig { ca_file: None, ..right.clone() },
        RedisConfig { certificate: None, ..right.clone() },
    ] {
        let mut sink = Sending::new(wrong, streams(2));
        let error = sink.send(&one).expect_err("no connection");
        assert!(matches!(error, SendError::Retry { .. }), "{error:?}");
    }
    let reading = Reading::start(right, stream_source(2, "one"));
    reading.wait_for(2);
}

/// A cluster of Valkey's: three nodes, each with a third of the slots.
struct Cluster {
    nodes: Vec<Redis>,
}

impl Cluster {
    fn start(test: &str) -> Option<Self> {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let bus = free_port().to_string();
            let options = [
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                "2000",
                "--cluster-require-full-coverage",
                "no",
            ];
            nodes.push((Redis::start(Program::Valkey, test, &options)?, bus));
        }
        for (index, (node, _)) in nodes.iter().enumerate() {
            let first = index * 16_384 / 3;
            let last = (index + 1) * 16_384 / 3 - 1;
            let (first, last) = (first.to_string(), last.to_string());
            let _: String = node.ask(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
            let epoch = (index + 1).to_string();
            let _: String = node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
        }
        for (other, bus) in &nodes[1..] {
            let port = other.port.to_string();
            let _: String = nodes[0].0.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
        }
        let cluster = Self { nodes: nodes.into_iter().map(|(node, _)| node).collect() };
        for node in &cluster.nodes {
            wait_for("the cluster", PATIENCE, || {
                let state: String = node.ask(&["CLUSTER", "INFO"]);
                let is_whole = state.contains("cluster_slots_ok:16384")
                    && state.contains("cluster_state:ok")
                    && state.contains("cluster_known_nodes:3");
                is_whole.then_some(())
            });
        }
        Some(cluster)
    }

    fn config(&self) -> RedisConfig {
        let urls: Vec<_> = self.nodes.iter().map(Redis::url).collect();
        let urls: Vec<_> = urls.iter().map(String::as_str).collect();
        RedisConfig { is_cluster: true, ..config(&urls) }
    }
}

#[test]
fn streams_are_spread_over_a_cluster_and_a_node_may_be_away() {
    let Some(mut cluster) = Cluster::start("cluster of Valkey") else { return };
    let config = cluster.config();
    let events: Vec<_> = (0..3_000).map(open).collect();
    let mut reading = Reading::start(config.clone(), stream_source(16, "one"));
    let mut sink = Sending::new(config.clone(), streams(16));
    for (number, events) in events.chunks(100).enumerate() {
        if number == 10 {
            cluster.nodes[1].stop();
        }
        let batch = sink.batch(number + 1, events);
        let mut tries = 0;
        wait_for("a receipt", 2 * PATIENCE, || {
            tries += 1;
            // Away for some tries: then nothing of the batch may be lost.
            if number == 10 && tries == 3 {
                cluster.nodes[1].start_again();
            }
            match sink.send(&batch) {
                Ok(_) => Some(()),
                Err(SendError::Retry { .. }) => None,
                Err(error) => panic!("{error:?}"),
            }
        });
    }
    wait_for("all events", 2 * PATIENCE, || {
        let read = reading.events();
        let ids: std::collections::HashSet<_> = read.iter().map(|event| event.event_id).collect();
        (ids.len() == events.len()).then_some(())
    });
    reading.stop();
    check_all_are_there(&reading.events(), &events);
    let lengths: Vec<u32> =
        (0..16).map(|shard| ask(&config, &["XLEN", &format!("trk:{{{shard}}}")])).collect();
    // In the streams each is once.
    assert_eq!(lengths.iter().sum::<u32>(), 3_000, "{lengths:?}");
    let keys: Vec<u32> = cluster.nodes.iter().map(|node| node.ask(&["DBSIZE"])).collect();
    assert!(keys.iter().all(|keys| *keys > 0), "{keys:?}");
}
