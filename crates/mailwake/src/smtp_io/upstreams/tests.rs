use super::*;
use crate::{
    net::tls::client::Verification,
    smtp_io::upstream::{ClientTelling, Patience, UpstreamProtocol, UpstreamTls},
};
use std::io;

fn config(addresses: &[&str], choice: Choice) -> UpstreamsConfig {
    let member = |address: &&str| UpstreamConfig {
        address: (*address).to_owned(),
        protocol: UpstreamProtocol::Smtp,
        tls: UpstreamTls::Off,
        tls_name: None,
        verification: Verification::System,
        client_telling: ClientTelling::Nothing,
        patience: Patience::default(),
    };
    let members = addresses.iter().map(member).collect();
    UpstreamsConfig { members, choice, circuit: CircuitConfig::default() }
}

fn load(addresses: &[&str], choice: Choice, known: &mut Vec<Arc<Target>>) -> Upstreams {
    Upstreams::load(&config(addresses, choice), known).expect("no authorities to read")
}

fn order(upstreams: &Upstreams) -> String {
    upstreams.in_turn().map(|target| target.config.address.as_str()).collect()
}

#[test]
fn first_one_is_preferred_or_each_has_its_turn() {
    let upstreams = load(&["a", "b", "c"], Choice::Priority, &mut Vec::new());
    assert_eq!([(); 2].map(|()| order(&upstreams)), ["abc", "abc"]);
    let upstreams = load(&["a", "b", "c"], Choice::RoundRobin, &mut Vec::new());
    assert_eq!([(); 4].map(|()| order(&upstreams)), ["abc", "bca", "cab", "abc"]);
}

#[test]
fn listeners_share_what_they_know_of_an_upstream() {
    let mut known = Vec::new();
    let first = load(&["a", "b"], Choice::Priority, &mut known);
    let second = load(&["b", "c"], Choice::RoundRobin, &mut known);
    assert_eq!(known.len(), 3);
    assert!(Arc::ptr_eq(&first.targets[1], &second.targets[0]));
    // Talked to differently, it may be down for one and up for the other.
    let mut other = config(&["a"], Choice::Priority);
    other.members[0].tls = UpstreamTls::Opportunistic;
    Upstreams::load(&other, &mut known).expect("no authorities to read");
    assert_eq!(known.len(), 4);
    for _ in 0..5 {
        refuse(&first.targets[0], first.targets[0].circuit.enter(Instant::now()).expect("closed"));
    }
    second.targets[0].counters.sessions.increment();
    let mut text = Exposition::default();
    expose(&known, &mut text);
    let text = text.into_text();
    for line in [
        "mailwake_gateway_upstream_refusals_total{upstream=\"a\"} 5",
        "mailwake_gateway_upstream_sessions_total{upstream=\"b\"} 1",
        "mailwake_gateway_upstream_circuit_open{upstream=\"a\"} 1",
        "mailwake_gateway_upstream_circuit_open{upstream=\"b\"} 0",
    ] {
        assert_eq!(text.lines().filter(|written| *written == line).count(), 1, "{line} in\n{text}");
    }
}

#[test]
fn client_is_told_what_leaves_it_most_hope() {
    let greeting = |code| Unavailable::Greeting(Reply::new(code, "4.0.0", "no"));
    let error = || {
        let error = io::ErrorKind::ConnectionRefused.into();
        Unavailable::Error(UpstreamError::Connect { address: "a".into(), error })
    };
    let told = |refusals, is_left_alone| match Unavailable::of(refusals, is_left_alone) {
        Unavailable::Greeting(reply) => reply.code(),
        Unavailable::Error(_) => 1,
        Unavailable::LeftAlone => 0,
    };
    assert_eq!(told(vec![greeting(554), error(), greeting(421)], true), 421);
    assert_eq!(told(vec![greeting(554), error()], false), 1);
    assert_eq!(told(vec![greeting(554)], true), 0);
    assert_eq!(told(vec![greeting(554), greeting(550)], false), 554);
    assert_eq!(told(vec![], true), 0);
}
