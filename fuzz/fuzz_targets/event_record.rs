//! The stored form of events: any octets, and what is read is written so that it is
//! read again as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracking::event::{decode, encode};

fuzz_target!(|body: &[u8]| {
    for octets in [body, &[&[1], body].concat()] {
        let Ok(event) = decode(octets) else { continue };
        let again = decode(&encode(&event)).expect("what is encoded can be decoded");
        assert_eq!(again, event);
    }
});
