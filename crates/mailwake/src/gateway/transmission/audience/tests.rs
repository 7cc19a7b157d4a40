use super::*;
use mail::smtp::client::Client;

fn line(line: &str, mailbox: &str) -> EnvelopeLine {
    EnvelopeLine { line: line.into(), mailbox: mailbox.into() }
}

/// A transaction of so many recipients, `0@b.example` and so on.
fn transaction(mail: &str, recipients: usize) -> Transaction {
    let recipients = (0..recipients).map(|number| rcpt(&format!("{number}@b.example")));
    Transaction {
        reverse_path: line(mail, "news@a.example"),
        recipients: recipients.collect(),
        has_repetition: false,
        is_binary: false,
        client: Client::default(),
        is_forwarded: false,
    }
}

fn request(json: &str) -> Request {
    let read = tracking::smtpapi::read(format!("X-MSYS-API: {json}\r\n\r\n").as_bytes());
    read.expect("valid").expect("there")
}

/// The addresses `first@b.example` and so on, up to the one before `end`.
fn list(first: usize, end: usize) -> String {
    let all: Vec<String> = (first..end).map(|number| format!("\"{number}@b.example\"")).collect();
    format!("[{}]", all.join(","))
}

const MAIL: &str = "MAIL FROM:<news@a.example>";

#[test]
fn a_message_has_a_thousand_recipients() {
    let check = |of_envelope: usize, json: &str, is_right: bool| {
        let transaction = transaction(MAIL, of_envelope);
        let audience = Audience::of(&transaction, &request(json), b"");
        match audience {
            Ok(audience) => {
                assert!(is_right);
                assert!(audience.transaction.recipients.len() <= RECIPIENTS_MAX.max(of_envelope));
            }
            Err(refusal) => assert!(!is_right && refusal == Refusal::TooManyRecipients),
        }
    };
    check(1, &format!("{{\"cc\":{}}}", list(1, 1_000)), true);
    check(1, &format!("{{\"cc\":{}}}", list(1, 1_001)), false);
    check(10, &format!("{{\"cc\":{},\"bcc\":{}}}", list(10, 500), list(500, 1_001)), false);
    // Who is named twice is one, and an envelope alone has the limit of the configuration.
    check(500, &format!("{{\"cc\":{},\"archive\":{}}}", list(0, 1_000), list(0, 1_000)), true);
    check(2_000, "{\"cc\":[]}", true);
    check(2_000, "{\"cc\":[\"x@b.example\"]}", false);
}

#[test]
fn further_recipients_stand_behind_those_of_the_envelope() {
    let transaction = transaction(MAIL, 2);
    let request =
        request("{\"archive\":[\"z@b.example\"],\"cc\":[\"1@B.example\",\"x@b.example\"]}");
    let audience = Audience::of(&transaction, &request, b"").expect("right");
    let lines = audience.transaction.recipients.iter().map(|recipient| recipient.line.as_str());
    let wanted = ["0", "1", "x", "z"].map(|name| format!("RCPT TO:<{name}@b.example>"));
    assert!(lines.eq(wanted.iter().map(String::as_str)));
    let parts: Vec<RcptType> = (0..4).map(|recipient| audience.part(recipient).0).collect();
    assert_eq!(parts, [RcptType::To, RcptType::To, RcptType::Cc, RcptType::Archive]);
    assert!(audience.has_archive() && audience.cc.is_some());
}

#[test]
fn addresses_beyond_ascii_need_smtputf8() {
    let request = request("{\"bcc\":[\"jörg@b.example\"]}");
    let refused = Audience::of(&transaction(MAIL, 1), &request, b"").err();
    assert_eq!(refused, Some(Refusal::NeedsSmtputf8 { list: "bcc" }));
    let international = transaction("MAIL FROM:<news@a.example> SMTPUTF8", 1);
    assert!(Audience::of(&international, &request, b"").is_ok());
}
