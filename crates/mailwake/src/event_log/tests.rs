use super::reader::{Entry, Reader};
use super::writer::AppendError;
use super::*;
use tempfile::TempDir;
use tracking::event::{Event, Occurrence, Visit};
use tracking::ids::{EventId, MessageId, Timestamp};

/// Waits for what a test appended, without a runtime's timers.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    runtime.block_on(future)
}

/// An event that tells its number.
pub(super) fn event(number: u64) -> Event {
    let now = Timestamp(1_795_233_600_000);
    let [_, _, _, nonce @ ..] = number.to_be_bytes();
    Event {
        event_id: EventId::new(now, [7; 10]),
        timestamp: now,
        message_id: MessageId::new(now, nonce),
        occurrence: Occurrence::Open(Visit::default()),
        is_from_elsewhere: false,
    }
}

/// Small segments in a directory of their own.
pub(super) fn config(directory: &TempDir) -> LogConfig {
    LogConfig { segment_bytes: 4096, ..LogConfig::new(directory.path()) }
}

pub(super) fn directory() -> TempDir {
    tempfile::tempdir().expect("directory")
}

pub(super) fn append(log: &EventLog, numbers: impl IntoIterator<Item = u64>) -> Position {
    let mut end = Position::START;
    for number in numbers {
        end = wait(log.writer().append(&[event(number)])).expect("appended");
    }
    end
}

/// Everything that a reader gives from the start, of a log that is closed.
pub(super) fn entries(directory: &TempDir) -> Vec<Entry> {
    let mut reader = Reader::open(directory.path(), Position::START).expect("reader");
    std::iter::from_fn(|| reader.read().expect("entry")).collect()
}

/// The events among all entries.
pub(super) fn events(directory: &TempDir) -> Vec<Event> {
    let of = |entry| match entry {
        Entry::Event { event, .. } => Some(*event),
        Entry::Damage(_) => None,
    };
    entries(directory).into_iter().filter_map(of).collect()
}

fn numbered(numbers: impl IntoIterator<Item = u64>) -> Vec<Event> {
    numbers.into_iter().map(event).collect()
}

#[test]
fn what_was_appended_is_read_in_order() {
    let directory = directory();
    let (log, recovery) = EventLog::open(&config(&directory)).expect("log");
    assert!(recovery.is_clean());
    append(&log, 0..100);
    log.close();
    assert_eq!(events(&directory), numbered(0..100));
}

#[test]
fn a_log_goes_on_after_it_was_closed() {
    let directory = directory();
    for round in 0..4 {
        let (log, recovery) = EventLog::open(&config(&directory)).expect("log");
        assert!(recovery.is_clean(), "{recovery}");
        append(&log, round * 20..(round + 1) * 20);
    }
    assert_eq!(events(&directory), numbered(0..80));
}

#[test]
fn a_second_writer_is_refused() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    let second = EventLog::open(&config(&directory));
    assert!(matches!(second, Err(OpenError::Locked { .. })));
    log.close();
    EventLog::open(&config(&directory)).expect("the lock is gone with the log");
}

#[test]
fn appends_after_closing_are_refused_and_those_before_are_kept() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    let writer = log.writer();
    let queued: Vec<_> = (0..50).map(|number| writer.append(&[event(number)])).collect();
    log.close();
    assert!(matches!(wait(writer.append(&[event(50)])), Err(AppendError::Closed)));
    for appending in queued {
        wait(appending).expect("queued before the log was closed");
    }
    assert_eq!(events(&directory), numbered(0..50));
}

#[test]
fn the_quota_refuses_loudly_and_intake_goes_on_when_consumers_have_read() {
    let directory = directory();
    let config = LogConfig { disk_quota_bytes: 3 * 4096, ..config(&directory) };
    let (log, _) = EventLog::open(&config).expect("log");
    let mut cursor = cursor::Cursor::open(directory.path(), "store").expect("cursor");
    let mut written = Vec::new();
    let refused = loop {
        let number = written.len() as u64;
        match wait(log.writer().append(&[event(number)])) {
            Ok(end) => written.push(end),
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, AppendError::QuotaExceeded { disk_quota_bytes: 12_288 }));
    assert!(refused.is_temporary());
    cursor.advance(*written.last().expect("some were written")).expect("moved");
    append(&log, [1000]);
    log.close();
    assert_eq!(events(&directory).last(), Some(&event(1000)));
}

#[test]
fn without_cursors_nothing_is_removed() {
    let directory = directory();
    let config = LogConfig { disk_quota_bytes: 3 * 4096, ..config(&directory) };
    let (log, _) = EventLog::open(&config).expect("log");
    let mut count = 0;
    while wait(log.writer().append(&[event(count)])).is_ok() {
        count += 1;
    }
    assert!(wait(log.writer().append(&[event(count)])).is_err());
    log.close();
    assert_eq!(events(&directory), numbered(0..count));
}

#[test]
fn a_quota_below_two_segments_is_refused() {
    let directory = directory();
    let config = LogConfig { disk_quota_bytes: 4096, ..config(&directory) };
    assert!(matches!(EventLog::open(&config), Err(OpenError::QuotaTooSmall { .. })));
}

#[test]
fn a_directory_that_vanishes_refuses_and_a_directory_that_is_back_takes_events() {
    let parent = directory();
    let at = parent.path().join("log");
    let config = LogConfig { segment_bytes: 4096, ..LogConfig::new(&at) };
    let (log, _) = EventLog::open(&config).expect("log");
    append(&log, 0..3);
    fs::remove_dir_all(&at).expect("remove");
    let is_refused = |number| wait(log.writer().append(&[event(number)])).is_err();
    assert!((3..200).any(is_refused), "a segment has room for less");
    fs::create_dir(&at).expect("make");
    append(&log, [200]);
}

#[test]
fn many_producers_lose_and_mix_nothing() {
    let directory = directory();
    let config = LogConfig { segment_bytes: 64 << 10, ..config(&directory) };
    let (log, _) = EventLog::open(&config).expect("log");
    thread::scope(|scope| {
        for producer in 0..8 {
            let writer = log.writer();
            scope.spawn(move || {
                for number in 0..50 {
                    let number = producer * 1000 + number;
                    wait(writer.append(&[event(number), event(number)])).expect("appended");
                }
            });
        }
    });
    log.close();
    let read = events(&directory);
    assert!(read.chunks(2).all(|pair| pair[0] == pair[1]), "events of an append stay together");
    let mut ids: Vec<_> = read.iter().map(|event| event.message_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((read.len(), ids.len()), (800, 400));
}
