use super::*;
use crate::event_log::{EventLog, LogConfig, Position, reader::Entry};
use std::{io::Read, sync::Arc, thread, time::Instant};
use tokio_util::sync::CancellationToken;
use tracking::{
    event::{Occurrence, UpstreamReply},
    ids::{EventId, MessageId, Timestamp},
};

const OCTETS_MAX: u64 = 1 << 20;

fn events(range: std::ops::Range<u8>) -> Vec<Event> {
    let event = |number: u8| Event {
        event_id: EventId::of_record(Timestamp(1), [number; 10]),
        timestamp: Timestamp(1),
        message_id: MessageId::UNKNOWN,
        occurrence: Occurrence::Delivery(UpstreamReply::default()),
        is_from_elsewhere: false,
    };
    range.map(event).collect()
}

/// What comes out of a spool into the log.
fn taken(folder: &Path, wanted: usize) -> (Vec<Event>, Arc<Counters>) {
    let logs = tempfile::tempdir().expect("folder");
    let (log, _) = EventLog::open(&LogConfig::new(logs.path())).expect("a log");
    let (shutdown, counters) = (CancellationToken::new(), Arc::new(Counters::default()));
    let recorder = Recorder::of_log(log.writer(), shutdown.clone()).expect("a recorder");
    let (of_thread, path) = (counters.clone(), folder.to_path_buf());
    let own = counters.source("spool");
    let thread = thread::spawn(move || take(&path, recorder, &of_thread, &own));
    let deadline = Instant::now() + Duration::from_secs(20);
    while counters.spool_events.get() < wanted as u64 {
        assert!(Instant::now() < deadline, "{} of {wanted}", counters.spool_events.get());
        thread::yield_now();
    }
    shutdown.cancel();
    thread.join().expect("it ends").expect("it takes");
    let (mut reader, mut events) = (log.reader(Position::START), Vec::new());
    while let Some(entry) = reader.read().expect("the log is read") {
        let Entry::Event { event, .. } = entry else { panic!("damage") };
        events.push(*event);
    }
    (events, counters)
}

#[test]
fn what_was_sealed_is_taken_in_order_and_removed() {
    let folder = tempfile::tempdir().expect("folder");
    let mut spool = Spool::open(folder.path(), OCTETS_MAX).expect("a spool");
    for range in [0..3, 3..4, 4..9] {
        spool.write(&events(range)).expect("written");
        spool.seal().expect("sealed");
    }
    assert!(spool.waiting().expect("counted") > 0);
    assert_eq!(taken(folder.path(), 9).0, events(0..9));
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
}

#[test]
fn spool_has_no_file_without_events() {
    let folder = tempfile::tempdir().expect("folder");
    let mut spool = Spool::open(folder.path(), OCTETS_MAX).expect("a spool");
    spool.write(&[]).expect("nothing to do");
    spool.seal().expect("nothing to do");
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
}

#[test]
fn columns_are_kept_for_other_processes() {
    let folder = tempfile::tempdir().expect("folder");
    let spool = || Spool::open(folder.path(), OCTETS_MAX).expect("a spool");
    assert_eq!(spool().columns(), None);
    for columns in ["type\nrcpt", "type\nrcpt\ntimeLogged"] {
        spool().keep_columns(columns).expect("kept");
        assert_eq!(spool().columns().as_deref(), Some(columns));
    }
    assert_eq!(spool().waiting().expect("counted"), 0);
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
}

#[test]
fn what_a_writer_has_open_is_left_to_it() {
    let folder = tempfile::tempdir().expect("folder");
    let mut open = Spool::open(folder.path(), OCTETS_MAX).expect("a spool");
    open.write(&events(0..2)).expect("written");
    let mut sealed = Spool::open(folder.path(), OCTETS_MAX).expect("a spool");
    sealed.write(&events(2..3)).expect("written");
    sealed.seal().expect("sealed");
    assert_eq!(taken(folder.path(), 1).0, events(2..3));
    open.seal().expect("sealed");
    assert_eq!(taken(folder.path(), 2).0, events(0..2));
}

#[test]
fn what_a_killed_writer_has_left_is_taken_as_far_as_it_goes() {
    let folder = tempfile::tempdir().expect("folder");
    let mut spool = Spool::open(folder.path(), OCTETS_MAX).expect("a spool");
    spool.write(&events(0..3)).expect("written");
    let open = spool.open.take().expect("it is open");
    let mut octets = Vec::new();
    File::open(&open.path).expect("opened").read_to_end(&mut octets).expect("read");
    fs::write(&open.path, &octets[..octets.len() - 5]).expect("torn");
    let kept = open.path.with_extension("damaged");
    drop(open);
    let (events_taken, counters) = taken(folder.path(), 2);
    assert_eq!(events_taken, events(0..2));
    assert_eq!(counters.spool_damages.get(), 1);
    assert_eq!(fs::read(kept).expect("it is kept").len(), octets.len() - 5);
    assert_eq!(spool.waiting().expect("counted"), 0, "nothing waits");
}

#[test]
fn spool_has_a_limit() {
    let folder = tempfile::tempdir().expect("folder");
    let mut spool = Spool::open(folder.path(), 1_000).expect("a spool");
    let full = (0..100).find_map(|_| spool.write(&events(0..1)).and_then(|()| spool.seal()).err());
    assert!(matches!(full, Some(SpoolError::Full { octets_max: 1_000, .. })), "{full:?}");
}

#[test]
fn event_that_was_written_in_part_is_taken_back() {
    let folder = tempfile::tempdir().expect("folder");
    let mut spool = Spool::open(folder.path(), OCTETS_MAX).expect("a spool");
    spool.write(&events(0..2)).expect("written");
    let open = spool.open.as_mut().expect("open");
    open.file.write_all(b"torn").expect("written");
    spool.take_back();
    spool.write(&events(2..3)).expect("written");
    spool.seal().expect("sealed");
    let (taken, counters) = taken(folder.path(), 3);
    assert_eq!(taken, events(0..3));
    assert_eq!(counters.spool_damages.get(), 0);
}
