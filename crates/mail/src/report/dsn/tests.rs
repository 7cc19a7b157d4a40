use super::*;

fn notification(failures: &[Failure], original: &str) -> String {
    written(&plain(failures, original.as_bytes()))
}

fn plain<'a>(failures: &'a [Failure], original: &'a [u8]) -> Notification<'a> {
    Notification {
        reporting_mta: "gateway.example",
        reverse_path: "ann@example.com",
        date: "Sat, 21 Nov 2026 12:00:00 +0000",
        unique: "0123",
        envelope_id: None,
        failures,
        original,
        returned: Returned::Header,
        is_international: false,
    }
}

fn written(notification: &Notification<'_>) -> String {
    String::from_utf8(write(notification)).expect("UTF-8")
}

fn check_has(seen: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(seen.contains(wanted), "{wanted:?} in\n{seen}");
    }
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

#[test]
fn what_the_envelope_named_is_named() {
    let failures = [Failure::new("bob@example.com", 550, "5.1.1 no such user")
        .originally(Some("rfc822;bob+2Bshop@old.example"))];
    let seen = written(&Notification {
        envelope_id: Some("Q7+3D+2B"),
        ..plain(&failures, b"Subject: hello\r\n\r\nbody\r\n")
    });
    check_has(
        &seen,
        &[
            "\r\n\r\nOriginal-Envelope-Id: Q7=+\r\nReporting-MTA: dns; gateway.example\r\n",
            "\r\n\r\nOriginal-Recipient: rfc822; bob+shop@old.example\r\nFinal-Recipient: ",
        ],
    );
}

#[test]
fn what_is_no_xtext_is_left_out() {
    let original =
        |orcpt| Failure::new("a@x.example", 550, "").originally(orcpt).original_recipient;
    for wrong in
        [None, Some("bob@example.com"), Some(";bob"), Some("rfc 822;bob"), Some("rfc822;+4")]
    {
        assert_eq!(original(wrong), None, "{wrong:?}");
    }
    let failures = [Failure::new("a@x.example", 550, "no")];
    let seen = written(&Notification { envelope_id: Some("+0"), ..plain(&failures, b"") });
    assert!(!seen.contains("Original-"), "{seen}");
}

#[test]
fn encoded_line_ends_begin_no_field_of_their_own() {
    let failures =
        [Failure::new("a@x.example", 550, "no").originally(Some("rfc822;a+0D+0AEvil: yes"))];
    let seen =
        written(&Notification { envelope_id: Some("1+0D+0AEvil:+20yes"), ..plain(&failures, b"") });
    assert!(!seen.contains("\nEvil"), "{seen}");
}

#[test]
fn whole_message_goes_back_when_it_is_wanted() {
    let failures = [Failure::new("a@x.example", 550, "no")];
    let seen = written(&Notification {
        returned: Returned::Whole,
        ..plain(&failures, "Subject: hello\r\n\r\nbödy\r\n".as_bytes())
    });
    check_has(
        &seen,
        &["Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
           Subject: hello\r\n\r\nbödy\r\n\r\n--dsn-0123--\r\n"],
    );
}

#[test]
fn addresses_in_utf_8_have_a_type_of_their_own() {
    let failures = [Failure::new("jörg@bücher.example", 550, "5.1.1 nicht möglich")
        .originally(Some("utf-8;j\\x{F6}rg@alt.example"))];
    let original = "Subject: grüße\r\n\r\n".as_bytes();
    let seen = written(&Notification { is_international: true, ..plain(&failures, original) });
    check_has(
        &seen,
        &[
            "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
            "\r\nOriginal-Recipient: utf-8; jörg@alt.example\r\n",
            "\r\nFinal-Recipient: utf-8; jörg@bücher.example\r\n",
            "\r\nDiagnostic-Code: smtp; 550 5.1.1 nicht möglich\r\n",
            "Content-Type: message/global-headers\r\n",
        ],
    );
    let seen = written(&plain(&failures, original));
    check_has(
        &seen,
        &[
            "Content-Type: message/delivery-status\r\n\r\n",
            "\r\nFinal-Recipient: utf-8; j\\x{F6}rg@b\\x{FC}cher.example\r\n",
            "\r\nDiagnostic-Code: smtp; 550 5.1.1 nicht m?glich\r\n",
            "Content-Type: text/rfc822-headers\r\n",
        ],
    );
}

#[test]
fn no_line_is_too_long() {
    let long = "ö".repeat(5_000);
    let failures = [Failure::new(&long, 550, &long).originally(Some(&format!("rfc822;{long}")))];
    for is_international in [false, true] {
        let envelope_id = Some(&*long);
        let seen =
            written(&Notification { envelope_id, is_international, ..plain(&failures, b"") });
        let longest = seen.split("\r\n").map(str::len).max();
        assert!(longest <= Some(998), "{longest:?}");
    }
}
