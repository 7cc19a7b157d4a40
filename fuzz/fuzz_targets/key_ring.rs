//! Key files: any text, and a ring that is written is read as the same ring.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracking::token::key::{KEYS_MAX, KeyRing};

fuzz_target!(|text: &str| {
    match KeyRing::parse(text) {
        Ok(mut ring) => {
            check(&ring);
            let ids: Vec<u8> = ring.keys().iter().map(|key| key.id()).collect();
            for id in ids {
                ring.activate(id).expect("a key of the ring");
                assert!(ring.retire(id).is_err());
                check(&ring);
            }
            let is_full = ring.keys().len() == usize::from(KEYS_MAX);
            assert_eq!(ring.rotate([1; 32], "2026-11-21").is_err(), is_full);
            check(&ring);
        }
        Err(mistakes) => assert!(!mistakes.is_empty()),
    }
});

fn check(ring: &KeyRing) {
    assert!(ring.keys().len() <= usize::from(KEYS_MAX));
    let text = ring.to_text();
    let again = KeyRing::parse(&text).expect("what is written can be read");
    assert_eq!(again.to_text(), text);
    assert_eq!(again.active().id(), ring.active().id());
}
