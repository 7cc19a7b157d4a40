use super::*;
use crate::{
    delivery::{Format, Lines, tests::check_golden},
    event::Event,
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

fn events(reader: &mut Lines, lines: &[&str]) -> Vec<Event> {
    let mut events = Vec::new();
    for line in lines {
        reader.line(line.as_bytes(), &mut events).expect("a line");
    }
    events
}

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
