//! Rules of bounces, and replies: any text. Rules that are read can be asked; the first line is
//! a reply, and the rest are rules.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tracking::{bounce::Rules, delivery::status::split_reply, event::UpstreamReply};

static BUILT_IN: LazyLock<Rules> = LazyLock::new(Rules::built_in);

fuzz_target!(|input: &str| {
    let (reply, rules) = input.split_once('\n').unwrap_or((input, ""));
    let parts = split_reply(reply);
    let reply = UpstreamReply {
        error_code: parts.code,
        raw_reason: parts.text.into(),
        ..UpstreamReply::default()
    };
    let first = BUILT_IN.classify_for(&reply, "example.com");
    assert_eq!(BUILT_IN.classify_for(&reply, "example.com"), first);
    for site in [
        BUILT_IN.clone().with_site(rules),
        BUILT_IN.clone().with_momentum_overrides(rules),
    ] {
        let Ok(site) = site else { continue };
        let found = site.classify_for(&reply, "example.com");
        assert!(found.rule.starts_with("site/") || found == first);
    }
});
