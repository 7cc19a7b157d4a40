use super::{ForwardedField::*, *};

/// Addresses below 10.0.0.0/8, and 2001:db8::1, are proxies.
fn is_trusted(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] == 10,
        IpAddr::V6(address) => address == Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    }
}

fn read(field: ForwardedField, values: &[&str]) -> Result<Option<String>, NoAddress> {
    let values = values.iter().map(|value| value.as_bytes());
    Ok(client(field, values, is_trusted)?.map(|address| address.to_string()))
}

fn check(field: ForwardedField, values: &[&str], expected: &str) {
    assert_eq!(read(field, values), Ok(Some(expected.into())), "{values:?}");
}

fn check_refused(field: ForwardedField, values: &[&str]) {
    assert_eq!(read(field, values), Err(NoAddress), "{values:?}");
}

#[test]
fn without_a_field_nothing_is_told() {
    for field in [XForwardedFor, Forwarded, XRealIp] {
        assert_eq!(read(field, &[]), Ok(None));
        assert_eq!(read(field, &["", " , ,"]), Ok(None));
    }
}

#[test]
fn what_the_nearest_proxy_has_added_counts() {
    check(XForwardedFor, &["192.0.2.1"], "192.0.2.1");
    check(XForwardedFor, &["203.0.113.9, 192.0.2.1"], "192.0.2.1");
    check(XForwardedFor, &["203.0.113.9", "192.0.2.1"], "192.0.2.1");
    check(Forwarded, &["for=203.0.113.9, for=192.0.2.1;proto=https"], "192.0.2.1");
}

#[test]
fn trusted_proxies_are_passed_over() {
    check(XForwardedFor, &["203.0.113.9, 192.0.2.1, 10.0.0.7,10.0.0.8 "], "192.0.2.1");
    check(Forwarded, &["for=192.0.2.1", "for=10.0.0.7, for=\"[2001:db8::1]:443\""], "192.0.2.1");
}

#[test]
fn the_first_of_trusted_ones_is_the_client() {
    check(XForwardedFor, &["10.0.0.1, 10.0.0.2"], "10.0.0.1");
}

#[test]
fn what_clients_have_put_in_front_is_not_looked_at() {
    check(XForwardedFor, &["'; DROP TABLE, \u{fc}, 192.0.2.1"], "192.0.2.1");
    check(Forwarded, &["for=\"unclosed, for=192.0.2.1"], "192.0.2.1");
    check(Forwarded, &["for=\"10.0.0.1, for=192.0.2.1"], "192.0.2.1");
    check(Forwarded, &["nonsense", "for=192.0.2.1"], "192.0.2.1");
    let values = [&b"\xff\x80, 192.0.2.1"[..]];
    let told = client(XForwardedFor, values.into_iter(), is_trusted);
    assert_eq!(told, Ok(Some(Ipv4Addr::new(192, 0, 2, 1).into())));
}

#[test]
fn addresses_may_have_ports() {
    check(XForwardedFor, &["192.0.2.1:4711"], "192.0.2.1");
    check(XForwardedFor, &["[2001:db8::2]:4711"], "2001:db8::2");
    check(XForwardedFor, &["[2001:db8::2]"], "2001:db8::2");
    check(XForwardedFor, &["2001:db8::2"], "2001:db8::2");
    check(Forwarded, &["For=\"[2001:db8:cafe::17]:_x.y\""], "2001:db8:cafe::17");
    check(Forwarded, &["by=203.0.113.43;FOR=192.0.2.43;host=\"a;b,c\""], "192.0.2.43");
}

#[test]
fn ipv4_in_the_form_of_ipv6_is_ipv4() {
    check(XRealIp, &["::ffff:192.0.2.1"], "192.0.2.1");
    check(XForwardedFor, &["192.0.2.1, ::ffff:10.0.0.1"], "192.0.2.1");
}

#[test]
fn x_real_ip_is_one_address_whoever_it_is() {
    check(XRealIp, &["10.0.0.1"], "10.0.0.1");
    check_refused(XRealIp, &["192.0.2.1, 192.0.2.2"]);
    check_refused(XRealIp, &["192.0.2.1", "192.0.2.2"]);
}

#[test]
fn what_is_no_address_tells_nothing() {
    for wrong in ["unknown", "192.0.2", "192.0.2.1:", "192.0.2.1:port", "[192.0.2.1]", "fe80::1%1"]
    {
        check_refused(XForwardedFor, &[wrong]);
        check_refused(XForwardedFor, &["192.0.2.1", wrong]);
        check_refused(XRealIp, &[wrong]);
        check_refused(Forwarded, &[&format!("for=\"{wrong}\"")]);
    }
    for wrong in [
        "for=_hidden",
        "by=192.0.2.1",
        "for",
        "for=192.0.2.1;for=192.0.2.1",
        "for=\"192.0.2.1",
        "for=\"192.0.2\\.1\"",
        "for=\"192.0.2.1\";proto=\"",
    ] {
        check_refused(Forwarded, &[wrong]);
    }
    assert_eq!(client(XForwardedFor, [&b"\xff"[..]].into_iter(), is_trusted), Err(NoAddress));
}

#[test]
fn there_are_not_endless_proxies() {
    let proxies = |count: usize| vec!["10.0.0.1"; count].join(",");
    check(XForwardedFor, &[&proxies(PROXIES_MAX)], "10.0.0.1");
    check_refused(XForwardedFor, &[&proxies(PROXIES_MAX + 1)]);
}
