use super::*;

#[test]
fn a_line_keeps_its_parameters() {
    let check = |line: &str, wanted: &str| {
        let line = EnvelopeLine { line: line.into(), mailbox: "a@b".into() };
        assert_eq!(with_mailbox(&line, "c@d").line, wanted);
    };
    check("RCPT TO:<a@b>", "RCPT TO:<c@d>");
    check(
        "rcpt to: <a@b> NOTIFY=NEVER ORCPT=rfc822;a@b",
        "rcpt to:<c@d> NOTIFY=NEVER ORCPT=rfc822;a@b",
    );
    check("MAIL FROM:a@b SIZE=1", "MAIL FROM:<c@d> SIZE=1");
}
