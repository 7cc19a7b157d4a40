//! What is counted when mail goes through and links are followed.

use super::{REVERSE_PATH, html, send};
use crate::support::{
    PATIENCE, http, mailwake::Installation, message, smtp::Session, upstream::Upstream, wait_for,
};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

fn check(installation: &Installation, expected: &[(&str, f64)]) {
    for (name, value) in expected {
        assert_eq!(installation.metric(&format!("mailwake_{name}")), *value, "{name}");
    }
}

#[test]
fn mail_and_engagement_are_counted() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let serving = installation.serve();
    let links = "<a href=\"https://shop.example/\">x</a>\
                 <a data-msys-clicktrack=\"0\" href=\"https://shop.example/no\">y</a>";
    assert_eq!(send(&installation, &[ANN, BOB], &html("", links)).code, 250);
    let copy = upstream.messages().pop().expect("a copy");
    let links = message::attributes(&message::part(&copy, "text/html"), "href");
    http::get(&links[0]);
    http::head(&links[0]);
    http::get(&format!("{}/nonsense", installation.tracking_url));
    check(
        &installation,
        &[
            ("gateway_messages_total", 1.0),
            ("gateway_message_size_bytes_count", 1.0),
            ("gateway_recipients_total{outcome=\"accepted\"}", 2.0),
            ("gateway_recipients_total{outcome=\"refused\"}", 0.0),
            ("gateway_links_untouched_total{reason=\"opted_out\"}", 2.0),
            ("gateway_rewrite_seconds_count", 1.0),
            ("gateway_upstream_seconds_count", 2.0),
            ("gateway_safety_nets_total", 0.0),
            ("tracker_requests_total{answer=\"click\"}", 1.0),
            ("tracker_requests_total{answer=\"head\"}", 1.0),
            ("tracker_requests_total{answer=\"unknown\"}", 1.0),
            // Two receptions, two injections, one click.
            ("event_log_events_total", 5.0),
            ("store_failing", 0.0),
        ],
    );
    assert!(installation.metric("mailwake_gateway_upstream_seconds_sum") > 0.0);
    wait_for("the store to have everything", PATIENCE, || {
        let has_all = installation.metric("mailwake_store_events_total") == 5.0
            && installation.metric("mailwake_store_lag_bytes") == 0.0;
        has_all.then_some(())
    });
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn open_sessions_are_counted_up_and_down() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let serving = installation.serve();
    let is_open = |sessions: f64| {
        wait_for(&format!("{sessions} open sessions"), PATIENCE, || {
            let open = installation.metric("mailwake_gateway_sessions_open");
            (open == sessions).then_some(())
        });
    };
    // The connection that has found out whether the gateway listens is gone.
    is_open(0.0);
    let sessions = [(); 2].map(|()| Session::open(installation.gateway_port).expect("a session"));
    is_open(2.0);
    drop(sessions);
    is_open(0.0);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn refusals_are_counted_by_reason() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    installation.set("[gateway]\n", "[gateway]\nrecipients_max = 1\nmessage_mib_max = 1\n");
    let serving = installation.serve();
    let mut session = Session::open(installation.gateway_port).expect("a session");
    let mut code = |line: &str| session.command(line).expect("a reply").code;
    assert_eq!(code("STARTTLS"), 502);
    assert_eq!(code(&format!("MAIL FROM:<{REVERSE_PATH}> SIZE=2000000")), 552);
    assert_eq!(code(&format!("MAIL FROM:<{REVERSE_PATH}>")), 250);
    assert_eq!(code(&format!("RCPT TO:<{ANN}>")), 250);
    assert_eq!(code(&format!("RCPT TO:<{BOB}>")), 452);
    drop(session);
    for (content, code) in [
        ("a\nb\r\n".to_owned(), 554),
        ("a\rb\r\n".to_owned(), 554),
        ("x".repeat(990) + "\r\n", 250),
        (format!("{}\r\n", "x".repeat(990)).repeat(1_100), 552),
        (html("X-MSYS-API: {\r\n", ""), 550),
    ] {
        assert_eq!(send(&installation, &[ANN], &content).code, code, "{content:.30}");
    }
    let refused = |reason: &str| {
        installation.metric(&format!("mailwake_gateway_refusals_total{{reason=\"{reason}\"}}"))
    };
    let expected = [
        ("command", 1.0),
        ("too_many_recipients", 1.0),
        ("too_large", 2.0),
        ("bare_lf", 1.0),
        ("bare_cr", 1.0),
        ("x_msys_api", 1.0),
        ("upstream_refused", 0.0),
    ];
    for (reason, times) in expected {
        assert_eq!(refused(reason), times, "{reason}");
    }
    drop(upstream);
    assert!(Session::open(installation.gateway_port).is_err(), "there is no upstream");
    assert_eq!(refused("upstream_unavailable"), 1.0);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn what_is_left_as_it_was_is_counted_by_reason() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let limit = "[engagement]\nmessage_mib_rewritten_max = 1\n";
    installation.set("[engagement]\n", limit);
    let serving = installation.serve();
    let pdf = "MIME-Version: 1.0\r\nContent-Type: application/pdf\r\n\r\nx\r\n";
    assert_eq!(send(&installation, &[ANN], pdf).code, 250);
    let large = html("", &format!("{}\r\n", "x".repeat(990)).repeat(1_100));
    assert_eq!(send(&installation, &[ANN, BOB], &large).code, 250);
    check(
        &installation,
        &[
            ("gateway_parts_untouched_total{reason=\"content_type\"}", 1.0),
            ("gateway_too_large_to_rewrite_total", 1.0),
            ("gateway_copies_untouched_total{reason=\"too_large\"}", 2.0),
            ("gateway_copies_untouched_total{reason=\"signed\"}", 0.0),
        ],
    );
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
