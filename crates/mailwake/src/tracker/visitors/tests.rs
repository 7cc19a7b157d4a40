use super::*;
use hyper::header::{HeaderName, USER_AGENT};
use std::{fs, net::IpAddr};
use tracking::{
    event::GeoIp,
    verdict::{Verdict, reason},
};

mod mmdb;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0";

/// An hour after the message was made.
fn later() -> Timestamp {
    Timestamp(1_795_233_600_000)
}

fn link(engagement: Engagement) -> Link {
    Link::new(MessageId::new(Timestamp(later().0 - 3_600_000), [7; 5]), engagement)
}

fn click() -> Link {
    link(Engagement::Click { target_url: "https://shop.example/".into() })
}

fn fields(of: &[(&'static str, &'static str)]) -> HeaderMap {
    let agent = [(USER_AGENT, HeaderValue::from_static(FIREFOX))];
    let of = of
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    agent.into_iter().chain(of).collect()
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn keeping(ip_addresses: IpAddresses, do_not_track: DoNotTrack) -> Visitors {
    Visitors::new(ip_addresses, do_not_track, Recognition::default(), None)
}

#[track_caller]
fn check_kept(visitors: &Visitors, of: &[(&'static str, &'static str)], from: &str, kept: &str) {
    let visit = visitors.visit(&click(), &fields(of), address(from), later());
    let told = visit.ip_address.map(|address| address.to_string()).unwrap_or_default();
    assert_eq!((told.as_str(), visit.verdict), (kept, Some(Verdict::Human)));
}

#[test]
fn addresses_are_kept_as_configured() {
    let of = |ip_addresses| keeping(ip_addresses, DoNotTrack::Ignore);
    check_kept(&of(IpAddresses::Full), &[], "192.0.2.77", "192.0.2.77");
    check_kept(&of(IpAddresses::Truncated), &[], "192.0.2.77", "192.0.2.0");
    check_kept(&of(IpAddresses::Truncated), &[], "::ffff:192.0.2.77", "192.0.2.0");
    check_kept(&of(IpAddresses::Truncated), &[], "2001:db8:1:2::3", "2001:db8:1::");
    check_kept(&of(IpAddresses::None), &[], "192.0.2.77", "");
}

#[test]
fn wish_not_to_be_tracked_is_respected_as_configured() {
    for wish in [("dnt", "1"), ("sec-gpc", "1")] {
        let of = |do_not_track| keeping(IpAddresses::Full, do_not_track);
        check_kept(&of(DoNotTrack::Ignore), &[wish], "192.0.2.77", "192.0.2.77");
        check_kept(&of(DoNotTrack::Truncate), &[wish], "192.0.2.77", "192.0.2.0");
        check_kept(&of(DoNotTrack::Anonymous), &[wish], "192.0.2.77", "");
        let visit =
            of(DoNotTrack::Anonymous).visit(&click(), &fields(&[wish]), address("::1"), later());
        assert_eq!(visit, Visit { verdict: Some(Verdict::Human), ..Visit::default() });
    }
    check_kept(&keeping(IpAddresses::Full, DoNotTrack::Anonymous), &[("dnt", "0")], "::1", "::1");
}

fn reasons(visitors: &Visitors, of: &[(&'static str, &'static str)], now: Timestamp) -> String {
    let visit = visitors.visit(&click(), &fields(of), address("192.0.2.7"), now);
    visit.verdict_reasons.join(" ")
}

#[test]
fn head_is_evidence_for_a_minute() {
    let visitors = Visitors::default();
    let (id, of) = (click().message_id, fields(&[]));
    visitors.note_head(&id, &of, address("192.0.2.7"), later());
    assert_eq!(reasons(&visitors, &[], later()), reason::HEAD_FIRST);
    let at = |ms| Timestamp(later().0 + ms);
    assert_eq!(reasons(&visitors, &[], at(60_000)), reason::HEAD_FIRST);
    assert_eq!(reasons(&visitors, &[], at(60_001)), "");
    // A clock that was set back.
    assert_eq!(reasons(&visitors, &[], at(-1)), "");
    // Of another client, or for another message.
    visitors.note_head(&id, &of, address("192.0.2.8"), at(120_000));
    visitors.note_head(&id, &HeaderMap::new(), address("192.0.2.7"), at(120_000));
    let other = MessageId::new(later(), [8; 5]);
    visitors.note_head(&other, &of, address("192.0.2.7"), at(120_000));
    assert_eq!(reasons(&visitors, &[], at(120_000)), "");
}

#[test]
fn what_loads_ahead_may_say_so() {
    for says in [
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
        ("x-purpose", "preview"),
        ("x-moz", "prefetch"),
    ] {
        assert_eq!(reasons(&Visitors::default(), &[says], later()), reason::DECLARED_PREFETCH);
    }
    assert_eq!(reasons(&Visitors::default(), &[("purpose", "")], later()), "");
}

#[test]
fn tables_are_replaced_while_requests_are_answered() {
    let visitors = Visitors::default();
    let table = "[[network]]\nname = \"gate\"\nkind = \"scanner\"\nnetworks = [\"192.0.2.7\"]";
    let known = Recognition::new(None, Some(table)).expect("right");
    assert_eq!(reasons(&visitors, &[], later()), "");
    let other = Visitors::new(IpAddresses::None, DoNotTrack::Anonymous, known, None);
    visitors.replace_tables(&other);
    assert_eq!(reasons(&visitors, &[], later()), "network:gate");
    let visit = visitors.visit(&click(), &fields(&[]), address("192.0.2.7"), later());
    assert_eq!(visit.ip_address, Some(address("192.0.2.7")));
}

#[test]
fn place_is_found_before_the_address_is_dropped() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("places.mmdb");
    fs::write(&path, mmdb::of_network([192, 0, 2, 0], 24)).expect("written");
    let geo = Geo::open(&path).expect("a file of places");
    let visitors =
        Visitors::new(IpAddresses::None, DoNotTrack::Ignore, Recognition::default(), Some(geo));
    let place = |from| visitors.visit(&click(), &fields(&[]), address(from), later()).geo_ip;
    let columbia = GeoIp {
        country: "US".into(),
        region: "MD".into(),
        city: "Columbia".into(),
        latitude: "39.1749".into(),
        longitude: "-76.8375".into(),
        postal_code: "21046".into(),
    };
    assert_eq!(place("192.0.2.7"), Some(Box::new(columbia.clone())));
    assert_eq!(place("::ffff:192.0.2.7"), Some(Box::new(columbia)));
    assert_eq!(place("198.51.100.7"), None);
    assert_eq!(place("2001:db8::1"), None);
}

#[test]
fn damaged_files_of_places_are_refused_or_tell_nothing() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("places.mmdb");
    let whole = mmdb::of_network([192, 0, 2, 0], 24);
    for end in (0..whole.len()).step_by(7) {
        fs::write(&path, &whole[..end]).expect("written");
        if let Ok(geo) = Geo::open(&path) {
            geo.find(address("192.0.2.7"));
        }
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        fs::write(&path, &damaged).expect("written");
        if let Ok(geo) = Geo::open(&path) {
            geo.find(address("192.0.2.7"));
        }
    }
    assert!(Geo::open(directory.path()).is_err());
}
