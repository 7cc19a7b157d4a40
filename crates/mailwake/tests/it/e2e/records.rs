//! What real MTAs log of mail that came through mailwake becomes events of its messages.

use crate::support::{
    PATIENCE, is_left_out,
    mailwake::Installation,
    mta::{self, Mta},
    postfix::Postfix,
    sink::Sink,
    swaks, wait_for,
};
use serde_json::Value;
use std::fs;

const NEWSLETTER: &[u8] = include_bytes!("newsletter.eml");
const ANN: &str = "ann@example.com";

/// What the source of a test reads.
fn follow(installation: &Installation, format: &str, path: &str) {
    let file = installation.folder().join("mailwake.toml");
    let text = fs::read_to_string(&file).expect("read the configuration");
    let source = format!("[delivery.source.mta]\nformat = \"{format}\"\npath = \"{path}\"\n");
    fs::write(&file, text + &source).expect("write the configuration");
}

/// The message id of a record whose message is not known yet.
const UNKNOWN: &str = "00000000000000000000";

/// The first event of this type that a record tells of this recipient. The MTA may log it before
/// the gateway has its answer, so it is waited for until its message is known.
fn record(installation: &Installation, type_name: &str, recipient: &str) -> Value {
    let what = format!("{type_name} of {recipient}, of a message");
    wait_for(&what, PATIENCE, || {
        let events = installation.events(&["--type", type_name]);
        events.into_iter().find(|event| {
            event["attempt"]["rcpt_to"] == recipient && event["message_id"] != UNKNOWN
        })
    })
}

/// The queue id that upstream has told of the message to this recipient, and its message id.
fn injection(installation: &Installation, recipient: &str) -> (String, String) {
    let what = format!("injection of {recipient}");
    wait_for(&what, PATIENCE, || {
        let receptions = installation.events(&["--type", "reception"]);
        let of = receptions.iter().find(|event| event["rcpt_to"] == recipient)?;
        let message_id = of["message_id"].as_str()?.to_owned();
        let injections = installation.events(&["--type", "injection", "--message-id", &message_id]);
        Some((injections.first()?["queue_id"].as_str()?.to_owned(), message_id))
    })
}

/// One is delivered, one refused for good, one for now.
#[test]
fn postfix_tells_delivery_delay_and_bounce() {
    if is_left_out("e2e: records of Postfix") {
        return;
    }
    let (later, never) = (Sink::start_with(&["-r", "RCPT"]), Sink::start_with(&["-f", "RCPT"]));
    let postfix = Postfix::start_with(&[ANN], |folder| {
        let transports = folder.join("etc/transports");
        let text = format!(
            "later.example smtp:[127.0.0.1]:{}\nnever.example smtp:[127.0.0.1]:{}\n",
            later.port, never.port
        );
        fs::write(&transports, text).expect("write transports");
        format!(
            "transport_maps = texthash:{}\nrelay_domains = later.example, never.example\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\n",
            transports.display()
        )
    });
    let log = postfix.maillog_file();
    check(postfix.port, "postfix", &log.display().to_string(), [0, 450, 500]);
}

#[test]
fn exim_tells_delivery_delay_and_bounce() {
    if mta::is_left_out("e2e: records of Exim", "root/usr/sbin/exim4") {
        return;
    }
    let (later, never) = (Sink::start_with(&["-r", "RCPT"]), Sink::start_with(&["-f", "RCPT"]));
    let exim = Mta::exim_with_others(later.port, never.port);
    check(exim.port, "exim", &exim.exim_log_file().display().to_string(), [0, 450, 500]);
}

/// A message to three recipients: the MTA's log tells what became of each, with these codes.
fn check(port: u16, format: &str, log: &str, codes: [u16; 3]) {
    let installation = Installation::new(port);
    follow(&installation, format, log);
    let serving = installation.serve();
    let recipients = [ANN, "bob@later.example", "cid@never.example"];
    swaks::send(installation.gateway_port, "news@shop.example", &recipients, NEWSLETTER);

    let types = ["delivery", "delay", "bounce"];
    for ((recipient, type_name), code) in recipients.into_iter().zip(types).zip(codes) {
        let event = record(&installation, type_name, recipient);
        let (queue_id, message_id) = injection(&installation, recipient);
        assert_eq!(event["queue_id"], queue_id, "{event}");
        assert_eq!(event["message_id"], message_id, "{event}");
        assert_eq!(event["error_code"], code, "{event}");
        assert_eq!(event["attempt"]["msg_from"], "news@shop.example", "{event}");
        assert_eq!(event["attempt"]["format"], format, "{event}");
    }
    assert_eq!(installation.metric("mailwake_delivery_malformed_lines_total{source=\"mta\"}"), 0.0);
    assert!(serving.stop().success());
}
