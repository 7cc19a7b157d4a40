//! The List-Unsubscribe field, as mail clients and people use it (RFC 8058).

use super::*;
use std::time::Duration;
use support::Answer;
use tracking::{event::Unsubscription, token::Engagement};

const FORM: &str = "List-Unsubscribe=One-Click";

fn list(target_url: &str) -> Engagement {
    Engagement::ListUnsubscribe { target_url: target_url.into() }
}

fn post(path: &str, content_type: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: t.example\r\nUser-Agent: Mail/1\r\n\
         Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn one_click(path: &str) -> String {
    post(path, "application/x-www-form-urlencoded", FORM)
}

fn asked(answer: &Answer) -> &str {
    str::from_utf8(&answer.content).expect("UTF-8")
}

#[test]
fn one_click_is_recorded_and_answered_without_a_redirect() {
    let recording = Recording::start();
    let path = recording.tracker.path(list("https://a.example/u?x=1"));
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\n\
                     One-Click\r\n--x--\r\n";
    for request in [one_click(&path), post(&path, "multipart/form-data; boundary=x", multipart)] {
        let answer = recording.tracker.ask(&request);
        assert_eq!((answer.status, asked(&answer)), (200, "Unsubscribed.\n"));
        let expected = [
            ("cache-control", UNCACHED),
            ("content-length", "14"),
            ("content-type", "text/plain; charset=utf-8"),
            ("referrer-policy", "no-referrer"),
            ("server", "mailwake"),
            ("x-content-type-options", "nosniff"),
        ];
        assert_eq!(answer.fields(), expected);
    }
    let events = recording.events();
    assert_eq!(events.len(), 2);
    for event in events {
        assert_eq!(event.message_id, message_id());
        let Occurrence::ListUnsubscribe(Unsubscription { visit, target_url }) = event.occurrence
        else {
            panic!("another type")
        };
        assert_eq!((&*target_url, &*visit.user_agent), ("https://a.example/u?x=1", "Mail/1"));
    }
    assert_eq!(recording.tracker.counters.list_unsubscribes.get(), 2);
    recording.stop();
}

#[test]
fn page_asks_and_changes_nothing() {
    let recording = Recording::start();
    let path = recording.tracker.path(list(""));
    let answer = recording.tracker.get(&path);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.field("content-language"), Some("en"));
    assert_eq!(answer.field("set-cookie"), None);
    assert_eq!(answer.field("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.field("cache-control"), Some(UNCACHED));
    let policy = answer.field("content-security-policy").expect("it is there");
    for directive in ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(directive), "{policy}");
    }
    let page = asked(&answer);
    assert!(page.contains("<html lang=\"en\" dir=\"ltr\">"), "{page}");
    assert!(page.contains("<button type=\"submit\">Unsubscribe</button>"), "{page}");
    assert!(!page.contains(&path[1..]), "the token is nobody's business");
    let head = recording.tracker.ask(&get(&path).replace("GET", "HEAD"));
    assert_eq!((head.status, head.field("content-length")), (200, answer.field("content-length")));
    assert!(recording.events().is_empty());
    assert_eq!(recording.tracker.counters.unsubscribe_pages.get(), 1);
    assert_eq!(recording.tracker.counters.heads.get(), 1);
    recording.stop();
}

#[test]
fn page_is_in_the_language_of_its_reader() {
    let recording = Recording::start();
    let path = recording.tracker.path(list(""));
    for (field, lang, dir) in [
        ("de-AT, en;q=0.8", "de", "ltr"),
        ("xx, ar;q=0.1", "ar", "rtl"),
        ("he", "he", "rtl"),
        ("pt-BR", "pt-BR", "ltr"),
        ("tlh", "en", "ltr"),
        ("\u{ff}", "en", "ltr"),
    ] {
        let language = format!("\r\nAccept-Language: {field}\r\n\r\n");
        let answer = recording.tracker.ask(&get(&path).replace("\r\n\r\n", &language));
        assert_eq!(answer.field("content-language"), Some(lang), "{field}");
        assert_eq!(answer.field("vary"), Some("Accept-Language"));
        let html = format!("<html lang=\"{lang}\" dir=\"{dir}\">");
        assert!(asked(&answer).contains(&html), "{field}");
    }
    recording.stop();
}

#[test]
fn person_who_has_pressed_the_button_sees_a_page_each_time() {
    let recording = Recording::start();
    let path = recording.tracker.path(list(""));
    for _ in 0..2 {
        let answer = recording.tracker.ask(&one_click(&format!("{path}?page")));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.field("location"), None);
        assert!(asked(&answer).contains("<h1>You have unsubscribed</h1>"));
        assert!(!asked(&answer).contains("<form"));
    }
    assert_eq!(recording.events().len(), 2);
    recording.stop();
}

