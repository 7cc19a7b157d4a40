//! Who follows links, as reports and events tell it: a scanner that follows all of a mail, and
//! a person.

use crate::support::{
    PATIENCE, http, is_left_out,
    mailwake::{BINARY, Installation},
    message::{attributes, part, value},
    process::run,
    sink::Sink,
    swaks, wait_for,
};
use serde_json::{Value, json};

const MESSAGE: &str = "Subject: sale\nMIME-Version: 1.0\nContent-Type: text/html\n\n<html><body>\
    <a href=\"https://shop.example/1\">1</a> <a href=\"https://shop.example/2\">2</a></body></html>\n";

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like \
                      Gecko) Chrome/140.0.0.0 Safari/537.36";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 \
                      (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";

/// Made in 2020, so that nothing comes too soon.
const OLD_ID: &str = "0000123456789abcdef0";

#[test]
fn scanners_are_told_from_people() {
    if is_left_out("e2e: verdicts") {
        return;
    }
    let sink = Sink::start();
    let installation = Installation::new(sink.port);
    installation.set("[engagement]\n", "[engagement]\nhoneypot_link = true\n");
    installation.set("[tracker]\n", "[tracker]\nip_addresses = \"truncated\"\n");
    let serving = installation.serve();
    let to = ["ann@example.com"];
    swaks::send(installation.gateway_port, "news@shop.example", &to, MESSAGE.as_bytes());
    let mail = wait_for("the copy", PATIENCE, || {
        // smtp-sink ends a message that it took with an empty line of its own.
        sink.messages().into_iter().find(|mail| mail.ends_with(b"\n\n"))
    });
    let links = attributes(&part(&mail, "text/html"), "href");
    let answers =
        links.iter().map(|link| http::request("GET", link, CHROME).expect("an answer").status);
    assert_eq!(answers.collect::<Vec<_>>(), [302, 302, 404]);
    let keys = installation.folder().join("keys.toml").display().to_string();
    let arguments = ["linktool", "encode", "--key-file", &keys, "--message-id", OLD_ID];
    let click = ["--action", "click", "--tracking-url", &installation.tracking_url];
    let link = run(BINARY, "mailwake", arguments.into_iter().chain(click));
    http::request("GET", link.trim(), IPHONE).expect("an answer");
    let person = wait_for("the event of a person", PATIENCE, || {
        installation.events(&["--message-id", OLD_ID]).pop()
    });
    assert_eq!(
        (&person["verdict"], &person["settled_verdict"]),
        (&json!("human"), &json!("human"))
    );
    assert_eq!(person["ip_address"], "127.0.0.0");
    assert_eq!(person["user_agent_parsed"]["agent_family"], "Mobile Safari");
    assert_eq!(person["user_agent_parsed"]["is_mobile"], true);
    for event in installation.events(&["--message-id", &value(&mail, "X-Sp-Message-Id")]) {
        if event["type"] == "click" {
            assert_eq!(event["settled_verdict"], "scanner", "{event}");
            let reasons = event["settled_reasons"].as_array().expect("reasons");
            assert!(reasons.contains(&json!("honeypot")), "{event}");
        }
    }
    let report = installation.report();
    let clicks = &report["counters"]["clicks"];
    let counts = [&clicks["total"], &clicks["filtered"]["total"], &clicks["confirmed"]["unique"]];
    assert_eq!(counts, [&json!(3), &json!(1), &json!(1)], "{report}");
    let scanned = installation.metric("mailwake_tracker_engagements_total{verdict=\"scanner\"}");
    assert!(scanned >= 1.0, "{scanned}");
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    installation.run(&["rebuild"]);
    let rebuilt: Value = installation.report();
    assert_eq!(rebuilt, report);
}
