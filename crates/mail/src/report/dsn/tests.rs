use super::*;

fn notification(failures: &[Failure], original: &str) -> String {
    let message = write(&Notification {
        reporting_mta: "gateway.example",
        reverse_path: "ann@example.com",
        date: "Sat, 21 Nov 2026 12:00:00 +0000",
        unique: "0123",
        failures,
        original: original.as_bytes(),
    });
    String::from_utf8(message).expect("UTF-8")
}

#[test]
fn notification_has_its_three_parts() {
    let failures = [Failure::new("bob@example.com", 550, "5.1.1 no such user")];
    let seen = notification(&failures, "Subject: hello\r\nX: y\r\n\r\nbody\r\n");
    for wanted in [
        "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"dsn-0123\"\r\n",
        "\r\n--dsn-0123\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; gateway.example\r\n",
        "\r\nFinal-Recipient: rfc822; bob@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n",
        "Content-Type: text/rfc822-headers\r\n\r\nSubject: hello\r\nX: y\r\n\r\n--dsn-0123--\r\n",
    ] {
        assert!(seen.contains(wanted), "{wanted:?} in\n{seen}");
    }
    assert!(!seen.contains("body\r\n"));
}

#[test]
fn each_failure_has_its_fields() {
    let failures = ["a@x.example", "b@x.example"].map(|who| Failure::new(who, 552, "5.2.2 full"));
    assert_eq!(notification(&failures, "").matches("\r\n\r\nFinal-Recipient: ").count(), 2);
}

#[test]
fn status_is_the_one_in_the_reply() {
    let status = |text| Failure::new("a@x.example", 550, text).status;
    assert_eq!(status("5.7.1 refused"), "5.7.1");
    assert_eq!(status("no such user"), "5.0.0");
    assert_eq!(status("5.7 refused"), "5.0.0");
    assert_eq!(status(""), "5.0.0");
}

#[test]
fn foreign_text_begins_no_field_of_its_own() {
    let failure = Failure::new("a@x.example\r\nEvil: yes", 550, "no\r\nEvil: yes");
    assert!(!notification(&[failure], "").contains("\r\nEvil"));
}
