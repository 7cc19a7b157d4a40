use super::*;
use proptest::prelude::*;

/// Octets of the compressed form; the uncompressed one must come back.
fn check(target: &[u8]) -> Option<usize> {
    let mut out = b"before".to_vec();
    let is_shorter = deflate(target, &mut out);
    assert!(out.starts_with(b"before"));
    if !is_shorter {
        assert_eq!(out.len(), 6);
        return None;
    }
    let inflated = Inflater::new().inflate(&out[6..], 1 << 16);
    assert_eq!(inflated.as_deref(), Some(target));
    assert!(out.len() - 6 < target.len());
    Some(out.len() - 6)
}

#[test]
fn short_targets_stay_as_they_are() {
    assert_eq!(check(b""), None);
    assert_eq!(check(b"http://"), None);
}

#[test]
fn usual_urls_become_short() {
    let octets = |url: &str| check(url.as_bytes()).expect("shorter");
    assert!(octets("https://www.example.com/") <= 8);
    assert!(
        octets(
            "https://shop.example/?utm_source=newsletter&utm_medium=email&utm_campaign=november"
        ) <= 30
    );
}

#[test]
fn what_repeats_in_the_target_is_repeated() {
    assert!(check("0123456789abcdef".repeat(1_000).as_bytes()).expect("shorter") < 250);
}

#[test]
fn octets_that_never_repeat_are_left() {
    let octets: Vec<u8> = (0..=255).rev().collect();
    assert_eq!(check(&octets), None);
}

#[test]
fn what_is_remembered_is_the_same() {
    let (mut compressor, mut uncompressor) = (Compressor::default(), Uncompressor::new());
    let many: Vec<_> = (0..300).map(|n| format!("https://shop.example/?id={n}")).collect();
    for target in many.iter().chain(&many).chain([&"x".repeat(600), &"~".repeat(3)]) {
        let (mut expected, mut out) = (b"before".to_vec(), b"before".to_vec());
        let is_shorter = deflate(target.as_bytes(), &mut expected);
        for _ in 0..2 {
            out.truncate(6);
            assert_eq!(compressor.deflate(target.as_bytes(), &mut out), is_shorter, "{target}");
            assert_eq!(out, expected, "{target}");
            let inflated = is_shorter.then(|| uncompressor.inflate(&out[6..]));
            assert!(inflated.is_none_or(|inflated| inflated.as_deref() == Some(target.as_bytes())));
        }
    }
}

#[test]
fn the_limit_of_the_inflated_size_holds() {
    let mut out = Vec::new();
    assert!(deflate(&[b'a'; 5_000], &mut out));
    assert_eq!(Inflater::new().inflate(&out, 4_999), None);
    assert_eq!(Inflater::new().inflate(&out, 5_000).map(|octets| octets.len()), Some(5_000));
}

#[test]
fn what_is_no_deflate_is_refused() {
    for octets in [b"".as_slice(), b"\xff", b"\x07", b"\x03"] {
        let inflated = Inflater::new().inflate(octets, 100);
        assert!(
            inflated.is_none() || inflated.is_some_and(|octets| octets.is_empty()),
            "{octets:?}"
        );
    }
}

proptest! {
    #[test]
    fn inflating_undoes_deflating(target in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        check(&target);
    }

    #[test]
    fn inflating_undoes_deflating_of_urls(target in "(https://(www\\.)?[a-c]{1,9}\\.(com|example)/[a-e/]{0,9}([?&](utm_source|id)=[a-z0-9%]{0,20}){0,9}){1,9}") {
        check(target.as_bytes());
    }
}
