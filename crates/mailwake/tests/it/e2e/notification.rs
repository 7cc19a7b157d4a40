//! The notification of recipients who refused a message, as a program reads it that knows
//! nothing of ours: the `email` package of Python.

use crate::support::{
    PATIENCE, is_left_out, mailwake::Installation, smtp::Session, upstream::Upstream, wait_for,
};
use serde_json::{Value, json};
use std::{
    io::Write,
    process::{Command, Stdio},
};

/// Reads a message from stdin and prints what it understands of it.
const READER: &str = r#"
import email, email.policy, json, sys
message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
people, programs, returned = message.get_payload()
groups = [dict(group.items()) for group in programs.get_payload()]
is_message = returned.get_content_maintype() == "message"
inner = returned.get_payload(0) if is_message else email.message_from_string(
    returned.get_payload(), policy=email.policy.default)
print(json.dumps({
    "type": message.get_content_type(),
    "report": message.get_param("report-type"),
    "auto": message["Auto-Submitted"],
    "to": message["To"],
    "has_id": bool(message["Message-ID"]) and message["Date"].datetime is not None,
    "defects": [str(d) for part in message.walk() for d in part.defects],
    "people": "<refused@example.com>" in people.get_content(),
    "groups": groups,
    "returned": returned.get_content_type(),
    "subject": inner["Subject"],
    "body": inner.get_content() if is_message else None,
}))
"#;

#[test]
fn a_notification_is_read_by_another_program() {
    if is_left_out("e2e: notifications") {
        return;
    }
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    installation.set_gateway("host_name = \"gateway.example\"");
    let serving = installation.serve();

    let header =
        send(&installation, &upstream, "RET=HDRS ENVID=Q7+3D1", "ORCPT=rfc822;old+2Bx@a.example");
    check(&header, json!({"returned": "text/rfc822-headers", "body": null}));
    let fields = &header["groups"][0];
    assert_eq!(fields["Original-Envelope-Id"], "Q7=1");
    assert_eq!(fields["Reporting-MTA"], "dns; gateway.example");
    let fields = &header["groups"][1];
    assert_eq!(fields["Original-Recipient"], "rfc822; old+x@a.example");
    assert_eq!(fields["Final-Recipient"], "rfc822; refused@example.com");
    assert_eq!(fields["Action"], "failed");
    assert_eq!(fields["Status"], "5.1.1");
    assert_eq!(fields["Diagnostic-Code"], "smtp; 550 5.1.1 no such user");

    let whole = send(&installation, &upstream, "RET=FULL", "NOTIFY=FAILURE,DELAY");
    check(&whole, json!({"returned": "message/rfc822", "body": "Hello.\n"}));
    let serving_stopped = serving.stop();
    assert!(serving_stopped.success(), "SIGTERM ends serve in order");
}

fn check(read: &Value, wanted: Value) {
    let same = json!({
        "type": "multipart/report",
        "report": "delivery-status",
        "auto": "auto-replied",
        "to": "news@shop.example",
        "has_id": true,
        "defects": [],
        "people": true,
        "subject": "sale",
    });
    for (key, value) in [same, wanted].iter().filter_map(Value::as_object).flatten() {
        assert_eq!(&read[key], value, "{key} in {read:#}");
    }
}

/// Sends a message to one who takes it and one who does not; gives what Python reads in
/// the notification.
fn send(installation: &Installation, upstream: &Upstream, mail: &str, rcpt: &str) -> Value {
    let known = upstream.messages().len();
    let mut session = Session::open(installation.gateway_port).expect("a session");
    for line in [
        format!("MAIL FROM:<news@shop.example> {mail}"),
        "RCPT TO:<ann@example.com>".to_owned(),
        format!("RCPT TO:<refused@example.com> {rcpt}"),
    ] {
        assert_eq!(session.command(&line).expect("a reply").code, 250, "{line}");
    }
    assert_eq!(session.command("DATA").expect("a reply").code, 354);
    session.push(b"Subject: sale\r\n\r\nHello.\r\n.\r\n").expect("a connection");
    let reply = session.reply().expect("a reply");
    assert!(reply.code == 250 && reply.text.ends_with("(1 of 2 recipients)"), "{reply:?}");
    let notification = wait_for("ann's copy and a notification", PATIENCE, || {
        let messages = upstream.messages();
        (messages.len() == known + 2).then(|| messages[known + 1].clone())
    });
    python(&notification)
}

fn python(message: &[u8]) -> Value {
    let mut command = Command::new("python3");
    command.args(["-c", READER]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut reader = command.spawn().expect("python3 is there");
    reader.stdin.take().expect("a pipe").write_all(message).expect("a reader");
    let output = reader.wait_with_output().expect("an end");
    let told = || String::from_utf8_lossy(message).into_owned();
    assert!(output.status.success(), "{output:?} of\n{}", told());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error} in {output:?}"))
}
