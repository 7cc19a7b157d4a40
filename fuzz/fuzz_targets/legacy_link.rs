//! Links of the Go reference: any text, any zlib, and links that are read as they were
//! written; and where they lead, which is to the host that stands in them or nowhere.

#![no_main]

use base64::{Engine, engine::general_purpose::URL_SAFE};
use flate2::{Compress, Compression, FlushCompress};
use libfuzzer_sys::fuzz_target;
use tracking::token::legacy::{JSON_OCTETS_MAX, decode, encode, target_host};

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input) {
        check(text);
        check_target(text);
        check_target(&format!("https://{text}"));
    }
    check(&URL_SAFE.encode(input));
    check(&URL_SAFE.encode(deflated(input)));
});

fn check(token: &str) {
    let Ok((json, link)) = decode(token) else { return };
    // What is no UTF-8 in it is shown as U+FFFD, which has three octets.
    assert!(json.len() <= 3 * JSON_OCTETS_MAX);
    if let Ok((_, again)) = decode(&encode(&link)) {
        assert_eq!(again, link);
    }
}

/// A reader that takes every separator that any browser knows finds the same host.
fn check_target(url: &str) {
    let Some(host) = target_host(url) else { return };
    let rest = url.split_once("://").expect("it has a scheme").1;
    let separators = ['/', '\\', '?', '#', '@', '\t', '\r', '\n', '%'];
    let authority = rest.split(separators).next().expect("there is a first piece");
    assert_eq!(authority.split(':').next(), Some(host));
    let behind = rest[authority.len()..].chars().next();
    assert!(matches!(behind, None | Some('/' | '?' | '#')), "{url:?}");
}

fn deflated(octets: &[u8]) -> Vec<u8> {
    let mut deflated = Vec::with_capacity(octets.len() + 64);
    Compress::new(Compression::fast(), true)
        .compress_vec(octets, &mut deflated, FlushCompress::Finish)
        .expect("there is room for what does not get shorter");
    deflated
}
