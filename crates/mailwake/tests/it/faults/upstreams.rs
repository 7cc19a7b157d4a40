//! Upstreams that come and go: sessions find those that are there.

use super::send;
use crate::support::{
    PATIENCE, free_port,
    mailwake::{Installation, Serving},
    smtp::Session,
    upstream::Upstream,
    wait_for,
};

const GREETING: &str = "220 upstream.example";

/// Puts a list in the place of the one upstream, and further keys behind it.
fn set_upstreams(installation: &Installation, one: u16, ports: &[u16], keys: &str) {
    let list: Vec<_> = ports.iter().map(|port| format!("\"127.0.0.1:{port}\"")).collect();
    installation.set(
        &format!("upstream = \"127.0.0.1:{one}\"\n"),
        &format!("upstream = [{}]\n{keys}", list.join(", ")),
    );
}

fn of_upstream(installation: &Installation, metric: &str, port: u16) -> f64 {
    let series = format!("mailwake_gateway_upstream_{metric}{{upstream=\"127.0.0.1:{port}\"}}");
    installation.metric(&series)
}

fn has_told(serving: &Serving, text: &str, port: u16) -> bool {
    let is_told = |line: &str| line.contains(text) && line.contains(&format!("127.0.0.1:{port}"));
    serving.log().lines().any(is_told)
}

#[test]
fn sessions_go_to_the_next_upstream_and_come_back() {
    let (down, second) = (free_port(), Upstream::start());
    let installation = Installation::new(down);
    set_upstreams(&installation, down, &[down, second.port], "upstream_refusals_max = 2\n");
    let serving = installation.serve();
    for number in 1..=4 {
        assert_eq!(send(&installation, &format!("{number}@example.com")).code, 250);
    }
    assert_eq!(second.messages().len(), 4);
    assert_eq!(of_upstream(&installation, "circuit_open", down), 1.0);
    assert_eq!(of_upstream(&installation, "circuit_open", second.port), 0.0);
    assert!(of_upstream(&installation, "refusals_total", down) >= 2.0);
    assert!(of_upstream(&installation, "sessions_total", second.port) >= 4.0);
    assert_eq!(
        installation.metric("mailwake_gateway_refusals_total{reason=\"upstream_unavailable\"}"),
        0.0
    );
    assert!(has_told(&serving, "upstream is left alone for a while", down), "{}", serving.log());

    let first = Upstream::start_at(down, GREETING);
    wait_for("the first upstream to be tried again", PATIENCE, || {
        assert_eq!(send(&installation, "late@example.com").code, 250);
        (!first.messages().is_empty()).then_some(())
    });
    assert_eq!(of_upstream(&installation, "circuit_open", down), 0.0);
    assert!(has_told(&serving, "upstream takes sessions again", down), "{}", serving.log());
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn sessions_go_to_each_upstream_in_its_turn() {
    let upstreams = [(); 3].map(|()| Upstream::start());
    let ports: Vec<_> = upstreams.iter().map(|upstream| upstream.port).collect();
    let installation = Installation::new(ports[0]);
    set_upstreams(&installation, ports[0], &ports, "upstream_choice = \"round_robin\"\n");
    let serving = installation.serve();
    for number in 0..9 {
        assert_eq!(send(&installation, &format!("{number}@example.com")).code, 250);
    }
    // Whoever looked whether the gateway listens has taken a turn, too, at any time.
    for upstream in &upstreams {
        let messages = upstream.messages().len();
        assert!((2..=4).contains(&messages), "{messages} of 9 on 3 upstreams");
    }
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn clients_are_told_421_at_once_while_all_are_left_alone() {
    let busy = Upstream::start_at(0, "421 4.3.2 too busy");
    let ports = [busy.port, free_port()];
    let installation = Installation::new(busy.port);
    set_upstreams(&installation, busy.port, &ports, "upstream_refusals_max = 1\n");
    let serving = installation.serve();
    let greeting = || {
        use std::io::{BufRead, BufReader};
        let gateway = (std::net::Ipv4Addr::LOCALHOST, installation.gateway_port);
        let stream = std::net::TcpStream::connect(gateway).expect("it listens");
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).expect("a greeting");
        line
    };
    // Whoever found out that the gateway listens has been refused already.
    let told = "421 4.3.2 upstream is not available, it refused sessions a moment ago\r\n";
    wait_for("both to be left alone", PATIENCE, || (greeting() == told).then_some(()));

    // Each is tried again at its turn.
    let port = busy.port;
    drop(busy);
    let back = Upstream::start_at(port, GREETING);
    wait_for("a session", PATIENCE, || Session::open(installation.gateway_port).ok());
    assert_eq!(send(&installation, "ann@example.com").code, 250);
    assert_eq!(back.messages().len(), 1);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
