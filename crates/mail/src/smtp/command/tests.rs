use super::*;

fn check(line: &str, verb: &str, path: &str, size: Option<&str>) {
    let (seen, envelope) = match Command::parse(line) {
        Command::Mail(envelope) => ("MAIL", envelope),
        Command::Rcpt(envelope) => ("RCPT", envelope),
        other => panic!("{line:?} is {other:?}"),
    };
    assert_eq!((seen, envelope.path, envelope.parameter("SIZE")), (verb, path, size), "{line:?}");
}

#[test]
fn verbs_are_read_in_any_case() {
    assert_eq!(Command::parse("ehlo a.example"), Command::Ehlo);
    assert_eq!(Command::parse("Helo a.example"), Command::Helo);
    assert_eq!(Command::parse("DATA"), Command::Data);
    assert_eq!(Command::parse("rSeT"), Command::Rset);
    assert_eq!(Command::parse("QUIT "), Command::Quit);
    assert_eq!(Command::parse("vrfy ann"), Command::Other("VRFY".into()));
}

#[test]
fn path_stands_between_angle_brackets() {
    check("MAIL FROM:<ann@example.com>", "MAIL", "ann@example.com", None);
    check("RCPT TO:<bob@example.com>", "RCPT", "bob@example.com", None);
    check("mail from: <ann@example.com>", "MAIL", "ann@example.com", None);
}

#[test]
fn null_reverse_path_is_empty() {
    check("MAIL FROM:<>", "MAIL", "", None);
}

#[test]
fn parameters_follow_the_path() {
    check(
        "MAIL FROM:<ann@example.com> SIZE=1000 BODY=8BITMIME",
        "MAIL",
        "ann@example.com",
        Some("1000"),
    );
    check("MAIL FROM:<ann@example.com> size=7", "MAIL", "ann@example.com", Some("7"));
    check(
        "MAIL FROM:<\"a> SIZE=1\"@example.com> SIZE=2",
        "MAIL",
        "\"a> SIZE=1\"@example.com",
        Some("2"),
    );
}

#[test]
fn missing_brackets_are_borne() {
    check("MAIL FROM:ann@example.com SIZE=5", "MAIL", "ann@example.com", Some("5"));
}

#[test]
fn source_route_is_no_part_of_the_mailbox() {
    check("RCPT TO:<@a.example,@b.example:bob@example.com>", "RCPT", "bob@example.com", None);
}

#[test]
fn broken_arguments_give_an_empty_path() {
    check("MAIL", "MAIL", "", None);
    check("RCPT TO", "RCPT", "", None);
}

#[test]
fn lines_without_a_verb_are_other() {
    assert_eq!(Command::parse("\x16\x03\x01"), Command::Other(String::new()));
    assert_eq!(Command::parse(""), Command::Other(String::new()));
}
