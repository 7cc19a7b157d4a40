use super::*;
use crate::event_log::{EventLog, LogConfig, Position, cursor::Cursor, reader::Entry};
use std::{sync::Arc, thread, time::Instant};
use tracking::{
    event::{Occurrence, UpstreamReply},
    ids::{EventId, MessageId, Timestamp},
};

fn event(number: u32, text_octets: usize) -> Event {
    let mut nonce = [0; 10];
    nonce[..4].copy_from_slice(&number.to_be_bytes());
    let reply = UpstreamReply { raw_reason: "x".repeat(text_octets), ..UpstreamReply::default() };
    Event {
        event_id: EventId::of_record(Timestamp(1), nonce),
        timestamp: Timestamp(1),
        message_id: MessageId::UNKNOWN,
        occurrence: Occurrence::Delivery(reply),
        is_from_elsewhere: false,
    }
}

/// A log whose quota is used up takes events again when its consumer goes on.
#[test]
fn log_that_refuses_is_waited_for() {
    let folder = tempfile::tempdir().expect("folder");
    let mut config = LogConfig::new(folder.path());
    (config.segment_bytes, config.disk_quota_bytes) = (1 << 20, 2 << 20);
    let (log, _) = EventLog::open(&config).expect("a log");
    let mut cursor = Cursor::open(folder.path(), "test").expect("a cursor");
    let counters = Arc::new(SourceCounters::new("test"));
    let shutdown = CancellationToken::new();
    let mut recorder = Recorder::of_log(log.writer(), shutdown).expect("a recorder");
    let (of_thread, total) = (counters.clone(), 600);
    let thread = thread::spawn(move || {
        for number in 0..total {
            recorder.record(&[event(number, 8_000)], &of_thread).expect("it is taken");
        }
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    while counters.trouble().is_none() {
        assert!(Instant::now() < deadline, "the quota is not used up");
        thread::yield_now();
    }
    let (mut reader, mut read) = (log.reader(Position::START), 0);
    while read < total {
        assert!(Instant::now() < deadline, "{read} of {total}");
        if let Some(Entry::Event { next, .. }) = reader.read().expect("the log is read") {
            read += 1;
            cursor.advance(next).expect("it moves");
        }
    }
    thread.join().expect("all are taken");
    assert_eq!((counters.events.get(), counters.trouble()), (u64::from(total), None));
    assert!(counters.retries.get() > 0);
}

#[test]
fn event_that_no_log_takes_does_not_hold_up_the_others() {
    let folder = tempfile::tempdir().expect("folder");
    let (log, _) = EventLog::open(&LogConfig::new(folder.path())).expect("a log");
    let counters = SourceCounters::new("test");
    let mut recorder = Recorder::of_log(log.writer(), CancellationToken::new()).expect("one");
    let events = [event(0, 1), event(1, 2 << 20), event(2, 1)];
    recorder.record(&events, &counters).expect("they are taken");
    assert_eq!((counters.events.get(), counters.malformed_lines.get()), (2, 1));
}

#[test]
fn event_that_no_spool_takes_does_not_hold_up_the_others() {
    let folder = tempfile::tempdir().expect("folder");
    let spool = Spool::open(folder.path(), 16 << 20).expect("a spool");
    let counters = SourceCounters::new("test");
    let mut recorder = Recorder::of_spool(spool, CancellationToken::new()).expect("one");
    let events = [event(0, 1), event(1, 2 << 20), event(2, 1)];
    recorder.record(&events, &counters).expect("they are taken");
    assert_eq!((counters.events.get(), counters.malformed_lines.get()), (2, 1));
}

#[test]
fn waiting_ends_when_it_is_told_to_stop() {
    let folder = tempfile::tempdir().expect("folder");
    let (log, _) = EventLog::open(&LogConfig::new(folder.path())).expect("a log");
    let (counters, shutdown) = (SourceCounters::new("test"), CancellationToken::new());
    let mut recorder = Recorder::of_log(log.writer(), shutdown.clone()).expect("a recorder");
    log.close();
    shutdown.cancel();
    assert_eq!(recorder.record(&[event(0, 1)], &counters), Err(Stopped));
    assert!(recorder.is_stopped() && counters.trouble().is_some());
}
