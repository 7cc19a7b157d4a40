//! Tokens: any text, and any plaintext under a seal that is good, since a later mailwake
//! may have written it. Nothing inflates beyond its limit.

#![no_main]

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use std::{cell::RefCell, sync::Arc};
use tracking::token::{Engagement, Link, Opener, Sealer, TARGET_OCTETS_MAX, key::KeyRing};

const SECRET: [u8; 32] = [7; 32];
const HOST: &str = "t.example";
/// Version 1, key 1, which is the one of a new ring.
const HEAD_PLAIN: u8 = 1 << 5 | 1;
/// Version 2, key 1.
const HEAD_HOST_BOUND: u8 = 2 << 5 | 1;

thread_local! {
    static ENDS: RefCell<(Sealer, Opener)> = {
        let keys = Arc::new(KeyRing::generate(SECRET, "2026-11-21"));
        RefCell::new((Sealer::new(Arc::clone(&keys)), Opener::new(keys)))
    };
}

fuzz_target!(|input: &[u8]| {
    ENDS.with_borrow_mut(|(sealer, opener)| {
        if let Ok(text) = std::str::from_utf8(input) {
            // Nobody forges a seal by chance, so what opens was sealed with this key.
            assert!(opener.open(text, HOST).is_err());
        }
        for head in [HEAD_PLAIN, HEAD_HOST_BOUND] {
            let token = sealed(head, input);
            if let Ok(link) = opener.open(&token, HOST) {
                check_link(sealer, opener, &link);
            }
            if head == HEAD_HOST_BOUND {
                assert!(opener.open(&token, "other.example").is_err());
            }
        }
    });
});

/// The token of any plaintext, as `tracking::token` describes it.
fn sealed(head: u8, plaintext: &[u8]) -> String {
    let key = UnboundKey::new(&AES_256_GCM_SIV, &SECRET).expect("the key has 32 octets");
    let host = if head == HEAD_HOST_BOUND { HOST } else { "" };
    let aad = Aad::from([&[head], host.as_bytes()].concat());
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let mut sealed = plaintext.to_vec();
    LessSafeKey::new(key)
        .seal_in_place_append_tag(nonce, aad, &mut sealed)
        .expect("a plaintext of some kilobytes can be sealed");
    URL_SAFE_NO_PAD.encode([&[head], sealed.as_slice()].concat())
}

/// What was read can be sealed, and is read again as it was.
fn check_link(sealer: &mut Sealer, opener: &mut Opener, link: &Link) {
    if let Engagement::Click { target_url } | Engagement::Unsubscribe { target_url } =
        &link.engagement
    {
        assert!(target_url.len() <= TARGET_OCTETS_MAX);
    }
    for host in [None, Some(HOST)] {
        let Ok(token) = sealer.seal(link, host) else { continue };
        assert_eq!(opener.open(&token, HOST).as_ref(), Ok(link));
    }
}
