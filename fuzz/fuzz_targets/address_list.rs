//! Addresses of a header field: what is found has two parts, and stands in the value with
//! comments and white space left out, at most so often as there is a limit.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::address::list::{ADDRESSES_MAX, addresses};

fuzz_target!(|value: &str| {
    let found = addresses(value);
    assert!(found.len() <= ADDRESSES_MAX);
    let octets: usize = found.iter().map(String::len).sum();
    assert!(octets <= value.len());
    for address in &found {
        let (local_part, domain) = address.rsplit_once('@').expect("an address");
        assert!(!local_part.is_empty() && !domain.is_empty());
    }
});
