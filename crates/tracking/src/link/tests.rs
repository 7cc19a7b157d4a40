use super::*;
use crate::{
    ids::Timestamp,
    token::{Opener, key::KeyRing},
};
use std::sync::Arc;

fn check(text: &str, wanted: Option<(&str, &str)>) {
    let parsed: Result<TrackingUrl, _> = text.parse();
    let seen = parsed.as_ref().ok().map(|url| (url.as_str(), url.host()));
    assert_eq!(seen, wanted, "{text:?}");
}

#[test]
fn base_url_gets_its_final_slash() {
    check("https://t.example", Some(("https://t.example/", "t.example")));
    check("https://t.example/", Some(("https://t.example/", "t.example")));
    check("http://t.example/mail/x", Some(("http://t.example/mail/x/", "t.example")));
}

#[test]
fn host_is_told_without_the_port() {
    check("http://t.example:8080/", Some(("http://t.example:8080/", "t.example")));
    check("http://[::1]:8080", Some(("http://[::1]:8080/", "[::1]")));
}

#[test]
fn what_could_carry_no_token_is_refused() {
    for wrong in ["", "t.example", "ftp://t.example/", "https://", "https:///x", "https://:80/"] {
        check(wrong, None);
    }
    for wrong in
        ["https://t.example/?q=", "https://t.example/#", "https://a@t.example/", "https://t é/"]
    {
        check(wrong, None);
    }
}

#[test]
fn link_is_split_at_its_last_slash() {
    let (base, token) = TrackingUrl::split("https://t.example/mail/abc-_\n").expect("a link");
    assert_eq!((base.as_str(), token), ("https://t.example/mail/", "abc-_"));
    assert_eq!(TrackingUrl::split("abc"), None);
}

#[test]
fn scheme_and_host_are_replaced_each_by_itself() {
    let check = |url: &str, scheme: &str, domain: &str, wanted: (&str, &str)| {
        let url: TrackingUrl = url.parse().expect("a tracking URL");
        let url = url.with_scheme(scheme.parse().expect("a scheme"));
        let seen = url.with_domain(&domain.parse().expect("a tracking domain"));
        assert_eq!((seen.as_str(), seen.host()), wanted);
        assert_eq!(seen.to_string().parse(), Ok(seen));
    };
    check("https://t.example/", "http", "c.example", ("http://c.example/", "c.example"));
    check("HTTP://t.example", "https", "c.example:8", ("https://c.example:8/", "c.example"));
    check("http://[::1]:80/mail/x/", "HTTPS", "[::2]:1", ("https://[::2]:1/mail/x/", "[::2]"));
    check("https://t.example:1/m/", "https", "c", ("https://c/m/", "c"));
}

#[test]
fn tracking_domain_is_a_host_and_perhaps_a_port() {
    let is_right = |text: &str| text.parse::<TrackingDomain>().is_ok();
    for right in ["localhost:8080", "track.example.com", "a_b.example:1", "[::1]", "192.0.2.7:443"]
    {
        assert!(is_right(right), "{right}");
    }
    let long = [&"a".repeat(62), ".", &"b".repeat(200)].concat();
    for wrong in [
        "", ":80", "a.", ".a", "a..b", "a:", "a:0", "a:65536", "a:+1", "a/b", "http://a", "[a]",
        "[::1", "::1", "a b", "ä", "a@b", &long,
    ] {
        assert!(!is_right(wrong), "{wrong}");
    }
}

#[test]
fn a_link_of_an_amp_part_says_so() {
    let keys = Arc::new(KeyRing::generate([7; 32], "2026-11-21"));
    let mut sealer = Sealer::new(keys.clone());
    let urls = TrackingUrls::both("https://t.example/".parse().expect("a URL"));
    let facts = CopyFacts {
        tracking_urls: &urls,
        is_host_bound: false,
        tenant: 0,
        message_id: MessageId::new(Timestamp(1_795_233_600_000), [1, 2, 3, 4, 5]),
        expires_after: None,
        open_context: None,
        click_context: None,
        list_unsubscribe_mailto: None,
    };
    let mut links = SealedLinks::new(facts, &mut sealer);
    for is_amp in [true, false] {
        let request = LinkRequest {
            target_url: "https://shop.example/",
            link_index: 0,
            name: None,
            is_unsubscribe: false,
            sublink: None,
            is_amp,
        };
        let mut urls = [const { String::new() }; 3];
        assert!(links.click(&request, &mut urls[0]));
        assert!(links.open(is_amp, &mut urls[1]));
        assert!(links.initial_open(is_amp, &mut urls[2]));
        for url in urls {
            let (_, token) = TrackingUrl::split(&url).expect("a link");
            assert_eq!(Opener::new(keys.clone()).open(token, "").expect("ours").is_amp, is_amp);
        }
    }
}
