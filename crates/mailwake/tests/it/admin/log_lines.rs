//! The log line of a message: what an operator searches for, and nothing private.

use super::{html, send};
use crate::support::{
    PATIENCE, mailwake::Installation, mailwake::Serving, upstream::Upstream, wait_for,
};
use serde_json::Value;

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

/// The lines at info that tell what came of messages, when there are so many.
fn lines_of_messages(serving: &Serving, number: usize) -> Vec<Value> {
    wait_for(&format!("{number} lines of messages"), PATIENCE, || {
        let log = serving.log();
        let lines = log.lines().map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
        });
        let told: Vec<Value> = lines
            .filter(|line: &Value| {
                line["message"].as_str().is_some_and(|text| text.starts_with("message "))
            })
            .collect();
        (told.len() >= number).then_some(told)
    })
}

fn check_numbers(line: &Value, expected: &[(&str, u64)]) {
    for (field, number) in expected {
        assert_eq!(line[field].as_u64(), Some(*number), "{field} in {line}");
    }
}

#[test]
fn each_message_has_one_line_with_ids_sizes_times_and_upstreams_reply() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    installation.set("[keys]\n", "[log]\nformat = \"json\"\n[keys]\n");
    let serving = installation.serve();
    let content = html("", "<a href=\"https://shop.example/private\">x</a>");
    send(&installation, &[ANN], &content);
    send(&installation, &[ANN, BOB], &content);
    send(&installation, &[ANN], "a\nb\r\n");
    send(&installation, &[ANN], &html("X-MSYS-API: {\r\n", ""));
    let lines = lines_of_messages(&serving, 4);
    let [one, two, bare, wrong] = &lines[..] else { panic!("{lines:#?}") };

    assert_eq!(one["message"], "message passed upstream");
    assert_eq!(one["level"], "INFO");
    let octets = content.len() as u64;
    let counts = [("recipients", 1), ("accepted", 1), ("deferred", 0), ("refused", 0)];
    check_numbers(one, &counts);
    check_numbers(one, &[("octets", octets), ("code", 250), ("upstream_code", 250)]);
    assert_eq!(one["upstream_enhanced"], "2.0.0");
    let copy = upstream.messages().remove(0);
    let id = crate::support::message::value(&copy, "X-Sp-Message-Id");
    assert_eq!(one["message_id"], id);
    assert!(one["octets_out"].as_u64() > Some(octets), "{one}");
    assert!(one["rewrite_ms"].as_f64() > Some(0.0) && one["upstream_ms"].as_f64() > Some(0.0));
    assert_eq!(one["listener"], "default");

    check_numbers(two, &[("recipients", 2), ("accepted", 2), ("octets", octets)]);
    assert_eq!(two["message_id"], Value::Null);
    assert_eq!((&bare["reason"], &wrong["reason"]), (&"bare_lf".into(), &"x_msys_api".into()));
    assert_eq!(bare["message"], "message was refused by the gateway");

    let log = serving.log();
    for private in [ANN, BOB, "news@shop.example", "private"] {
        assert!(!log.contains(private), "{private} in\n{log}");
    }
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn a_line_of_text_has_the_same_fields() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let serving = installation.serve();
    send(&installation, &[ANN], &html("", ""));
    let line = wait_for("the line of the message", PATIENCE, || {
        let log = serving.log();
        log.lines().find(|line| line.contains("message passed upstream")).map(str::to_owned)
    });
    for field in ["recipients=1", "accepted=1", "code=250", "upstream_enhanced=\"2.0.0\""] {
        assert!(line.contains(field), "no {field} in {line}");
    }
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
