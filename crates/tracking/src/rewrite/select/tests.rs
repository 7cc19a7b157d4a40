use super::*;
use mail::message::part::split;

/// What becomes of the last part of a message with these header lines.
fn check(header: &str, expected: Result<Kind, Reason>) {
    let message = format!("{header}\n\nx\n");
    let tree = split(message.as_bytes()).expect("within the limits");
    let decision = Decision::default();
    let last = tree.parts().len() - 1;
    let picked = Selection::new(&tree, &decision).pick(last);
    assert_eq!(picked.map(|(kind, _)| kind), expected, "{header}");
}

#[test]
fn text_that_is_shown_is_picked() {
    check("A: b", Ok(Kind::Text));
    check("Content-Type: Text/HTML; charset=\"\"", Ok(Kind::Html));
    check("Content-Type: text/html\nContent-Disposition: inline", Ok(Kind::Html));
    check("Content-Type: text/html\nContent-Disposition:", Ok(Kind::Html));
}

#[test]
fn other_types_are_not() {
    for other in ["text/calendar", "text/x-amp-html", "message/rfc822", "html", "image/png"] {
        check(&format!("Content-Type: {other}"), Err(Reason::ContentType));
    }
    check("Content-Type: application/pkcs7-mime", Err(Reason::Encrypted));
    check("Content-Type: multipart/mixed; boundary=b", Err(Reason::Boundary));
}

#[test]
fn attachment_is_not() {
    check("Content-Disposition: attachment", Err(Reason::Attachment));
    check("Content-Disposition: form-data", Err(Reason::Attachment));
    check("Content-Disposition: inline; filename=x", Err(Reason::Attachment));
    check("Content-Type: text/html; name=x", Err(Reason::Attachment));
}

#[test]
fn protected_part_is_not() {
    let within = |kind: &str| format!("Content-Type: multipart/{kind}; boundary=b\n\n--b\n");
    check(&within("signed"), Err(Reason::Signed));
    check(&within("encrypted"), Err(Reason::Encrypted));
    check(&format!("{}Content-Type: text/plain", within("digest")), Err(Reason::ContentType));
}

#[test]
fn part_that_cannot_be_read_is_not() {
    check("Content-MD5: x", Err(Reason::ContentMd5));
    check("Content-Type: text/html\nContent-Type: text/plain", Err(Reason::AmbiguousHeader));
    check("no field", Err(Reason::AmbiguousHeader));
    check("Content-Transfer-Encoding: x-y", Err(Reason::UnknownEncoding));
    check("Content-Type: text/html; charset=utf-16", Err(Reason::Charset));
}
