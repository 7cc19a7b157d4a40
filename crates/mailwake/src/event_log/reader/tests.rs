use super::super::cursor::Cursor;
use super::super::tests::{append, config, directory, entries, event, wait};
use super::super::{EventLog, record};
use super::*;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

fn number(entry: &Entry) -> Option<Event> {
    match entry {
        Entry::Event { event, .. } => Some((**event).clone()),
        Entry::Damage(_) => None,
    }
}

#[test]
fn a_log_that_is_not_there_yet_has_no_entries() {
    let directory = directory();
    assert!(entries(&directory).is_empty());
}

#[test]
fn entries_join_without_gaps_and_reading_can_begin_at_each() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    append(&log, 0..60);
    log.close();
    let mut at = Position::START;
    for entry in entries(&directory) {
        let Entry::Event { position, next, event } = entry else { panic!("{entry:?}") };
        assert_eq!(position, at);
        let mut from_here = Reader::open(directory.path(), at).expect("reader");
        let first = from_here.read().expect("read").expect("there is one");
        assert_eq!(number(&first), Some(*event));
        at = next;
    }
}

#[test]
fn a_reader_follows_over_segments_in_and_outside_of_the_process() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    let mut inside = log.reader(Position::START);
    let mut outside = Reader::open(directory.path(), Position::START).expect("reader");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("runtime");
    for round in 0..3 {
        append(&log, round * 40..(round + 1) * 40);
        for reader in [&mut inside, &mut outside] {
            for expected in round * 40..(round + 1) * 40 {
                runtime.block_on(reader.wait());
                let entry = reader.read().expect("read").expect("is durable");
                assert_eq!(number(&entry), Some(event(expected)));
            }
            assert_eq!(reader.read().expect("read"), None);
        }
    }
}

#[test]
fn what_is_not_published_is_not_read() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    let end = append(&log, 0..3);
    let mut unpublished = Vec::new();
    let body = event::encode(&event(3));
    record::frame(&mut unpublished, |frames| frames.extend(body)).expect("it fits");
    record::stamp(&mut unpublished, end.0);
    let file = File::options().write(true).open(segment::path(directory.path(), 0)).expect("file");
    file.write_all_at(&unpublished, end.0).expect("write");
    let mut reader = log.reader(Position::START);
    assert_eq!(std::iter::from_fn(|| reader.read().expect("read")).count(), 3);
}

#[test]
fn waiting_ends_with_the_next_event() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    let mut reader = log.reader(Position::START);
    let writer = log.writer();
    wait(async {
        let appended = writer.append(&[event(1)]);
        reader.wait().await;
        appended.await.expect("appended");
    });
    assert!(reader.read().expect("read").is_some());
}

#[test]
fn an_event_of_a_later_version_is_told_and_passed_over() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    let end = append(&log, 0..1);
    log.close();
    let mut later = Vec::new();
    record::frame(&mut later, |frames| frames.extend(b"\xfesomething else")).expect("it fits");
    record::stamp(&mut later, end.0);
    let file = File::options().write(true).open(segment::path(directory.path(), 0)).expect("file");
    file.write_all_at(&later, end.0).expect("write");
    let (log, recovery) = EventLog::open(&config(&directory)).expect("log");
    assert!(recovery.is_clean(), "the record is sound: {recovery}");
    append(&log, [1]);
    log.close();
    let entries = entries(&directory);
    let next = Position(end.0 + later.len() as u64);
    let kind = DamageKind::UnreadableEvent;
    assert_eq!(entries[1], Entry::Damage(Damage { position: end, next, kind }));
    assert_eq!(number(&entries[2]), Some(event(1)));
}

#[test]
fn a_position_inside_a_record_leads_to_the_next_record() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    let second = append(&log, [0]);
    append(&log, [1]);
    log.close();
    let mut reader = Reader::open(directory.path(), Position(9)).expect("reader");
    let expected = Damage { position: Position(9), next: second, kind: DamageKind::CorruptRecord };
    assert_eq!(reader.read().expect("read"), Some(Entry::Damage(expected)));
    assert_eq!(number(&reader.read().expect("read").expect("entry")), Some(event(1)));
}

#[test]
fn segments_without_a_word_about_durability_are_refused() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    append(&log, [0]);
    log.close();
    fs::write(directory.path().join("durable"), b"\0\0\0").expect("write");
    let opened = Reader::open(directory.path(), Position::START);
    assert!(matches!(opened, Err(ReadError::NotPublished { .. })));
}

#[test]
fn a_segment_goes_when_every_cursor_has_passed_it() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    let mut slow = Cursor::open(directory.path(), "slow").expect("cursor");
    let mut fast = Cursor::open(directory.path(), "fast").expect("cursor");
    let end = append(&log, 0..80);
    fast.advance(end).expect("moved");
    let bases = || -> Vec<u64> {
        let segments = segment::list(directory.path()).expect("list");
        segments.iter().map(|segment| segment.base).collect()
    };
    let before = bases();
    slow.advance(Position(before[2])).expect("moved");
    append(&log, 80..120);
    assert_eq!(bases()[0], before[2], "the segment where a cursor stands stays");
    log.close();
    let left: Vec<_> = entries(&directory).iter().filter_map(number).collect();
    assert_eq!(left.last(), Some(&event(119)));
}

#[test]
fn a_segment_that_is_a_link_to_nowhere_is_an_error_and_no_endless_loop() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    append(&log, [0]);
    log.close();
    let path = segment::path(directory.path(), 0);
    fs::remove_file(&path).expect("was there");
    std::os::unix::fs::symlink("/nowhere", &path).expect("link");
    let mut reader = Reader::open(directory.path(), Position::START).expect("reader");
    assert!(matches!(reader.read(), Err(ReadError::Io { .. })));
}
