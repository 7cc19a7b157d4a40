//! X-MSYS-API as clients send it that are none of ours: folded, with text that is not ASCII in
//! each of its forms. What they say of a message is found again where it is opened.

use crate::support::{
    PATIENCE, http, is_left_out,
    mailwake::Installation,
    message::{attributes, part, value, values},
    process::run,
    sink::Sink,
    swaks, wait_for,
};
use serde_json::{Value, json};
use std::fs;

const ANN: &str = "ann@example.com";

/// What swaks sends: a field of more than 998 octets, folded where JSON has white space.
fn folded_message() -> String {
    let pets: Vec<String> = (0..40).map(|number| format!("\"pet number {number}\"")).collect();
    format!(
        "X-MSYS-API: {{\"campaign_id\": \"november\",\n \"metadata\": {{\"pets\":\n\t[{}],\n  \
         \"city\": \"Köln\"}},\n \"tags\": [\"Hündin\", \"k\\u00e4tzchen\",\n \
         \"=?iso-8859-1?Q?V=F6gel?=\"],\n \"cc\": [{{\"email\": \"cid@example.com\", \"name\": \
         \"Cid\"}}]}}\nSubject: sale\nMIME-Version: 1.0\nContent-Type: text/html\n\n<html><body>\
         <a href=\"https://shop.example/\">sale</a></body></html>\n",
        pets.join(",\n ")
    )
}

/// Sends with Python's smtplib what its email package makes of the field.
const SMTPLIB: &str = r#"
import json, smtplib, sys
from email.message import EmailMessage
message = EmailMessage()
message["From"] = "news@shop.example"
message["To"] = "ann@example.com"
message["Subject"] = "sale"
said = {"campaign_id": "spring", "tags": ["H\u00fcndin", "cat"],
        "metadata": {"words": ["word %d" % number for number in range(120)]}}
message["X-MSYS-API"] = json.dumps(said)
message.set_content('<html><body><a href="https://shop.example/">sale</a></body></html>',
                    subtype="html")
assert max(len(line) for line in message.as_bytes().splitlines()) <= 998
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as session:
    session.send_message(message, "news@shop.example", ["ann@example.com"])
"#;

/// The only message whose envelope has this recipient.
fn taken(sink: &Sink, recipient: &str) -> Vec<u8> {
    wait_for(&format!("the copy for {recipient}"), PATIENCE, || {
        let is_to = |mail: &Vec<u8>| value(mail, "X-Rcpt-Args").contains(recipient);
        sink.messages().into_iter().find(is_to)
    })
}

/// Opens the pixel of a copy and follows its link, below this tracking URL.
fn engage(mail: &[u8], from: &str, to: &str) {
    let html = part(mail, "text/html");
    for name in ["src", "href"] {
        let url = attributes(&html, name).pop().expect("it is tracked");
        http::get(&url.replace(from, to));
    }
}

/// The open and the click of a message, as `mailwake events` tells them.
fn engagements(installation: &Installation, id: &str) -> [Value; 2] {
    wait_for("an open and a click", PATIENCE, || {
        let of_type = |name| {
            let found = installation.events(&["--message-id", id, "--type", name]);
            found.into_iter().next()
        };
        Some([of_type("open")?, of_type("click")?])
    })
}

