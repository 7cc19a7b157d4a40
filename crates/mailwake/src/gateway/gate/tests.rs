use super::*;
use crate::gateway::safety::Tarpit;
use mail::smtp::data::BareNewlines;
use std::time::Duration;

fn gate(sessions_max: usize, exempt: &[&str]) -> Arc<Gate> {
    let safety = Safety {
        sessions_per_address_max: 2,
        exempt: exempt.iter().map(|network| network.parse().expect("a network")).collect(),
        tarpit: Tarpit { step: Duration::ZERO, most: Duration::ZERO },
        newlines: BareNewlines::Refuse,
        received_max: 0,
    };
    Gate::new(sessions_max, safety)
}

/// Enters by each address in turn, and stays; gives who was refused and why.
fn refused(gate: &Arc<Gate>, addresses: &[&str]) -> Vec<(usize, RefusalReason)> {
    let all = Arc::new(Semaphore::new(100));
    let mut places = Vec::new();
    let mut refused = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        let address = address.parse().expect("an address");
        let entered = gate.enter(&all).and_then(|mut place| place.count(address).map(|()| place));
        match entered {
            Ok(place) => places.push(place),
            Err(reason) => refused.push((index, reason)),
        }
    }
    refused
}

const OF_ADDRESS: RefusalReason = RefusalReason::TooManySessionsOfAddress;

#[test]
fn an_address_has_its_share() {
    let gate = gate(10, &[]);
    let addresses = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1"];
    // All have left in between.
    for _ in 0..2 {
        assert_eq!(refused(&gate, &addresses), [(2, OF_ADDRESS), (4, OF_ADDRESS)]);
    }
    assert!(gate.by_address.addresses() == 0);
}

#[test]
fn all_listeners_have_places_together() {
    let all = Arc::new(Semaphore::new(1));
    let (one, other) = (gate(10, &[]), gate(10, &[]));
    let place = one.enter(&all);
    assert_eq!(other.enter(&all).err(), Some(RefusalReason::TooManySessions));
    drop(place);
    assert!(other.enter(&all).is_ok());
}

#[test]
fn a_network_of_ipv6_counts_as_one() {
    let addresses = ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3", "2001:db8:0:1::1"];
    assert_eq!(refused(&gate(10, &[]), &addresses), [(2, OF_ADDRESS)]);
}

#[test]
fn who_is_exempt_counts_in_total_alone() {
    let gate = gate(3, &["198.51.100.0/24"]);
    let total = RefusalReason::TooManySessions;
    assert_eq!(refused(&gate, &["198.51.100.7"; 4]), [(3, total)]);
    assert_eq!(refused(&gate, &["127.0.0.1", "::1", "127.0.0.1", "127.0.0.1"]), [(3, total)]);
}
