//! What must hold for the records of any MTA.

use tracking::{
    delivery::{Format, Lines, Reading},
    event::{Event, decode, encode},
    ids::Timestamp,
};

/// Reads `input` line by line, and again with a restart in between, of which nothing is seen
/// where a record has ended; its first octet says where.
pub fn check(format: Format, input: &[u8]) {
    let Some((first, input)) = input.split_first() else { return };
    let lines: Vec<_> = input.split(|octet| *octet == b'\n').collect();
    let (before, behind) = lines.split_at(usize::from(*first) % (lines.len() + 1));
    let mut reader = lines_of(format);
    let mut events = read(&mut reader, before);
    let is_whole = !reader.is_within_record();
    let mut again = lines_of(format);
    if let Some(state) = reader.state() {
        again.restore(&state);
        assert_eq!(again.state(), Some(state));
    }
    let (told, told_again) = (read(&mut reader, behind), read(&mut again, behind));
    if is_whole {
        assert_eq!(told, told_again);
    }
    events.extend(told);
    for event in &events {
        assert_eq!(decode(&encode(event)).expect("it was encoded"), *event);
    }
}

/// Reads `input` line by line by two readers, which tell the same; a third one takes over what they
/// know behind the last line.
pub fn check_twice(format: Format, input: &[u8]) {
    let (mut first, mut second) = (lines_of(format), lines_of(format));
    for line in input.split(|octet| *octet == b'\n') {
        let (mut told, mut again) = (Vec::new(), Vec::new());
        let read = first.line(line, &mut told);
        assert_eq!(read, second.line(line, &mut again));
        assert_eq!(told, again);
    }
    if let Some(state) = first.state() {
        let mut restored = lines_of(format);
        restored.restore(&state);
        assert_eq!(restored.state(), Some(state));
    }
}

fn lines_of(format: Format) -> Lines {
    Lines::new(format, &Reading::new(Timestamp(1_795_341_600_000)))
}

fn read(reader: &mut Lines, lines: &[&[u8]]) -> Vec<Event> {
    let mut events = Vec::new();
    for line in lines {
        drop(reader.line(line, &mut events));
    }
    events
}
