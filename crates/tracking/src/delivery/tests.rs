use super::*;
use crate::{
    event::{self, Event},
    ids::Timestamp,
};
use proptest::prelude::*;
use std::{fs, path::Path};

/// A log of each format whose lines say something of those behind them.
const LOGS: [(Format, &[u8]); 2] = [
    (Format::Exim, include_bytes!("../../testdata/delivery/exim/ways.log")),
    (Format::Postfix, include_bytes!("../../testdata/delivery/postfix/ways.log")),
];

fn check(text: &str, wanted: Option<&str>) {
    assert_eq!(queue_id(text), wanted, "{text:?}");
}

#[test]
fn queue_id_is_found_in_the_words_of_each_mta() {
    check("2.0.0 Ok: queued as 4XyZ1k2bQRz3", Some("4XyZ1k2bQRz3"));
    check("2.0.0 Ok: queued as 39D9336AFA81", Some("39D9336AFA81"));
    check("OK id=1rXyZ0-000AbC-2d", Some("1rXyZ0-000AbC-2d"));
    check("OK ids=0f3a5c7e9b1d4f60", Some("0f3a5c7e9b1d4f60"));
    check("2.0.0 6ab1c2d3 Message accepted for delivery", Some("6ab1c2d3"));
    check("2.0.0 Ok: queued as 4XyZ.", Some("4XyZ"));
    check("2.0.0 OK 00/00-25004-31B987F3", Some("00/00-25004-31B987F3"));
}

#[test]
fn reply_without_a_queue_id_has_none() {
    check("2.6.0 message received", None);
    check("2.0.0 Ok: queued as ", None);
    check("", None);
}

/// Reads `testdata/delivery/FORMAT/NAME.log` and holds the events and mistakes, a line each,
/// against the golden file beside it. It is 2026-11-22T10:00:00Z.
pub(super) fn check_golden(format: Format, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/delivery");
    let file = folder.join(format.name()).join(name);
    let lines = fs::read(file.with_extension("log")).expect("lines");
    let mut reader = Lines::new(format, &Reading::new(Timestamp(1_795_341_600_000)));
    let mut told = String::new();
    for (index, line) in lines.split(|octet| *octet == b'\n').enumerate() {
        let mut events = Vec::new();
        let read = reader.line(line, &mut events);
        for event in events {
            told += &String::from_utf8(event::encode(&event).split_off(1)).expect("JSON is UTF-8");
            told.push('\n');
        }
        if let Err(error) = read {
            told += &format!("line {}: {error}\n", index + 1);
        }
    }
    let golden = file.with_extension("golden");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &told).expect("write golden file");
    }
    assert_eq!(told, fs::read_to_string(&golden).expect("golden file"), "{name}");
}

/// A reader that takes over behind any record tells what the first one would have told.
#[test]
fn reading_goes_on_after_a_restart_behind_any_record() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/delivery");
    let new = |format| Lines::new(format, &Reading::new(Timestamp(1_795_341_600_000)));
    let told = |reader: &mut Lines, lines: &[&[u8]]| {
        let mut events = Vec::new();
        let read = |line: &&[u8]| reader.line(line, &mut events).err();
        let mistakes: Vec<_> = lines.iter().filter_map(read).collect();
        (events, mistakes)
    };
    for format in Format::ALL {
        for file in fs::read_dir(folder.join(format.name())).expect("logs") {
            let path = file.expect("a log").path();
            if path.extension().is_none_or(|end| end != "log") {
                continue;
            }
            let octets = fs::read(&path).expect("a log");
            let lines: Vec<_> = octets.split(|octet| *octet == b'\n').collect();
            for (before, behind) in (0..lines.len()).map(|place| lines.split_at(place)) {
                let mut first = new(*format);
                told(&mut first, before);
                if first.is_within_record() {
                    continue;
                }
                let mut second = new(*format);
                first.state().into_iter().for_each(|state| second.restore(&state));
                let place = format!("{} behind line {}", path.display(), before.len());
                assert_eq!(told(&mut second, behind), told(&mut first, behind), "{place}");
            }
        }
    }
}

/// What lines say that are all right.
pub(super) fn events(reader: &mut Lines, lines: &[&str]) -> Vec<Event> {
    let mut events = Vec::new();
    for line in lines {
        reader.line(line.as_bytes(), &mut events).expect("a line");
    }
    events
}

proptest! {
    /// Lines of a log, cut, joined and changed anywhere.
    #[test]
    fn no_line_brings_a_reader_down(
        log in 0..LOGS.len(),
        line in 0..64_usize,
        cut in 0..600_usize,
        inserted in any::<Vec<u8>>(),
        other in 0..64_usize,
    ) {
        let (format, text) = LOGS[log];
        let all: Vec<&[u8]> = text.split(|octet| *octet == b'\n').collect();
        let (line, other) = (all[line % all.len()], all[other % all.len()]);
        let (start, end) = line.split_at(cut.min(line.len()));
        let mut reader = Lines::new(format, &Reading::new(Timestamp(1_795_341_600_000)));
        let mut events = Vec::new();
        for line in [other.to_vec(), [start, &inserted, end].concat(), [start, other].concat()] {
            reader.line(&line, &mut events).ok();
        }
        let mut restored = Lines::new(format, &Reading::new(Timestamp(0)));
        let state = reader.state().expect("a state");
        restored.restore(&state);
        prop_assert_eq!(restored.state(), Some(state));
    }
}
