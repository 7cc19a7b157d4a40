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

/// Everything that a reader gives from the start.
pub(super) fn entries(directory: &TempDir) -> Vec<Entry> {
    let mut reader = Reader::open(directory.path(), Position::START).expect("reader");
    std::iter::from_fn(|| reader.next().expect("entry")).collect()
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
