use super::*;
use crate::{event, ids::Timestamp};
use std::{fs, path::Path};

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
