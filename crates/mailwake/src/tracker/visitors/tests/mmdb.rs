//! A file in the MaxMind DB format (version 2.0), with one network in it.

/// The file of an IPv4 network that is in Columbia, Maryland.
pub(super) fn of_network(network: [u8; 4], prefix_bits: usize) -> Vec<u8> {
    let nodes = u32::try_from(prefix_bits).expect("at most 32");
    let bits = u32::from_be_bytes(network);
    let (nothing, place) = (nodes, nodes + 16);
    let mut file = Vec::new();
    for depth in 0..nodes {
        let next = if depth + 1 == nodes { place } else { depth + 1 };
        let is_one = bits >> (31 - depth) & 1 == 1;
        let records = if is_one { [nothing, next] } else { [next, nothing] };
        records.iter().for_each(|record| file.extend(&record.to_be_bytes()[1..]));
    }
    file.extend([0; 16]);
    file.extend(map(&[
        ("city", names("Columbia")),
        ("country", map(&[("iso_code", text("US"))])),
        ("location", map(&[("latitude", double(39.1749)), ("longitude", double(-76.8375))])),
        ("postal", map(&[("code", text("21046"))])),
        ("subdivisions", list(&[map(&[("iso_code", text("MD"))])])),
    ]));
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.extend(map(&[
        ("binary_format_major_version", number(5, 2)),
        ("binary_format_minor_version", number(5, 0)),
        ("build_epoch", extended(2, &1_795_233_600_u64.to_be_bytes())),
        ("database_type", text("Test-City")),
        ("description", map(&[("en", text("one network"))])),
        ("ip_version", number(5, 4)),
        ("languages", list(&[text("en")])),
        ("node_count", number(6, nodes)),
        ("record_size", number(5, 24)),
    ]));
    file
}

fn names(name: &str) -> Vec<u8> {
    map(&[("names", map(&[("en", text(name))]))])
}

fn text(text: &str) -> Vec<u8> {
    [&[2 << 5 | size(text.len())], text.as_bytes()].concat()
}

fn double(number: f64) -> Vec<u8> {
    [&[3 << 5 | 8][..], &number.to_be_bytes()].concat()
}

/// An unsigned number: of type 5 in two octets, of type 6 in four.
fn number(kind: u8, number: u32) -> Vec<u8> {
    let octets = number.to_be_bytes();
    let octets = if kind == 5 { &octets[2..] } else { &octets[..] };
    [&[kind << 5 | size(octets.len())], octets].concat()
}

/// A value of a type from 8 on, which stands in an octet of its own.
fn extended(kind: u8, octets: &[u8]) -> Vec<u8> {
    [&[size(octets.len()), kind], octets].concat()
}

fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut octets = vec![7 << 5 | size(entries.len())];
    for (key, value) in entries {
        octets.extend(text(key));
        octets.extend(value);
    }
    octets
}

fn list(values: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = vec![size(values.len()), 4];
    values.iter().for_each(|value| octets.extend(value));
    octets
}

/// Sizes up to 28 stand in the first octet.
fn size(size: usize) -> u8 {
    u8::try_from(size).ok().filter(|size| *size < 29).expect("a short one")
}
