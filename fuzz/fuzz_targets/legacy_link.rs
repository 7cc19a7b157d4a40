//! Links of the Go reference: any text, any zlib, and links that are read as they were
//! written.

#![no_main]

use base64::{Engine, engine::general_purpose::URL_SAFE};
use flate2::{Compress, Compression, FlushCompress};
use libfuzzer_sys::fuzz_target;
use tracking::token::legacy::{JSON_OCTETS_MAX, decode, encode};

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input) {
        check(text);
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

fn deflated(octets: &[u8]) -> Vec<u8> {
    let mut deflated = Vec::with_capacity(octets.len() + 64);
    Compress::new(Compression::fast(), true)
        .compress_vec(octets, &mut deflated, FlushCompress::Finish)
        .expect("there is room for what does not get shorter");
    deflated
}
