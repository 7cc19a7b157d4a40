use super::*;

fn check(network: &str, inside: &[&str], outside: &[&str]) {
    let network: Network = network.parse().expect("a network");
    let contains = |address: &str| network.contains(address.parse().expect("an address"));
    for address in inside {
        assert!(contains(address), "{address} is in {network}");
    }
    for address in outside {
        assert!(!contains(address), "{address} is not in {network}");
    }
}

#[test]
fn an_address_is_a_network_of_one() {
    check("192.0.2.7", &["192.0.2.7", "::ffff:192.0.2.7"], &["192.0.2.6", "::1"]);
    check("2001:db8::1", &["2001:db8::1"], &["2001:db8::2", "192.0.2.7"]);
}

#[test]
fn a_network_has_every_address_with_its_first_bits() {
    check("192.0.2.0/24", &["192.0.2.0", "192.0.2.255"], &["192.0.3.0", "192.0.1.255"]);
    check("192.0.2.9/30", &["192.0.2.8", "192.0.2.11"], &["192.0.2.12", "192.0.2.7"]);
    check("2001:db8::/33", &["2001:db8:7fff::"], &["2001:db8:8000::", "2001:db9::"]);
}

#[test]
fn no_bits_are_all_addresses_of_the_family() {
    check("0.0.0.0/0", &["255.255.255.255", "0.0.0.0"], &["::", "2001:db8::1"]);
    check("::/0", &["::1", "2001:db8::1"], &["192.0.2.1"]);
}

#[test]
fn what_is_no_network_is_refused() {
    for text in [
        "",
        "/",
        "x",
        "192.0.2.0/33",
        "::/129",
        "192.0.2.0/",
        "192.0.2.0/+8",
        "192.0.2.0/-1",
        "192.0.2/24",
        "192.0.2.0/24/8",
        "192.0.2.0 /24",
        "::/999",
    ] {
        assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text:?}");
    }
}
