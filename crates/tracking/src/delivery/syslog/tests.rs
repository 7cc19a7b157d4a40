use super::*;

/// 2026-11-22T10:00:00Z.
const NOW: Timestamp = Timestamp(1_795_341_600_000);

fn read(lines: &[&[u8]]) -> Vec<Said> {
    let mut syslog = Syslog::new(TimeZone::UTC, NOW);
    lines.iter().filter_map(|line| syslog.line(line).expect("a line")).collect()
}

fn check(line: &str, time: &str, tag: &str, text: &str) {
    let said = read(&[line.as_bytes()]);
    let at = time.parse::<jiff::Timestamp>().expect("a time").as_millisecond();
    assert_eq!(said, [Said { at: Timestamp(at), tag: tag.into(), text: text.into() }]);
}

fn times(lines: &[&str]) -> Vec<String> {
    let lines: Vec<_> = lines.iter().map(|line| format!("{line} host a/b[1]: x")).collect();
    let lines: Vec<_> = lines.iter().map(String::as_bytes).collect();
    let time = |said: Said| jiff::Timestamp::from_millisecond(said.at.0).expect("a time");
    read(&lines).into_iter().map(|said| time(said).to_string()).collect()
}

#[test]
fn every_form_of_a_line_is_read() {
    let text = "postfix/smtp[18733]: 39D9: x: y";
    check(
        &format!("Apr  5 16:41:54 host {text}"),
        "2026-04-05T16:41:54Z",
        "postfix/smtp",
        "39D9: x: y",
    );
    check(
        &format!("2026-11-22T09:15:02.123456+01:00 host {text}"),
        "2026-11-22T08:15:02.123Z",
        "postfix/smtp",
        "39D9: x: y",
    );
    check("<22>Nov 22 09:00:00 host exim: text", "2026-11-22T09:00:00Z", "exim", "text");
    check(
        "<22>1 2026-11-22T09:00:00Z host postfix/smtp 18733 - - \u{feff}text: x",
        "2026-11-22T09:00:00Z",
        "postfix/smtp",
        "text: x",
    );
    check(
        r#"{"__REALTIME_TIMESTAMP":"1795341600123456","SYSLOG_IDENTIFIER":"postfix/smtp","MESSAGE":"text","_PID":"7"}"#,
        "2026-11-22T10:00:00.123Z",
        "postfix/smtp",
        "text",
    );
    check(
        r#"{"__REALTIME_TIMESTAMP":"1795341600123456","SYSLOG_IDENTIFIER":"a","MESSAGE":[116,255]}"#,
        "2026-11-22T10:00:00.123Z",
        "a",
        "t\u{fffd}",
    );
}

#[test]
fn year_is_the_last_that_was_not_to_come_and_then_turns() {
    assert_eq!(times(&["Nov 22 09:00:00"]), ["2026-11-22T09:00:00Z"]);
    assert_eq!(times(&["Nov 22 23:00:00"]), ["2026-11-22T23:00:00Z"], "clocks differ");
    assert_eq!(times(&["Dec  1 09:00:00"]), ["2025-12-01T09:00:00Z"]);
    assert_eq!(
        times(&["Dec 31 23:59:59", "Jan  1 00:00:00", "Feb 28 00:00:00"]),
        ["2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "2026-02-28T00:00:00Z"],
    );
}

#[test]
fn day_that_only_leap_years_have_is_found_in_one() {
    let mut syslog = Syslog::new(TimeZone::UTC, Timestamp(1_841_000_000_000));
    let said = syslog.line(b"Feb 29 12:00:00 h a: x").expect("a line").expect("whole");
    let at = jiff::Timestamp::from_millisecond(said.at.0).expect("a time").to_string();
    assert_eq!(at, "2028-02-29T12:00:00Z");
}

#[test]
fn export_of_the_journal_is_read_entry_by_entry() {
    let said = read(&[
        b"__CURSOR=s=1;i=2",
        b"__REALTIME_TIMESTAMP=1795341600123456",
        b"SYSLOG_IDENTIFIER=postfix/qmgr",
        b"MESSAGE=4X: removed",
        b"",
        b"__REALTIME_TIMESTAMP=1795341600124456",
        b"SYSLOG_IDENTIFIER=postfix/smtp",
        b"MESSAGE",
        b"\x08\0\0\0\0\0\0\0a=b",
        b"defg",
        b"",
    ]);
    let texts: Vec<_> = said.iter().map(|said| (&*said.tag, &*said.text)).collect();
    assert_eq!(texts, [("postfix/qmgr", "4X: removed"), ("postfix/smtp", "a=b\ndefg")]);
    assert_eq!(said[1].at.0 - said[0].at.0, 1);
}

#[test]
fn what_is_no_line_is_told_without_its_content() {
    let mut syslog = Syslog::new(TimeZone::UTC, NOW);
    for line in
        ["hello", "Foo  5 16:41:54 host a: b", "2026-13-22T00:00:00Z h a: b", "{\"MESSAGE\":1}"]
    {
        let error = syslog.line(line.as_bytes()).expect_err("no line");
        assert!(!error.reason.contains("hello") && !error.reason.is_empty(), "{error}");
    }
    assert_eq!(syslog.line(b""), Ok(None));
}

#[test]
fn year_is_that_of_the_first_line_and_not_of_the_start() {
    let mut syslog = Syslog::new(TimeZone::UTC, Timestamp(NOW.0 - 30 * Timestamp::DAY_MS));
    syslog.set_now(NOW);
    let said = syslog.line(b"Nov 22 09:00:00 h a: x").expect("a line").expect("whole");
    assert_eq!(said.at.0, NOW.0 - 3_600_000);
}
