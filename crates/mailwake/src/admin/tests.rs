use super::*;
use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream as Client},
    thread,
};

/// Tells what the test wants to be told.
struct Told(Vec<String>);

impl Source for Told {
    fn metrics(&self) -> Exposition {
        let mut text = Exposition::default();
        text.counter("mailwake_things_total", "Things.", 3);
        text
    }

    async fn troubles(&self) -> Vec<String> {
        self.0.clone()
    }
}

const LIMITS: AdminConfig = AdminConfig { connections_max: 2, timeout: Duration::from_millis(200) };

/// Runs the part while `visit` asks it.
fn with<T>(config: AdminConfig, troubles: &[&str], visit: impl FnOnce(SocketAddr) -> T) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let shutdown = CancellationToken::new();
    let source = Told(troubles.iter().map(|line| (*line).to_owned()).collect());
    thread::scope(|scope| {
        let running = scope.spawn(|| run(config, listener, source, &shutdown));
        let stop = shutdown.clone().drop_guard();
        let visited = visit(address);
        drop(stop);
        running.join().expect("no panic").expect("it ends in order");
        visited
    })
}

fn connect(address: SocketAddr) -> Client {
    let client = Client::connect(address).expect("a connection");
    client.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    client
}

/// Sends a request and reads to the end of the connection.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut client = connect(address);
    client.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    answer
}

fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

fn check(answer: &str, status: &str, content: &str) {
    let (head, rest) = answer.split_once("\r\n\r\n").expect("a head");
    assert_eq!((head.lines().next(), rest), (Some(&*format!("HTTP/1.1 {status}")), content));
}

#[test]
fn a_process_without_trouble_is_ready() {
    with(AdminConfig::default(), &[], |address| {
        check(&get(address, "/ready"), "200 OK", "ready\n");
        check(&get(address, "/health"), "200 OK", "alive\n");
    });
}

#[test]
fn each_trouble_is_one_line_and_the_process_is_alive() {
    with(AdminConfig::default(), &["the disk\nis full", "no store"], |address| {
        let expected = "the disk is full\nno store\n";
        check(&get(address, "/ready"), "503 Service Unavailable", expected);
        check(&get(address, "/health"), "200 OK", "alive\n");
    });
}

#[test]
fn metrics_have_the_media_type_that_prometheus_expects() {
    with(AdminConfig::default(), &[], |address| {
        let answer = get(address, "/metrics?x=1");
        assert!(answer.contains("\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        assert!(answer.ends_with("\nmailwake_things_total 3\n"), "{answer}");
        let head = ask(address, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    });
}

#[test]
fn other_paths_and_methods_are_refused() {
    with(AdminConfig::default(), &[], |address| {
        check(&get(address, "/"), "404 Not Found", answer_unknown());
        let answer = ask(address, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET, HEAD"));
    });
}

fn answer_unknown() -> &'static str {
    "there are /metrics, /health and /ready\n"
}

#[test]
fn what_is_no_request_or_too_long_is_refused() {
    with(AdminConfig::default(), &[], |address| {
        assert!(ask(address, "EHLO client.example\r\n\r\n").starts_with("HTTP/1.1 400 "));
        let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(2 * HEADER_OCTETS_MAX));
        let mut client = connect(address);
        // The connection may be closed while the rest is still on its way.
        drop(client.write_all(long.as_bytes()));
        let mut octets = [0; 12];
        if client.read_exact(&mut octets).is_ok() {
            assert!(matches!(&octets[9..], b"431" | b"414"), "{}", octets.escape_ascii());
        }
        check(&get(address, "/health"), "200 OK", "alive\n");
    });
}

#[test]
fn silent_connections_end_in_time_and_make_room_for_others() {
    with(LIMITS, &[], |address| {
        let mut silent: Vec<_> = (0..4).map(|_| connect(address)).collect();
        silent[1].write_all(b"GET /hea").expect("sent");
        check(&get(address, "/health"), "200 OK", "alive\n");
        for mut client in silent {
            let mut nothing = Vec::new();
            client.read_to_end(&mut nothing).expect("the end of the connection");
        }
    });
}

#[test]
fn a_client_that_closes_its_side_gets_its_answer() {
    with(AdminConfig::default(), &[], |address| {
        let mut client = connect(address);
        client.write_all(b"GET /health HTTP/1.0\r\n\r\n").expect("sent");
        client.shutdown(Shutdown::Write).expect("closed");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        assert!(answer.ends_with("alive\n"), "{answer}");
    });
}

#[test]
fn shutdown_waits_for_the_answers_under_way_no_longer_than_allowed() {
    let client = with(LIMITS, &[], |address| {
        let client = connect(address);
        check(&get(address, "/health"), "200 OK", "alive\n");
        client
    });
    drop(client);
}
