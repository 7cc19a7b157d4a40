use super::*;
use serde_json::json;

fn list(value: &Value) -> Vec<Mailbox> {
    read("cc", value).expect("valid")
}

fn check_refusal(value: &Value, text: &str) {
    assert_eq!(read("bcc", value).expect_err("it is refused").to_string(), text, "{value}");
}

fn check_shown(email: &str, name: &str, shown: &str) {
    assert_eq!(list(&json!([{"email": email, "name": name}]))[0].shown(), shown);
}

#[test]
fn recipients_are_objects_or_addresses() {
    let both = list(&json!([{"email": "a@b.example", "name": "Ann"}, " c@d.example "]));
    assert_eq!(both[0], Mailbox { email: "a@b.example".into(), name: "Ann".into() });
    assert_eq!(both[1], Mailbox { email: "c@d.example".into(), name: String::new() });
    assert_eq!(list(&json!([{"email": "a@b.example", "name": null, "x": 1}]))[0].name, "");
}

#[test]
fn what_is_no_address_is_refused() {
    let wrong = [
        "",
        "a",
        "@",
        "a@",
        "@b.example",
        "a b@c.example",
        "a@b..example",
        "a@b.example>",
        "<a@b.example>",
        "a@b.example\r\nRCPT TO:<c@d.example>",
        "a,b@c.example",
        "a@b\u{0}",
        "\"a\"b\"@c.example",
        "a..b@c.example",
        "Ann <a@b.example>",
        "a@[b",
        "a\u{a0}b@c.example",
    ];
    for email in wrong {
        check_refusal(&json!([email]), "X-MSYS-API 'bcc' must hold mail addresses");
        check_refusal(&json!([{"email": email}]), "X-MSYS-API 'bcc' must hold mail addresses");
    }
    check_refusal(&json!([{"name": "Ann"}]), "X-MSYS-API 'bcc' must hold mail addresses");
    check_refusal(&json!([{"email": 1}]), "X-MSYS-API 'bcc' must hold mail addresses");
    let long = format!("{}@b.example", "a".repeat(250));
    check_refusal(&json!([long]), "X-MSYS-API 'bcc' must hold mail addresses");
    let named = json!([{"email": "a@b.example", "name": "x".repeat(256)}]);
    check_refusal(&named, "X-MSYS-API 'bcc' is limited to 255 bytes");
}

#[test]
fn odd_addresses_pass() {
    for email in [
        "\"a b\"@c.example",
        "\"a\\\"b\"@c.example",
        "a+b=c@[192.0.2.1]",
        "a@[IPv6:::1]",
        "jös@ä.example",
    ] {
        assert_eq!(list(&json!([email]))[0].email, email);
    }
}

#[test]
fn names_are_quoted_or_encoded() {
    check_shown("a@b.example", "", "a@b.example");
    check_shown("a@b.example", "CC 1", "\"CC 1\" <a@b.example>");
    check_shown("a@b.example", "A \"B\" \\", "\"A \\\"B\\\" \\\\\" <a@b.example>");
    check_shown("a@b.example", "Ann\r\nBcc: x", "\"Ann  Bcc: x\" <a@b.example>");
    check_shown("a@b.example", "José", "=?utf-8?B?Sm9zw6k=?=\n <a@b.example>");
    let long = "ä".repeat(60);
    let shown = list(&json!([{"email": "a@b.example", "name": long.clone()}]))[0].shown();
    assert!(shown.lines().all(|line| line.len() <= 76), "{shown}");
    let decoded = mail::encoded_word::decode(shown.replace('\n', "").as_bytes());
    assert_eq!(decoded, format!("{long} <a@b.example>"));
}

#[test]
fn address_gets_one_message() {
    let all = FurtherRecipients {
        cc: list(&json!(["a@b.example", "c@D.example", "c@d.example"])),
        bcc: list(&json!(["C@d.example", "e@f.example"])),
        archive: list(&json!(["e@F.EXAMPLE", "g@h.example"])),
    };
    let beside: Vec<_> =
        all.beside(["a@B.example"]).into_iter().map(|(part, one)| (part, &*one.email)).collect();
    let wanted = [
        (RcptType::Cc, "c@D.example"),
        // The local part may have a case (RFC 5321 §2.4).
        (RcptType::Bcc, "C@d.example"),
        (RcptType::Bcc, "e@f.example"),
        (RcptType::Archive, "g@h.example"),
    ];
    assert_eq!(beside, wanted);
}

#[test]
fn cc_shows_who_is_not_shown_yet() {
    let all = FurtherRecipients {
        cc: list(&json!(["a@b.example", {"email": "c@d.example", "name": "C"}, "a@b.example"])),
        ..FurtherRecipients::default()
    };
    let edit = |message: &str| all.cc_field(message.as_bytes());
    let both = FieldEdit::extend("Cc", "a@b.example,\n \"C\" <c@d.example>");
    assert_eq!(edit("To: x\n\n"), Some(both));
    let one = FieldEdit::extend("Cc", "\"C\" <c@d.example>");
    assert_eq!(edit("cc: Ann <A@b.example>\n\n"), Some(one.clone()));
    // Another address that has this one in it is another one.
    assert_eq!(edit("Cc: \"c@d.example\" <xc@d.example.org>, a@b.example\n\n"), Some(one));
    assert_eq!(edit("Cc: a@b.example, C@D.example\n\n"), None);
    assert_eq!(FurtherRecipients::default().cc_field(b"To: x\n\n"), None);
}
