//! Tokens that are forged, bent, used again or sealed by a thief; targets that are weapons.

use super::{
    super::load::{TARGET, click, fresh_link, keys, sealed},
    Target, WARM_UP, check_no_redirect,
};
use crate::support::{PATIENCE, wait_for};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use std::sync::Arc;
use tracking::token::{
    Engagement, Link, Sealer,
    key::KeyRing,
    legacy::{LegacyLink, encode},
};

#[test]
fn bent_tokens_lead_nowhere() {
    let target = Target::start("");
    let path = target.path();
    let octets = BASE64_URL_SAFE_NO_PAD.decode(&path[1..]).expect("a token");
    let mut client = target.connect();
    for bit in 0..octets.len() * 8 {
        let mut bent = octets.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        let bent = format!("/{}", BASE64_URL_SAFE_NO_PAD.encode(bent));
        let answer = client.get(&bent).expect("an answer");
        assert_eq!((answer.status, answer.field("location")), (404, None), "bit {bit}");
        if answer.field("connection") == Some("close") {
            client = target.connect();
        }
    }
    for cut in 1..path.len() {
        let mut client = target.connect();
        assert_eq!(client.get(&path[..cut]).expect("an answer").status, 404, "{cut} octets");
    }
    target.end();
}

#[test]
fn tokens_of_other_keys_lead_nowhere() {
    let target = Target::start("");
    let mut client = target.connect();
    for secret in 0..=255 {
        // With the same id as the key of the tracker.
        let stranger = Arc::new(KeyRing::generate([secret; 32], "2026-11-21"));
        let answer = client.get(&sealed(&stranger, click()).1).expect("an answer");
        assert_eq!((answer.status, answer.field("location")), (404, None));
    }
    target.end();
}

