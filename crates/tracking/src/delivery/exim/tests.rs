use super::*;
use crate::{
    delivery::{Format, Lines, tests::check_golden},
    event::Event,
};
use proptest::prelude::*;

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

proptest! {
    /// Lines of a log, cut, joined and changed anywhere.
    #[test]
    fn no_line_brings_the_reader_down(
        line in 0..64_usize,
        cut in 0..600_usize,
        inserted in any::<Vec<u8>>(),
        other in 0..64_usize,
    ) {
        let text = include_bytes!("../../../testdata/delivery/exim/ways.log");
        let all: Vec<&[u8]> = text.split(|octet| *octet == b'\n').collect();
        let (line, other) = (all[line % all.len()], all[other % all.len()]);
        let (start, end) = line.split_at(cut.min(line.len()));
        let mut reader = Lines::new(Format::Exim, &Reading::new(Timestamp(1_795_341_600_000)));
        let mut events = Vec::new();
        for line in [other.to_vec(), [start, &inserted, end].concat(), [start, other].concat()] {
            reader.line(&line, &mut events).ok();
        }
        let mut restored = Lines::new(Format::Exim, &Reading::new(Timestamp(0)));
        let state = reader.state().expect("a state");
        restored.restore(&state);
        prop_assert_eq!(restored.state(), Some(state));
    }
}
