//! A damaged event log: what is gone is told, and everything else is counted exactly.

use super::{SEGMENT_BYTES, fill_log, limit_log, send};
use crate::support::{PATIENCE, mailwake::Installation, upstream::Upstream, wait_for};
use std::{
    fs::{self, File},
    ops::Range,
    os::unix::fs::FileExt,
    path::PathBuf,
};

const QUOTA_MIB: u64 = 100;
const SENT: usize = 3;

#[test]
fn a_damaged_log_is_told_and_the_rest_is_counted() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    limit_log(&installation, QUOTA_MIB);
    let serving = installation.serve();
    for number in 0..SENT {
        assert_eq!(send(&installation, &format!("before-{number}@example.com")).code, 250);
    }
    assert!(serving.stop().success(), "SIGTERM ends serve in order");

    let positions = fill_log(&installation, QUOTA_MIB, 16_000, 4 * SEGMENT_BYTES);
    let bases = segments(&installation);
    assert!(bases.len() > 3, "{bases:?}");
    let end = *positions.last().expect("an end");
    let missing = bases[1]..bases[2];
    fs::remove_file(segment(&installation, bases[1])).expect("a segment");
    let is_missing = |event: &Range<u64>| missing.contains(&event.start);
    // Two records, in a segment between and in the last one, lose an octet of their body.
    let events: Vec<_> = positions.windows(2).map(|pair| pair[0]..pair[1]).collect();
    let in_segment = |from: u64| events.iter().position(|event| event.start >= from).expect("one");
    let corrupt = [in_segment(bases[2]) + 3, in_segment(bases[bases.len() - 1]) + 3];
    for index in corrupt {
        overwrite(&installation, &bases, events[index].start + 1_000, b"?");
    }
    // The half of a record behind the last one: what a crash leaves of a commit.
    let torn = read(&installation, &bases, events[events.len() - 1].start, 5_000);
    overwrite(&installation, &bases, end, &torn);

    let expected =
        SENT + events.iter().filter(|event| !is_missing(event)).count() - corrupt.len() + 1;
    let serving = installation.serve();
    assert_eq!(send(&installation, "after@example.com").code, 250);
    wait_for(&format!("{expected} messages in the report"), PATIENCE, || {
        let outbound = installation.report()["counters"]["outbound"].as_u64();
        assert!(outbound <= Some(expected as u64), "{outbound:?} messages are too many");
        (outbound == Some(expected as u64)).then_some(())
    });
    check_log(&serving.log(), &events, &corrupt, &missing, end);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// Each damage is told with its place, the torn tail as what it is.
fn check_log(log: &str, events: &[Range<u64>], corrupt: &[usize], missing: &Range<u64>, end: u64) {
    for told in [
        format!("cut a torn tail of 5000 octets at position {end}"),
        // Without reading what is in front of it, recovery knows only where files end.
        format!(
            "missing segment at position {SEGMENT_BYTES}: {} octets",
            missing.end - SEGMENT_BYTES
        ),
        format!("corrupt record at position {}", events[corrupt[1]].start),
    ] {
        assert!(log.contains(&told), "no {told:?} in the log of recovery:\n{log}");
    }
    let passed_over = |kind: &str, position: u64| {
        let is_it = |line: &&str| {
            line.contains(&format!("{kind} passed over"))
                && line.contains(&format!("position={position} "))
        };
        assert!(log.lines().any(|line| is_it(&line)), "no {kind} at {position} in the log:\n{log}");
    };
    passed_over("missing_segment", missing.start);
    corrupt.iter().for_each(|index| passed_over("corrupt_record", events[*index].start));
}

/// The bases of all segments, which are their names.
fn segments(installation: &Installation) -> Vec<u64> {
    let entries = fs::read_dir(installation.data().join("log")).expect("list segments");
    let names = entries.map(|entry| entry.expect("a file").file_name());
    let mut bases: Vec<_> =
        names.filter_map(|name| name.to_str()?.strip_suffix(".log")?.parse().ok()).collect();
    bases.sort_unstable();
    bases
}

fn segment(installation: &Installation, base: u64) -> PathBuf {
    installation.data().join("log").join(format!("{base:020}.log"))
}

/// The segment that holds a position, and where in it.
fn place(installation: &Installation, bases: &[u64], position: u64) -> (File, u64) {
    let base = bases.iter().rfind(|base| **base <= position).expect("a segment");
    let path = segment(installation, *base);
    let file = File::options().read(true).write(true).open(path).expect("a segment");
    (file, position - base)
}

fn overwrite(installation: &Installation, bases: &[u64], position: u64, octets: &[u8]) {
    let (file, offset) = place(installation, bases, position);
    file.write_all_at(octets, offset).expect("write to a segment");
}

fn read(installation: &Installation, bases: &[u64], position: u64, octets: usize) -> Vec<u8> {
    let (file, offset) = place(installation, bases, position);
    let mut read = vec![0; octets];
    file.read_exact_at(&mut read, offset).expect("read from a segment");
    read
}
