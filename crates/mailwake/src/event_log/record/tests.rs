use super::*;

/// A stamped record with this body, as it stands at position 800 in a segment from 400 on.
fn stamped(body: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    frame(&mut frames, |frames| frames.extend_from_slice(body)).expect("it fits");
    stamp(&mut frames, 640);
    frames
}

fn check(octets: &[u8], expected: Option<&[u8]>) {
    assert_eq!(parse(octets, 800, 400).map(|record| record.body), expected);
}

#[test]
fn record_is_read_as_it_was_written() {
    for body in [b"a".as_slice(), b"seven h", b"eight ha", b"nine hard"] {
        let octets = stamped(body);
        assert_eq!(octets.len() % ALIGNMENT, 0);
        check(&octets, Some(body));
        assert_eq!(parse(&octets, 800, 400).map(|record| record.bytes()), Some(octets.len()));
    }
}

#[test]
fn every_record_of_an_append_gets_the_commit() {
    let mut frames = Vec::new();
    frame(&mut frames, |frames| frames.extend_from_slice(b"first")).expect("it fits");
    let second_at = frames.len();
    frame(&mut frames, |frames| frames.extend_from_slice(b"second")).expect("it fits");
    stamp(&mut frames, 640);
    let second = Record { commit: 640, body: b"second" };
    assert_eq!(parse(&frames[second_at..], 800, 400), Some(second));
}

#[test]
fn zeros_are_no_record() {
    check(&[0; 64], None);
}

#[test]
fn any_flipped_bit_is_found() {
    let sound = stamped(b"some body");
    for bit in 0..sound.len() * 8 {
        let mut flipped = sound.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        check(&flipped, None);
    }
}

#[test]
fn a_part_of_a_record_is_no_record() {
    let sound = stamped(b"some body");
    for octets in 0..sound.len() {
        check(&sound[..octets], None);
    }
}

#[test]
fn length_beyond_every_limit_is_refused_before_it_is_used() {
    for length in [u32::MAX, u32::MAX - 7, 1 << 31, 1 + (1 << 20)] {
        let mut octets = stamped(b"some body");
        octets[..4].copy_from_slice(&length.to_le_bytes());
        check(&octets, None);
        assert_eq!(plausible_bytes(&octets, 800, 400), None);
    }
}

#[test]
fn record_of_another_place_is_refused() {
    let octets = stamped(b"some body");
    assert_eq!(parse(&octets, 639, 400), None, "a commit does not begin behind its records");
    assert_eq!(parse(&octets, 800, 641), None, "a commit does not begin in an earlier segment");
}
