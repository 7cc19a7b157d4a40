use super::*;

fn check(text: &str, code: u16, status: &str, rest: &str) {
    let parts = split_reply(text);
    assert_eq!(parts.code, code, "{text:?}");
    assert_eq!(
        parts.status.map(|status| status.to_string()).unwrap_or_default(),
        status,
        "{text:?}"
    );
    assert_eq!(parts.text, rest, "{text:?}");
}

#[test]
fn reply_is_taken_apart() {
    check("550 5.1.1 User unknown", 550, "5.1.1", "5.1.1 User unknown");
    check("550-5.1.1 The email account", 550, "5.1.1", "5.1.1 The email account");
    check("smtp;550 5.1.1 User unknown", 550, "5.1.1", "5.1.1 User unknown");
    check("smtp; 452-4.2.2 Over quota", 452, "4.2.2", "4.2.2 Over quota");
    check("X-Postfix; host said no", 0, "", "host said no");
    check("X-Spam score of 9; rejected", 0, "", "X-Spam score of 9; rejected");
    check("550 #5.1.0 Address rejected.", 550, "5.1.0", "#5.1.0 Address rejected.");
    check("421 Too many connections", 421, "", "Too many connections");
    check("5.7.1: no", 0, "5.7.1", "5.7.1: no");
    check("no mailbox here (#5.1.1)", 0, "5.1.1", "no mailbox here (#5.1.1)");
    check("no mailbox (#5.1.1 - chkuser)", 0, "5.1.1", "no mailbox (#5.1.1 - chkuser)");
    check("connection refused", 0, "", "connection refused");
    check("550", 550, "", "");
    check("", 0, "", "");
}

#[test]
fn what_only_looks_like_a_code_is_text() {
    check("5501 users", 0, "", "5501 users");
    check("192.0.2.1 is blocked", 0, "", "192.0.2.1 is blocked");
    check("550 5.1 user unknown", 550, "", "5.1 user unknown");
    check("550 5.1.1234 no", 550, "", "5.1.1234 no");
    check("550 3.1.1 no", 550, "", "3.1.1 no");
    check("ünbekannt; 550", 0, "", "ünbekannt; 550");
}