#[test]
fn percent_encoding_that_is_not_needed_keeps_nobody_on_a_list() {
    let recording = Recording::start();
    let path = recording.tracker.path(list(""));
    let encoded: String = path[1..].bytes().map(|octet| format!("%{octet:02x}")).collect();
    assert_eq!(recording.tracker.ask(&one_click(&format!("/{encoded}"))).status, 200);
    assert_eq!(recording.events().len(), 1);
    recording.stop();
}

#[test]
fn anything_but_the_form_is_refused_and_counts_nothing() {
    let config =
        TrackerConfig { header_timeout: Duration::from_millis(300), ..TrackerConfig::default() };
    let recording = Recording::with(config);
    let path = recording.tracker.path(list(""));
    let urlencoded = "application/x-www-form-urlencoded";
    for (content_type, body, status) in [
        (urlencoded, "", 400),
        (urlencoded, "List-Unsubscribe=One-Click&x=y", 400),
        ("application/json", FORM, 400),
        ("multipart/form-data", FORM, 400),
        (urlencoded, &"x".repeat(17_000), 413),
    ] {
        let answer = recording.tracker.ask(&post(&path, content_type, body));
        assert_eq!(answer.status, status, "{content_type} {body:.40}");
    }
    let head =
        post(&path, urlencoded, "").replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let mut client = recording.tracker.connect();
    client.send(&head);
    for _ in 0..17 {
        client.send(format!("3e8\r\n{}\r\n", "x".repeat(1_000)));
    }
    assert_eq!(client.receive(true).status, 413);
    let mut client = recording.tracker.connect();
    client.send(one_click(&path).replace("Content-Length: 26", "Content-Length: 27"));
    assert_eq!(client.receive(true).status, 408);
    assert!(client.is_closed());
    assert!(recording.events().is_empty());
    assert_eq!(recording.tracker.counters.bad_forms.get(), 7);
    recording.stop();
}

#[test]
fn form_for_any_other_link_is_refused() {
    let recording = Recording::start();
    let unsubscribe = Engagement::Unsubscribe { target_url: TARGET.into() };
    for engagement in [click(), Engagement::Open, unsubscribe] {
        let answer = recording.tracker.ask(&one_click(&recording.tracker.path(engagement)));
        assert_eq!((answer.status, answer.field("allow")), (405, Some("GET, HEAD, OPTIONS")));
    }
    assert_eq!(recording.tracker.ask(&one_click("/forged")).status, 405);
    assert!(recording.events().is_empty());
    recording.stop();
}

#[test]
fn people_may_leave_with_an_old_link() {
    let recording = Recording::start();
    let tracker = &recording.tracker;
    let old = tracker.path_of(&expired(list("")), None);
    assert_eq!(tracker.ask(&one_click(&old)).status, 200);
    let unsubscribe = Engagement::Unsubscribe { target_url: TARGET.into() };
    let old = tracker.path_of(&expired(unsubscribe), None);
    assert_eq!(tracker.get(&old).field("location"), Some(TARGET));
    let types: Vec<_> = recording.events().iter().map(|one| one.occurrence.type_name()).collect();
    assert_eq!(types, ["list_unsubscribe", "link_unsubscribe"]);
    assert_eq!(tracker.counters.late.get(), 0);
    recording.stop();
}

#[test]
fn link_that_unsubscribes_and_leads_nowhere_has_the_page() {
    let recording = Recording::start();
    let path = recording.tracker.path(Engagement::Unsubscribe { target_url: String::new() });
    assert!(asked(&recording.tracker.get(&path)).contains("<form"));
    assert_eq!(recording.tracker.ask(&one_click(&path)).status, 200);
    let types: Vec<_> = recording.events().iter().map(|one| one.occurrence.type_name()).collect();
    assert_eq!(types, ["link_unsubscribe"]);
    recording.stop();
}

#[test]
fn page_of_the_operator_takes_the_place_of_ours() {
    let config = TrackerConfig {
        unsubscribe_page: "{{lang}}|{{title}}|{{form}}|{{text}}".parse().expect("right"),
        ..TrackerConfig::default()
    };
    let recording = Recording::with(config);
    let answer = recording.tracker.get(&recording.tracker.path(list("")));
    assert!(asked(&answer).starts_with("en|Unsubscribe from this mailing list?|<form"));
    recording.stop();
}
