use super::*;

const CONTENT: &[u8] = b"EHLO client.example\r\n";

/// The client of a whole header. In front of other octets it is the same; of each beginning,
/// no more is asked for than there is.
#[track_caller]
fn client_of(header: &[u8]) -> Option<SocketAddr> {
    for cut in 0..header.len() {
        match parse(&header[..cut]) {
            Ok(Progress::Missing(more)) => assert!(more > 0 && cut + more <= header.len()),
            other => panic!("{other:?} for {cut} octets"),
        }
    }
    let Ok(Progress::Whole(whole)) = parse(header) else { panic!("{:?}", parse(header)) };
    assert_eq!(whole.octets, header.len());
    assert_eq!(parse(&[header, CONTENT].concat()), Ok(Progress::Whole(whole)));
    whole.client
}

#[track_caller]
fn check(header: &[u8], client: &str) {
    assert_eq!(client_of(header), Some(client.parse().expect("an address")));
}

#[track_caller]
fn check_refused(octets: &[u8], error: ProxyHeaderError) {
    assert_eq!(parse(octets), Err(error), "{}", octets.escape_ascii());
}

#[track_caller]
fn check_malformed(line: &str) {
    check_refused(format!("{line}\r\n").as_bytes(), ProxyHeaderError::Malformed);
}

/// A header of version 2.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("a short header").to_be_bytes();
    [&SIGNATURE[..], &[command, family], &length, rest].concat()
}

const IPV4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0xd4, 0x31, 0, 25];

fn ipv6() -> Vec<u8> {
    let address = |text: &str| text.parse::<Ipv6Addr>().expect("an address").octets();
    [&address("2001:db8::7")[..], &address("2001:db8::1"), &[0xd4, 0x31, 0, 25]].concat()
}

#[test]
fn line_of_ipv4_tells_the_client() {
    check(b"PROXY TCP4 192.0.2.7 10.0.0.1 54321 25\r\n", "192.0.2.7:54321");
    check(b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535");
    check(b"PROXY TCP4 192.0.2.7 10.0.0.1 0 25\r\n", "192.0.2.7:0");
}

#[test]
fn line_of_ipv6_tells_the_client() {
    check(b"PROXY TCP6 2001:db8::7 2001:db8::1 54321 25\r\n", "[2001:db8::7]:54321");
    let longest = "ffff:f0f0:ffff:f0f0:ffff:f0f0:ffff:f0f0";
    let line = format!("PROXY TCP6 {longest} {longest} 65535 65535\r\n");
    check(line.as_bytes(), &format!("[{longest}]:65535"));
    check(b"PROXY TCP6 ::ffff:192.0.2.7 ::1 54321 25\r\n", "192.0.2.7:54321");
}

#[test]
fn unknown_line_leaves_the_address_of_the_connection() {
    assert_eq!(client_of(b"PROXY UNKNOWN\r\n"), None);
    assert_eq!(client_of(b"PROXY UNKNOWN what ever stands here\r\n"), None);
    let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(91));
    assert_eq!(longest.len(), LINE_OCTETS_MAX);
    assert_eq!(client_of(longest.as_bytes()), None);
}

#[test]
fn malformed_lines_are_refused() {
    check_malformed("PROXY ");
    check_malformed("PROXY TCP4");
    check_malformed("PROXY TCP5 192.0.2.7 10.0.0.1 54321 25");
    check_malformed("PROXY tcp4 192.0.2.7 10.0.0.1 54321 25");
    check_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 54321");
    check_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 54321 25 ");
    check_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 54321 25 26");
    check_malformed("PROXY TCP4  192.0.2.7 10.0.0.1 54321 25");
    check_malformed("PROXY TCP4 192.0.2.07 10.0.0.1 54321 25");
    check_malformed("PROXY TCP4 192.0.2.256 10.0.0.1 54321 25");
    check_malformed("PROXY TCP4 192.0.2.7 10.0.0.256 54321 25");
    check_malformed("PROXY TCP4 2001:db8::7 2001:db8::1 54321 25");
    check_malformed("PROXY TCP6 192.0.2.7 10.0.0.1 54321 25");
    check_malformed("PROXY TCP6 2001:db8::7%eth0 2001:db8::1 54321 25");
    check_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 65536 25");
    check_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 054321 25");
    check_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 +54321 25");
    check_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 54321 -1");
    check_refused(b"PROXY UNKNOWN\n", ProxyHeaderError::Malformed);
    check_refused(b"PROXY TCP4 \xff\r\n", ProxyHeaderError::Malformed);
}

#[test]
fn line_without_an_end_is_refused() {
    let long = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 91], b"x\r\n"].concat();
    check_refused(&long, ProxyHeaderError::TooLong);
    check_refused(
        &[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat(),
        ProxyHeaderError::TooLong,
    );
}

#[test]
fn what_is_no_header_is_refused_at_once() {
    check_refused(CONTENT, ProxyHeaderError::Absent);
    check_refused(b"PX", ProxyHeaderError::Absent);
    check_refused(b"proxy UNKNOWN\r\n", ProxyHeaderError::Absent);
    check_refused(b"\r\n\r\nQ", ProxyHeaderError::Absent);
    check_refused(b"\x16\x03\x01\x02\x00", ProxyHeaderError::Absent);
}

#[test]
fn binary_header_tells_the_client() {
    check(&binary(0x21, 0x11, &IPV4), "192.0.2.7:54321");
    check(&binary(0x21, 0x21, &ipv6()), "[2001:db8::7]:54321");
}

#[test]
fn further_values_of_a_binary_header_are_passed_over() {
    // PP2_TYPE_AUTHORITY, and one that is longer than it says.
    check(&binary(0x21, 0x11, &[&IPV4[..], b"\x02\x00\x01a"].concat()), "192.0.2.7:54321");
    check(&binary(0x21, 0x11, &[&IPV4[..], b"\x02\xff\xffa"].concat()), "192.0.2.7:54321");
    let full = [&IPV4[..], &[0; OCTETS_MAX - FIXED_OCTETS - 12]].concat();
    check(&binary(0x21, 0x11, &full), "192.0.2.7:54321");
}

#[test]
fn local_header_leaves_the_address_of_the_connection() {
    assert_eq!(client_of(&binary(0x20, 0x00, b"")), None);
    assert_eq!(client_of(&binary(0x20, 0x11, &IPV4)), None);
    assert_eq!(client_of(&binary(0x20, 0xff, b"x")), None);
}

#[test]
fn header_of_no_network_leaves_the_address_of_the_connection() {
    assert_eq!(client_of(&binary(0x21, 0x00, b"")), None);
    assert_eq!(client_of(&binary(0x21, 0x31, &[0; 216])), None);
}

#[test]
fn malformed_binary_headers_are_refused() {
    for (command, family, rest) in [
        (0x11, 0x11, &IPV4[..]),
        (0x31, 0x11, &IPV4[..]),
        (0x22, 0x11, &IPV4[..]),
        (0x21, 0x12, &IPV4[..]),
        (0x21, 0x13, &IPV4[..]),
        (0x21, 0x41, &IPV4[..]),
        (0x21, 0x11, &IPV4[..11]),
        (0x21, 0x21, &ipv6()[..35]),
    ] {
        check_refused(&binary(command, family, rest), ProxyHeaderError::Malformed);
    }
}

#[test]
fn binary_header_that_is_too_long_is_refused_before_it_comes() {
    let head = &binary(0x21, 0x11, &[0; OCTETS_MAX - FIXED_OCTETS + 1])[..FIXED_OCTETS];
    check_refused(head, ProxyHeaderError::TooLong);
}
