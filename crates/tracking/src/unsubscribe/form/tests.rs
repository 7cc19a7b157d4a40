use super::*;

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=xyz";

fn check(content_type: &str, body: &str, expected: bool) {
    let is_it = is_form(Some(content_type.as_bytes()), body.as_bytes());
    assert_eq!(is_it, expected, "{content_type}: {body:?}");
}

#[test]
fn form_is_read_in_both_encodings() {
    check(URLENCODED, "List-Unsubscribe=One-Click", true);
    check("Application/X-WWW-Form-URLencoded; charset=utf-8", "List-Unsubscribe=One-Click", true);
    check(URLENCODED, "List%2DUnsubscribe=One%2dClick\r\n", true);
    assert!(is_form(None, b"List-Unsubscribe=One-Click"));
    let body = "--xyz\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\n\
                One-Click\r\n--xyz--\r\n";
    check(MULTIPART, body, true);
    check("multipart/form-data; boundary=\"xyz\"", body, true);
    check(MULTIPART, &body.replace("\r\n\r\n", "\r\nContent-Type: text/plain\r\n\r\n"), true);
    check(MULTIPART, &body.replace("\r\n", "\n"), true);
}

#[test]
fn anything_else_is_refused() {
    for body in [
        "",
        "List-Unsubscribe",
        "List-Unsubscribe=",
        "List-Unsubscribe=One-Click&x=y",
        "x=y&List-Unsubscribe=One-Click",
        "List-Unsubscribe=One-Click=",
        "List-Unsubscribe=%",
        "List-Unsubscribe=One%",
        "List-Unsubscribe=One%zzClick",
        "{\"List-Unsubscribe\":\"One-Click\"}",
    ] {
        check(URLENCODED, body, false);
        check(MULTIPART, body, false);
    }
    check("application/json", "List-Unsubscribe=One-Click", false);
    check("text/plain", "List-Unsubscribe=One-Click", false);
    check("", "List-Unsubscribe=One-Click", false);
    let part = |name: &str, value: &str| {
        format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let right = part("List-Unsubscribe", "One-Click");
    check(MULTIPART, &format!("{right}--xyz--\r\n"), true);
    check(MULTIPART, &format!("{right}{right}--xyz--\r\n"), false);
    check(MULTIPART, &format!("{right}{}--xyz--\r\n", part("x", "y")), false);
    check(MULTIPART, &format!("{}--xyz--\r\n", part("List-Unsubscribe", "Two-Click")), false);
    check(MULTIPART, &format!("{}--xyz--\r\n", part("x", "One-Click")), false);
    check(MULTIPART, "--xyz--\r\n", false);
    check("multipart/form-data", &format!("{right}--xyz--\r\n"), false);
    check("multipart/form-data; boundary=xyz\r\nX: y", &format!("{right}--xyz--\r\n"), false);
}
