//! Clients as people have them: curl and wget, HTTP/1.0, kept connections, ranges, and
//! whatever else they ask for. Each click lands, once.

use super::load::{Client, TARGET, check_logged, click, keys, logged_clicks, sealed};
use crate::support::{free_port, http, mailwake::Installation, process::run};
use std::{collections::BTreeSet, fs};
use tracking::token::Engagement;

fn installation() -> Installation {
    Installation::new(free_port())
}

#[test]
fn curl_follows_a_click_in_every_way_it_can() {
    let installation = installation();
    let serving = installation.serve_roles("tracker");
    let keys = keys(&installation);
    let ways: [&[&str]; 7] = [
        &["--http1.1"],
        &["--http1.0"],
        &["--http2-prior-knowledge"],
        &["--compressed"],
        &["--range", "0-10"],
        &["--header", "If-None-Match: *"],
        &["--user-agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)"],
    ];
    let mut answered = BTreeSet::new();
    for way in ways {
        let (message_id, path) = sealed(&keys, click());
        let url = format!("{}{path}", installation.tracking_url);
        let told = ["--silent", "--show-error", "--write-out", "%{http_code} %{redirect_url}"];
        let printed = run("curl", "curl", [&told[..], way, &[&url]].concat());
        assert_eq!(printed, format!("302 {TARGET}"), "{way:?}");
        answered.insert(message_id);
    }
    let (_, head) = sealed(&keys, click());
    let url = format!("{}{head}", installation.tracking_url);
    assert!(run("curl", "curl", ["--silent", "--head", &url]).starts_with("HTTP/1.1 302"));
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    check_logged(&installation, &answered);
    assert_eq!(logged_clicks(&installation).len(), ways.len(), "HEAD is no click");
}

#[test]
fn curl_fetches_many_pixels_on_one_connection() {
    let installation = installation();
    let serving = installation.serve_roles("tracker");
    let keys = keys(&installation);
    let file = installation.folder().join("pixel.gif");
    let mut arguments = vec!["--silent".to_owned(), "--show-error".into()];
    for _ in 0..20 {
        let (_, path) = sealed(&keys, Engagement::Open);
        let output = ["--output".into(), file.display().to_string()];
        arguments.extend(output);
        arguments.push(format!("{}{path}", installation.tracking_url));
    }
    run("curl", "curl", &arguments);
    assert_eq!(fs::read(&file).expect("a pixel").get(..6), Some(&b"GIF89a"[..]));
    assert_eq!(installation.metric("mailwake_tracker_requests_total{answer=\"open\"}"), 20.0);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn wget_fetches_a_pixel_and_says_no_more_than_it_should() {
    let installation = installation();
    let serving = installation.serve_roles("tracker");
    let (_, path) = sealed(&keys(&installation), Engagement::Open);
    let file = installation.folder().join("pixel.gif");
    let url = format!("{}{path}", installation.tracking_url);
    run(
        "wget",
        "wget",
        ["--quiet", "--tries=1", "--output-document", &file.display().to_string(), &url],
    );
    assert_eq!(fs::read(&file).expect("a pixel").len(), 43);
    let opens = "mailwake_tracker_requests_total{answer=\"open\"}";
    assert_eq!(installation.metric(opens), 1.0);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn http_1_0_is_kept_open_for_who_asks() {
    let installation = installation();
    let serving = installation.serve_roles("tracker");
    let keys = keys(&installation);
    let mut client = Client::connect(&installation).expect("a connection");
    for _ in 0..3 {
        let (_, path) = sealed(&keys, click());
        let request = format!("GET {path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        client.send(request.as_bytes()).expect("sent");
        assert!(client.receive().expect("an answer").is_redirect());
    }
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    assert_eq!(logged_clicks(&installation).len(), 3);
}

/// What browsers and robots ask for by themselves is nobody's click.
#[test]
fn what_browsers_ask_for_by_themselves_is_not_counted() {
    let installation = installation();
    let serving = installation.serve_roles("tracker");
    for (path, status) in [("/favicon.ico", 204), ("/robots.txt", 200), ("/", 404)] {
        let answer = http::get(&format!("{}{path}", installation.tracking_url));
        assert_eq!((answer.status, answer.field("location")), (status, ""), "{path}");
    }
    let url = format!("{}{}", installation.tracking_url, sealed(&keys(&installation), click()).1);
    let answer = http::request("OPTIONS", &url, "test").expect("an answer");
    assert_eq!((answer.status, answer.field("allow")), (204, "GET, HEAD, OPTIONS"));
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    assert!(logged_clicks(&installation).is_empty());
}
