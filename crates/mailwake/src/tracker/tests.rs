mod faults;
mod forgery;
mod http2;
mod legacy;
mod limits;
mod proxies;
mod support;
mod tls;
mod unsubscribe;

use super::*;
use support::{Recording, TARGET, click, expired, get, link, message_id};
use tracking::{
    event::{Click, Event, Occurrence, Visit},
    token::{Day, Engagement, Link},
    verdict::Verdict,
};

const UNCACHED: &str = "no-store, no-cache, must-revalidate, private, max-age=0";

#[test]
fn a_pixel_is_a_gif_that_is_not_stored() {
    let recording = Recording::start();
    let answer = recording.tracker.get(&recording.tracker.path(Engagement::Open));
    assert_eq!(answer.status, 200);
    let expected = [
        ("cache-control", UNCACHED),
        ("content-length", "43"),
        ("content-type", "image/gif"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("server", "mailwake"),
    ];
    assert_eq!(answer.fields(), expected);
    assert_eq!(answer.content, answer::PIXEL);
    assert_eq!(&answer.content[..10], b"GIF89a\x01\0\x01\0");
    assert_eq!(answer.content.last(), Some(&0x3b));
    recording.stop();
}

#[test]
fn a_click_leads_to_its_target() {
    let recording = Recording::start();
    let answer = recording.tracker.get(&recording.tracker.path(click()));
    assert_eq!(answer.status, 302);
    let expected = [
        ("cache-control", UNCACHED),
        ("content-length", "0"),
        ("location", TARGET),
        ("referrer-policy", "no-referrer"),
        ("server", "mailwake"),
        ("x-robots-tag", "noindex"),
    ];
    assert_eq!(answer.fields(), expected);
    recording.stop();
}

#[test]
fn status_and_server_field_are_configured() {
    let cases = [
        (RedirectStatus::Found, 302, None),
        (RedirectStatus::SeeOther, 303, Some("msys-http")),
        (RedirectStatus::TemporaryRedirect, 307, None),
    ];
    for (redirect_status, status, server) in cases {
        let recording = Recording::with(TrackerConfig {
            redirect_status,
            server_header: server.map(Into::into),
            ..TrackerConfig::default()
        });
        let answer = recording.tracker.get(&recording.tracker.path(click()));
        assert_eq!((answer.status, answer.field("location")), (status, Some(TARGET)));
        assert_eq!(answer.field("server"), server);
        recording.stop();
    }
}

#[test]
fn a_long_target_in_any_script_fits_into_an_answer() {
    let recording = Recording::start();
    let target_url = format!("https://shop.example/{}", "ü".repeat(8_000));
    let path = recording.tracker.path(Engagement::Click { target_url });
    let answer = recording.tracker.get(&path);
    let location = answer.field("location").expect("a redirect");
    assert_eq!(location, format!("https://shop.example/{}", "%C3%BC".repeat(8_000)));
    recording.stop();
}

#[test]
fn a_click_that_leads_nowhere_is_unknown() {
    let recording = Recording::start();
    let path = recording.tracker.path(Engagement::Click { target_url: " ".into() });
    assert_eq!(recording.tracker.get(&path).status, 404);
    assert_eq!(recording.events(), []);
    recording.stop();
}

#[test]
fn an_engagement_is_on_disk_before_its_answer() {
    let recording = Recording::start();
    let mut client = recording.tracker.connect();
    let visit = Visit {
        ip_address: Some([127, 0, 0, 1].into()),
        user_agent: "Mail/1.0 \u{fffd}".into(),
        verdict: Some(Verdict::Human),
        verdict_reasons: vec!["unknown_agent".into()],
        ..Visit::default()
    };
    let click_event = Click {
        visit: visit.clone(),
        link_index: 7,
        target_link_name: String::new(),
        target_link_url: TARGET.into(),
    };
    let cases = [
        (Engagement::Open, Occurrence::Open(visit.clone())),
        (Engagement::InitialOpen, Occurrence::InitialOpen(visit)),
        (click(), Occurrence::Click(click_event)),
    ];
    for (number, (engagement, occurrence)) in cases.into_iter().enumerate() {
        let path = recording.tracker.path(engagement);
        client.send(format!("GET {path} HTTP/1.1\r\nHost: t.example\r\nUser-Agent: Mail/1.0 "));
        client.send(b"\xe9\r\n\r\n");
        assert!(client.receive(true).status < 400);
        let events = recording.events();
        let event = events.get(number).expect("the event is on disk");
        assert_eq!((event.message_id, &event.occurrence), (message_id(), &occurrence));
    }
    let events = recording.events();
    assert!(events.windows(2).all(|pair| pair[0].event_id != pair[1].event_id));
    assert!(events.windows(2).all(|pair| pair[0].timestamp <= pair[1].timestamp));
    let counters = &recording.tracker.counters;
    let counted = [&counters.opens, &counters.initial_opens, &counters.clicks];
    assert_eq!(counted.map(crate::telemetry::Counter::get), [1, 1, 1]);
    recording.stop();
}

#[test]
fn head_is_answered_like_get_and_not_counted() {
    let recording = Recording::start();
    let mut client = recording.tracker.connect();
    for engagement in [Engagement::Open, click()] {
        let request = get(&recording.tracker.path(engagement));
        let head = client.ask(&request.replacen("GET", "HEAD", 1));
        assert_eq!(recording.events(), []);
        let counters = &recording.tracker.counters;
        assert_eq!((counters.opens.get(), counters.clicks.get()), (0, 0));
        // On a connection of its own, and not recorded either: an expired link.
        let path = request.split(' ').nth(1).expect("a path");
        let link = Link { expires_after: Some(Day(1)), ..opened(&recording, path) };
        let late = recording.tracker.get(&recording.tracker.path_of(&link, None));
        assert_eq!((head.status, head.fields()), (late.status, late.fields()));
    }
    assert_eq!(recording.tracker.counters.heads.get(), 2);
    recording.stop();
}

fn opened(recording: &Recording, path: &str) -> Link {
    let mut opener = tracking::token::Opener::new(recording.tracker.keys.load_full());
    opener.open(&path[1..], "").expect("a link")
}

#[test]
fn an_expired_link_works_and_is_not_reported() {
    let recording = Recording::start();
    let path = |engagement| recording.tracker.path_of(&expired(engagement), None);
    assert_eq!(recording.tracker.get(&path(click())).field("location"), Some(TARGET));
    assert_eq!(recording.tracker.get(&path(Engagement::Open)).content, answer::PIXEL);
    assert_eq!(recording.tracker.counters.late.get(), 2);
    assert_eq!(recording.events(), []);
    recording.stop();
}

#[test]
fn a_link_is_reported_on_its_last_day() {
    let recording = Recording::start();
    let today = Day::of(std::time::SystemTime::now().into());
    // Tomorrow, in case that midnight comes before the request.
    for last in [today.plus(1), Day(u16::MAX)] {
        let link = Link { expires_after: Some(last), ..link(click()) };
        assert_eq!(recording.tracker.get(&recording.tracker.path_of(&link, None)).status, 302);
    }
    assert_eq!(recording.events().len(), 2);
    recording.stop();
}

#[test]
fn what_is_no_link_is_not_found_and_not_echoed() {
    let recording = Recording::start();
    let nowhere = recording.tracker.path(Engagement::Click { target_url: String::new() });
    let slash_after = format!("{}/", recording.tracker.path(click()));
    let paths = ["/", "/f/favicon.ico", "/zzz-secret?q=zzz-secret", &nowhere, &slash_after];
    for path in paths {
        let answer = recording.tracker.get(path);
        assert_eq!((answer.status, answer.is_refusal()), (404, true), "{path}");
        assert_eq!(answer.field("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.field("cache-control"), Some(UNCACHED));
        let page = String::from_utf8(answer.content).expect("text");
        assert!(page.contains("<html lang=\"en\">") && page.contains("<h1>"), "{page}");
        assert!(!page.contains("secret"), "{page}");
    }
    assert_eq!(recording.tracker.counters.unknown.get(), paths.len() as u64);
    assert_eq!(recording.events(), []);
    recording.stop();
}

#[test]
fn link_that_unsubscribes_leads_to_the_senders_page() {
    let recording = Recording::start();
    let unsubscribe = Engagement::Unsubscribe { target_url: TARGET.into() };
    let link = Link { link_name: "leave".into(), ..link(unsubscribe) };
    let answer = recording.tracker.get(&recording.tracker.path_of(&link, None));
    assert_eq!((answer.status, answer.field("location")), (302, Some(TARGET)));
    let events = recording.events();
    let [Event { occurrence: Occurrence::LinkUnsubscribe(click), .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((click.name(), &*click.target_link_url), ("leave", TARGET));
    recording.stop();
}

#[test]
fn an_amp_part_has_events_of_its_own() {
    let recording = Recording::start();
    for engagement in [Engagement::Open, Engagement::InitialOpen, click()] {
        let link = Link { is_amp: true, ..link(engagement) };
        assert!(recording.tracker.get(&recording.tracker.path_of(&link, None)).status < 400);
    }
    let events = recording.events();
    let types: Vec<_> = events.iter().map(|event| event.occurrence.type_name()).collect();
    assert_eq!(types, ["amp_open", "amp_initial_open", "amp_click"]);
    recording.stop();
}

#[test]
fn apps_find_the_files_of_the_domain_without_a_redirect() {
    let apple = br#"{"applinks":{"details":[]}}"#;
    let app_links = AppLinks { apple: Some(apple[..].into()), android: None };
    let config = TrackerConfig {
        app_links,
        durable_deadline: support::PATIENCE,
        ..TrackerConfig::default()
    };
    let recording = Recording::with(config);
    let answer = recording.tracker.get("/.well-known/apple-app-site-association");
    assert_eq!((answer.status, &answer.content[..]), (200, &apple[..]));
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert_eq!(recording.tracker.get("/.well-known/assetlinks.json").status, 404);
    assert_eq!(recording.tracker.get("/.well-known/other").status, 404);
    assert_eq!(recording.events(), []);
    recording.stop();
}

#[test]
fn a_page_for_unknown_links_is_configured() {
    let recording = Recording::with(TrackerConfig {
        not_found: NotFoundPage::Text("Kein Link\nFragen Sie <uns>.".into()),
        ..TrackerConfig::default()
    });
    let answer = recording.tracker.get("/no-link");
    let page = String::from_utf8_lossy(&answer.content);
    assert_eq!((answer.status, answer.is_refusal()), (404, true));
    assert!(page.contains("<h1>Kein Link</h1>\n<p>Fragen Sie &lt;uns&gt;.</p>"), "{page}");
    assert_eq!(answer.field("referrer-policy"), Some("no-referrer"));
    recording.stop();
}

#[test]
fn a_condition_or_a_range_loses_no_count() {
    let recording = Recording::start();
    let conditions = [
        "If-None-Match: *",
        "If-None-Match: \"abc\"",
        "If-Modified-Since: Sat, 29 Oct 2050 19:43:31 GMT",
        "If-Match: \"abc\"",
        "If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT",
        "Range: bytes=0-0",
        "Range: bytes=9999-\r\nIf-Range: \"abc\"",
    ];
    for engagement in [Engagement::Open, click()] {
        let path = recording.tracker.path(engagement);
        let plain = recording.tracker.get(&path);
        for condition in conditions {
            let request = format!("GET {path} HTTP/1.1\r\nHost: t.example\r\n{condition}\r\n\r\n");
            let answer = recording.tracker.ask(&request);
            assert_eq!((answer.status, answer.fields()), (plain.status, plain.fields()));
            assert_eq!(answer.content, plain.content, "{condition}");
            // Without validators no client has anything to ask a condition with.
            assert_eq!((answer.field("etag"), answer.field("last-modified")), (None, None));
        }
    }
    assert_eq!(recording.events().len(), 2 * (conditions.len() + 1));
    recording.stop();
}

#[test]
fn options_tells_the_methods_and_is_not_counted() {
    let recording = Recording::start();
    for target in [&recording.tracker.path(click()), "/no-link", "*"] {
        let preflight = "Origin: https://mail.example\r\nAccess-Control-Request-Method: GET";
        let request =
            format!("OPTIONS {target} HTTP/1.1\r\nHost: t.example\r\n{preflight}\r\n\r\n");
        let answer = recording.tracker.ask_for_head(&request);
        assert_eq!((answer.status, answer.field("allow")), (204, Some("GET, HEAD, OPTIONS")));
        assert_eq!((answer.field("location"), answer.field("content-length")), (None, None));
        assert_eq!(answer.field("access-control-allow-origin"), None);
    }
    assert_eq!(recording.tracker.counters.options.get(), 3);
    assert_eq!(recording.events(), []);
    recording.stop();
}

#[test]
fn a_browser_that_looks_for_an_icon_is_no_unknown_link() {
    let recording = Recording::start();
    let answer = recording.tracker.ask_for_head(&get("/favicon.ico"));
    assert_eq!(answer.status, 204);
    assert_eq!(answer.field("cache-control"), Some("public, max-age=86400"));
    let counters = &recording.tracker.counters;
    assert_eq!((counters.favicons.get(), counters.unknown.get()), (1, 0));
    recording.stop();
}

#[test]
fn other_methods_are_refused() {
    let recording = Recording::start();
    let path = recording.tracker.path(click());
    for method in ["POST", "PUT", "DELETE", "TRACE", "BREW"] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: t.example\r\n\r\n");
        let answer = recording.tracker.ask(&request);
        assert_eq!((answer.status, answer.is_refusal()), (405, true), "{method}");
        assert_eq!(answer.field("allow"), Some("GET, HEAD, OPTIONS"));
    }
    let with_content = format!(
        "POST {path} HTTP/1.1\r\nHost: t.example\r\nContent-Length: 24\r\n\r\n\
         List-Unsubscribe=One-Click"
    );
    assert_eq!(recording.tracker.ask(&with_content).status, 405);
    assert_eq!(recording.events(), []);
    recording.stop();
}

#[test]
fn robots_are_told_to_stay_away() {
    let recording = Recording::start();
    let answer = recording.tracker.get("/robots.txt");
    assert_eq!(
        (answer.status, answer.content.as_slice()),
        (200, &b"User-agent: *\nDisallow: /\n"[..])
    );
    recording.stop();
}

#[test]
fn a_token_stands_behind_any_path_and_before_any_query() {
    let recording = Recording::start();
    let path = recording.tracker.path(click());
    let answer = recording.tracker.get(&format!("/behind/a/proxy{path}?fbclid=a/b"));
    assert_eq!(answer.field("location"), Some(TARGET));
    // RFC 3986 §6.2.2.2: the same URL.
    let encoded: String = path[1..].bytes().map(|octet| format!("%{octet:02x}")).collect();
    let answer = recording.tracker.get(&format!("/{encoded}"));
    assert_eq!(answer.field("location"), Some(TARGET));
    recording.stop();
}

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    let recording = Recording::start();
    let mut client = recording.tracker.connect();
    let target = |number| format!("https://shop.example/{number}");
    let paths = (0..100)
        .map(|number| recording.tracker.path(Engagement::Click { target_url: target(number) }));
    let requests: Vec<_> = paths.map(|path| get(&path)).collect();
    for (number, request) in requests.iter().enumerate() {
        assert_eq!(client.ask(request).field("location"), Some(target(number).as_str()));
    }
    // Once more, pipelined (RFC 9112 §9.3.2).
    client.send(requests.concat());
    for number in 0..requests.len() {
        assert_eq!(client.receive(true).field("location"), Some(target(number).as_str()));
    }
    assert_eq!(recording.events().len(), 200);
    assert_eq!(recording.tracker.counters.connections.get(), 1);
    recording.stop();
}

/// An operator rotates the keys of a gateway elsewhere, brings the file, and forgets SIGHUP.
#[test]
fn a_key_that_came_to_the_file_loses_no_click() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("keys.txt");
    let mut ring = KeyRing::generate([7; 32], "2026-11-21");
    std::fs::write(&path, ring.to_text()).expect("written");
    let recording = Recording::with(TrackerConfig {
        key_file: Some(path.clone()),
        durable_deadline: support::PATIENCE,
        ..TrackerConfig::default()
    });
    let tracker = &recording.tracker;
    let old = tracker.path(click());
    ring.rotate([8; 32], "2026-11-22").expect("room");
    let mut sealer =
        tracking::token::Sealer::new(Arc::new(KeyRing::parse(&ring.to_text()).expect("own text")));
    let new = format!("/{}", sealer.seal(&link(click()), None).expect("short enough"));
    assert_eq!(tracker.get(&new).status, 404);
    std::fs::write(&path, ring.to_text()).expect("written");
    for path in [&new, &old, &new] {
        assert_eq!(tracker.get(path).field("location"), Some(TARGET));
    }
    let counters = &tracker.counters;
    assert_eq!((counters.unknown_keys.get(), counters.keys_read_again.get()), (1, 1));
    assert_eq!(recording.events().len(), 3);
    recording.stop();
}

#[test]
fn keys_change_while_it_runs() {
    let recording = Recording::start();
    let tracker = &recording.tracker;
    let mut client = tracker.connect();
    let old = get(&tracker.path(click()));
    assert_eq!(client.ask(&old).status, 302);
    tracker.keys.store(Arc::new(KeyRing::generate([8; 32], "2026-11-22")));
    assert_eq!(client.ask(&old).status, 404);
    assert_eq!(client.ask(&get(&tracker.path(click()))).status, 302);
    recording.stop();
}

#[test]
fn link_that_no_person_sees_leads_nowhere_and_tells_of_a_scanner() {
    let recording = Recording::start();
    let answer = recording.tracker.get(&recording.tracker.path(Engagement::Honeypot));
    assert!(answer.is_refusal());
    let events = recording.events();
    let [Event { occurrence: Occurrence::Honeypot(visit), .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(visit.verdict, Some(Verdict::Scanner));
    assert!(visit.verdict_reasons.contains(&"honeypot".to_owned()));
    recording.stop();
}