#[test]
fn tokens_of_another_host_lead_nowhere() {
    let target = Target::start("");
    let mut sealer = Sealer::new(keys(&target.installation));
    let token = sealer.seal(&fresh_link(click()), Some("t.example")).expect("short enough");
    let mut client = target.connect();
    assert!(client.get(&format!("/{token}")).expect("an answer").is_redirect());
    for host in ["evil.example", "t.example.evil.example", "t.example@evil.example", "", "t"] {
        let request = format!("GET /{token} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        check_no_redirect(&target.throw(request.as_bytes()), host);
    }
    target.end();
}

/// Whoever has a link may click on it as often as they like: that is a click each time, of
/// one message.
#[test]
fn tokens_that_are_used_again_are_counted_and_stay_unique() {
    const CLICKS: u64 = 500;
    let target = Target::start("");
    let before = report(&target);
    let path = target.path();
    let mut client = target.connect();
    for _ in 0..CLICKS {
        assert!(client.get(&path).expect("an answer").is_redirect());
    }
    wait_for("all clicks to be in the store", PATIENCE, || {
        let (clicks, unique) = report(&target);
        (clicks == before.0 + CLICKS).then(|| assert_eq!(unique, before.1 + 1))
    });
    target.end();
}

/// Clicks in the store, and messages with one at least.
fn report(target: &Target) -> (u64, u64) {
    wait_for("the warm-up to be in the store", PATIENCE, || {
        let clicks = target.installation.report()["counters"]["clicks"].take();
        let total = clicks["total"].as_u64().filter(|total| *total >= WARM_UP)?;
        Some((total, clicks["unique"].as_u64()?))
    })
}

/// A target stands in a message, whose sender may be anybody's script. What could begin a
/// header field of its own cannot get into one.
#[test]
fn targets_cannot_split_an_answer() {
    let target = Target::start("");
    let mut sealer = Sealer::new(keys(&target.installation));
    for evil in [
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/\r\n\r\n<script>alert(1)</script>",
        "https://shop.example/\nLocation: https://evil.example/",
        "https://shop.example/%0d%0aSet-Cookie:%20a=b",
        "https://shop.example/\u{560d}\u{560a}Set-Cookie: a=b",
        "https://shop.example/\0\u{1b}[31m",
    ] {
        let engagement = Engagement::Click { target_url: evil.into() };
        let token = sealer.seal(&fresh_link(engagement), None).expect("short enough");
        let answer = target.connect().get(&format!("/{token}")).expect("an answer");
        assert_eq!((answer.status, answer.content.len()), (302, 0), "{evil:?}");
        assert_eq!(answer.field("set-cookie"), None);
        let locations = answer.fields.iter().filter(|(name, _)| name == "location").count();
        assert_eq!(locations, 1, "{evil:?}");
        let location = answer.field("location").expect("a redirect");
        assert!(location.starts_with("https://shop.example/"), "{location}");
        assert!(location.bytes().all(|octet| octet.is_ascii_graphic()), "{location:?}");
    }
    target.end();
}

/// The gateway seals no such link. Who has stolen a key makes no weapon of the tracker all
/// the same: a browser would run these on behalf of its domain.
#[test]
fn targets_that_are_no_web_address_lead_nowhere() {
    let target = Target::start("");
    let mut sealer = Sealer::new(keys(&target.installation));
    for evil in [
        "javascript:alert(1)",
        "JavaScript:alert(1)//https://shop.example/",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "\u{1}javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/",
        "/\\evil.example/",
        "/relative",
        "evil.example",
        "\r\n",
    ] {
        for unsubscribes in [false, true] {
            let target_url = evil.to_owned();
            let engagement = match unsubscribes {
                true => Engagement::Unsubscribe { target_url },
                false => Engagement::Click { target_url },
            };
            let token = sealer.seal(&fresh_link(engagement), None).expect("short enough");
            let answer = target.connect().get(&format!("/{token}")).expect("an answer");
            assert_eq!((answer.status, answer.field("location")), (404, None), "{evil:?}");
        }
    }
    target.end();
}

#[test]
fn links_that_nobody_has_signed_lead_to_the_list_alone() {
    let target =
        Target::start("legacy = { hosts = [\"t.example\"], target_hosts = [\"shop.example\"] }");
    let legacy = |t_url: &str| {
        let link = LegacyLink {
            act: "c".into(),
            t_url: t_url.into(),
            msg_id: "0000123456789abcdef0".into(),
            rcpt: "ann@example.com".into(),
        };
        format!("/{}", encode(&link))
    };
    assert!(target.connect().get(&legacy(TARGET)).expect("an answer").is_redirect());
    for evil in [
        "https://evil.example/",
        "https://shop.example@evil.example/",
        "https://evil.example\\@shop.example/",
        "https://evil.example/\\shop.example",
        "javascript://shop.example/%0aalert(1)",
        "https://shop.example.evil.example/",
    ] {
        let answer = target.connect().get(&legacy(evil)).expect("an answer");
        assert_eq!((answer.status, answer.field("location")), (404, None), "{evil}");
    }
    target.end();
}

/// A token that inflates to far more than a URL is refused before it has memory.
#[test]
fn tokens_that_inflate_are_cut_off() {
    let target =
        Target::start("legacy = { hosts = [\"t.example\"], target_hosts = [\"shop.example\"] }");
    let bomb = LegacyLink {
        act: "c".into(),
        t_url: format!("https://shop.example/{}", "a".repeat(4 << 20)),
        msg_id: "0000123456789abcdef0".into(),
        rcpt: String::new(),
    };
    let path = format!("/{}", encode(&bomb));
    assert!(path.len() < 16_000, "{} octets", path.len());
    let mut client = target.connect();
    for _ in 0..500 {
        assert_eq!(client.get(&path).expect("an answer").status, 404);
    }
    // A genuine one is as long as it may be.
    let link: Link = fresh_link(Engagement::Click { target_url: "https://shop.example/".into() });
    assert!(Sealer::new(keys(&target.installation)).seal(&link, None).is_ok());
    target.end();
}
