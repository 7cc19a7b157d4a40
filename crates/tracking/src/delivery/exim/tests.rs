use super::*;
use crate::delivery::{
    Format, Lines,
    tests::{check_golden, events},
};

#[test]
fn golden_files_hold() {
    for name in ["ways", "forms", "malformed"] {
        check_golden(Format::Exim, name);
    }
}

const LINES: [&str; 3] = [
    "2026-11-22 09:00:00 1tEabc-0004Xy-2d <= n@shop.example H=g [127.0.0.1] P=esmtp S=7",
    "2026-11-22 09:00:02 1tEabc-0004Xy-2d == a@b.example R=r T=t defer (111): Connection refused",
    "2026-11-22 09:05:00 1tEabc-0004Xy-2d == a@b.example R=r T=t defer (111): Connection refused",
];

fn lines() -> Lines {
    Lines::new(Format::Exim, &Reading::new(Timestamp(1_795_341_600_000)))
}

#[test]
fn reading_goes_on_after_a_restart_with_what_was_known() {
    let all = events(&mut lines(), &LINES);
    let mut first = lines();
    let mut told = events(&mut first, &LINES[..2]);
    let mut second = lines();
    second.restore(&first.state().expect("a state"));
    told.extend(events(&mut second, &LINES[2..]));
    assert_eq!(told, all);
    let attempt = all[1].occurrence.attempt().expect("of a record");
    assert_eq!((attempt.num_retries, attempt.queue_time), (Some(1), Some(300_000)));
}

#[test]
fn times_without_a_zone_are_of_the_one_that_is_configured() {
    let mut reading = Reading::new(Timestamp(0));
    reading.time_zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
    let events = events(&mut Lines::new(Format::Exim, &reading), &LINES[1..2]);
    // 07:00:02 in UTC.
    assert_eq!(events[0].timestamp, Timestamp(1_795_330_802_000));
}

#[test]
fn colon_at_the_end_of_a_line_is_its_end() {
    for said in [
        "== a@b.example R=r T=t H=mx [192.0.2.7]:",
        "** a@b.example <a@b.example>:",
        "** a@b.example R=x foo:",
        "<= n@shop.example H=g [127.0.0.1] word:",
    ] {
        let line = format!("2026-11-22 09:00:00 1tEabc-0004Xy-2d {said}");
        lines().line(line.as_bytes(), &mut Vec::new()).ok();
    }
}

/// A field of the journal may hold what looks like another line.
#[test]
fn entries_of_the_journal_have_ids_of_their_own() {
    let field = b"1tEabc-0004Xy-2d => a@b.example R=r T=t\n2026-11-22 09:00:00 x".to_vec();
    let length = (field.len() as u64).to_le_bytes();
    let second = [&length[..], &field].concat();
    let mut reader = lines();
    let mut events = Vec::new();
    let first: &[u8] = b"MESSAGE=1tEabc-0004Xy-2d => b@b.example R=r T=t";
    let time: &[u8] = b"__REALTIME_TIMESTAMP=1795341600123456";
    let tag: &[u8] = b"SYSLOG_IDENTIFIER=exim4";
    let mut all = vec![time, tag, first, b"", time, tag, b"MESSAGE"];
    all.extend(second.split(|octet| *octet == b'\n'));
    all.push(b"");
    for line in all {
        reader.line(line, &mut events).expect("a line");
    }
    assert_eq!(events.len(), 2);
    assert_ne!(events[0].event_id, events[1].event_id);
    assert!(!reader.is_within_record());
}

#[test]
fn torn_entry_of_the_journal_is_not_waited_for() {
    let mut reader = lines();
    assert!(events(&mut reader, &["__REALTIME_TIMESTAMP=1795341600123456"]).is_empty());
    assert!(reader.is_within_record());
    assert_eq!(events(&mut reader, &LINES[1..2]).len(), 1);
    assert!(!reader.is_within_record());
}
