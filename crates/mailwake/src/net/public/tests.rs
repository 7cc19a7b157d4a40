use super::*;

fn check(address: &str, expected: bool) {
    assert_eq!(is_public(address.parse().expect("an address")), expected, "{address}");
}

#[test]
fn addresses_of_the_internet_are_public() {
    for address in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111"] {
        check(address, true);
    }
    for address in ["::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"] {
        check(address, true);
    }
}

#[test]
fn addresses_of_this_host_and_of_networks_are_not() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001:db8::1",
        "2001:0:1:2:3:4:80ff:fffe",
        "2002:7f00:1::1",
        "3fff::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        check(address, false);
    }
}
