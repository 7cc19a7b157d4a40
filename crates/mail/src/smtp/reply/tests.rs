use super::*;

fn parse(lines: &[&str]) -> Result<Option<Reply>, ReplyError> {
    let mut parser = ReplyParser::default();
    let mut last = Ok(None);
    for line in lines {
        last = parser.line(line.as_bytes());
        if last.is_err() {
            break;
        }
    }
    last
}

fn check(lines: &[&str], code: u16, text: &str) {
    let reply = parse(lines).expect("a reply").expect("whole");
    assert_eq!((reply.code(), reply.text().as_str()), (code, text));
    assert_eq!(reply.octets(), (lines.join("\r\n") + "\r\n").as_bytes());
}

#[test]
fn reply_is_passed_on_octet_for_octet() {
    check(&["250 2.0.0 Ok: queued as 4XyZ"], 250, "2.0.0 Ok: queued as 4XyZ");
    check(
        &["554-5.7.1 refused", "554-5.7.1", "554 5.7.1 for good"],
        554,
        "5.7.1 refused 5.7.1 5.7.1 for good",
    );
}

#[test]
fn code_alone_is_a_reply() {
    check(&["250"], 250, "");
    check(&["250 "], 250, "");
}

#[test]
fn unfinished_reply_waits() {
    assert_eq!(parse(&["250-first"]), Ok(None));
}

#[test]
fn what_is_no_reply_is_refused() {
    for line in ["", "25", "hello", "2500 x", "150 x", "650 x", "25x ok", "250_ok"] {
        assert_eq!(parse(&[line]), Err(ReplyError::NoCode), "{line:?}");
    }
    assert_eq!(parse(&["250-a", "251 b"]), Err(ReplyError::MixedCodes));
    assert_eq!(parse(&["250-a"; LINES_MAX + 1]), Err(ReplyError::TooManyLines));
}

#[test]
fn own_replies_have_an_enhanced_status_code() {
    let reply = Reply::new(452, "4.3.1", "disk full");
    assert_eq!(reply.octets(), b"452 4.3.1 disk full\r\n");
    assert!(reply.is_transient() && !reply.is_positive() && !reply.is_intermediate());
}

#[test]
fn several_lines_are_joined_by_hyphens() {
    let reply = Reply::of_lines(250, ["mx.example", "PIPELINING", "SIZE 1000"]);
    assert_eq!(reply.octets(), b"250-mx.example\r\n250-PIPELINING\r\n250 SIZE 1000\r\n");
}