#[test]
fn what_a_sender_says_is_found_where_it_is_opened() {
    if is_left_out("e2e: X-MSYS-API by swaks") {
        return;
    }
    let sink = Sink::start();
    let installation = Installation::new(sink.port);
    let serving = installation.serve();
    let sent = folded_message();
    swaks::send(installation.gateway_port, "news@shop.example", &[ANN], sent.as_bytes());
    let [ann, cid] = [ANN, "cid@example.com"].map(|recipient| taken(&sink, recipient));
    for mail in [&ann, &cid] {
        assert_eq!(value(mail, "Cc"), "\"Cid\" <cid@example.com>");
        assert!(values(mail, "X-MSYS-API").is_empty());
        engage(mail, &installation.tracking_url, &installation.tracking_url);
    }
    let pets: Vec<String> = (0..40).map(|number| format!("pet number {number}")).collect();
    for (mail, part) in [(&ann, Value::Null), (&cid, json!("cc"))] {
        let id = value(mail, "X-Sp-Message-Id");
        for event in engagements(&installation, &id) {
            assert_eq!(event["campaign_id"], "november", "{event}");
            assert_eq!(event["rcpt_tags"], json!(["Hündin", "kätzchen", "Vögel"]), "{event}");
            assert_eq!(event["rcpt_meta"], json!({"pets": pets, "city": "Köln"}), "{event}");
            assert_eq!(event["rcpt_type"], part, "{event}");
        }
    }
    let report = installation.run(&["report", "--tag", "Hündin", "--json"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["counters"]["clicks"]["unique"], 2, "{report}");
    let told = installation.run(&["events", "--type", "click"]);
    assert!(told.contains("in november") && told.contains("#Hündin"), "{told}");
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn what_smtplib_makes_of_the_field_is_read() {
    if is_left_out("e2e: X-MSYS-API by smtplib") {
        return;
    }
    let sink = Sink::start();
    let installation = Installation::new(sink.port);
    let serving = installation.serve();
    run("python3", "python3", ["-c", SMTPLIB, &installation.gateway_port.to_string()]);
    let mail = taken(&sink, ANN);
    let id = value(&mail, "X-Sp-Message-Id");
    let reception = wait_for("the reception", PATIENCE, || {
        installation.events(&["--message-id", &id, "--type", "reception"]).pop()
    });
    let words: Vec<String> = (0..120).map(|number| format!("word {number}")).collect();
    assert_eq!(reception["campaign_id"], "spring");
    assert_eq!(reception["rcpt_tags"], json!(["Hündin", "cat"]));
    assert_eq!(reception["rcpt_meta"], json!({ "words": words }));
    // It is more than engagements tell.
    engage(&mail, &installation.tracking_url, &installation.tracking_url);
    for event in engagements(&installation, &id) {
        assert_eq!((&event["campaign_id"], &event["rcpt_meta"]), (&json!("spring"), &Value::Null));
    }
    assert!((installation.metric("mailwake_gateway_metadata_withheld_total") - 1.0).abs() < 0.1);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn self_contained_links_tell_of_their_message_where_no_store_knows_it() {
    if is_left_out("e2e: self-contained links") {
        return;
    }
    let sink = Sink::start();
    let installation = Installation::new(sink.port);
    let payload = "[engagement]\nlink_payload = \"self_contained\"\n\
                   click_tracking_include_metadata = false\n";
    installation.set("[engagement]\n", payload);
    let elsewhere = Installation::new(sink.port);
    fs::copy(installation.folder().join("keys.toml"), elsewhere.folder().join("keys.toml"))
        .expect("the same keys");
    let (serving, tracking) = (installation.serve(), elsewhere.serve());
    let message = "X-MSYS-API: {\"campaign_id\": \"spring\", \"metadata\": {\"pet\": \"Spöt\"}}\n\
                   Subject: sale\nMIME-Version: 1.0\nContent-Type: text/html\n\n<html><body>\
                   <a href=\"https://shop.example/\">sale</a></body></html>\n";
    swaks::send(installation.gateway_port, "news@shop.example", &[ANN], message.as_bytes());
    let mail = taken(&sink, ANN);
    engage(&mail, &installation.tracking_url, &elsewhere.tracking_url);
    let [open, click] = engagements(&elsewhere, &value(&mail, "X-Sp-Message-Id"));
    assert_eq!(
        (&open["campaign_id"], &open["rcpt_meta"]["pet"]),
        (&json!("spring"), &json!("Spöt"))
    );
    assert_eq!((&click["campaign_id"], &click["rcpt_meta"]), (&json!("spring"), &Value::Null));
    assert_eq!(elsewhere.report()["campaigns"][0]["campaign_id"], "spring");
    for running in [serving, tracking] {
        assert!(running.stop().success(), "SIGTERM ends serve in order");
    }
}
