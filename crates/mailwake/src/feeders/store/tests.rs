use super::*;
use crate::event_log::{EventLog, LogConfig};
use crate::stores::report::{EventFilter, Report, ReportFilter};
use crate::stores::sqlite::StoreReader;
use crate::telemetry::Exposition;
use std::fs;
use std::os::unix::fs::FileExt;
use tempfile::TempDir;
use tracking::event::{Click, Event, Occurrence, Visit};
use tracking::ids::{EventId, MessageId, Timestamp};

/// Opens and clicks of ten messages, over some days.
fn event(number: u64) -> Event {
    let timestamp = Timestamp(1_795_219_200_000 + i64::try_from(number).expect("small") * 600_000);
    let message = u8::try_from(number % 10).expect("small");
    let visit = Visit::default();
    Event {
        event_id: EventId::new(timestamp, [message; 10]),
        timestamp,
        message_id: MessageId::from_octets([message; 10]),
        occurrence: match number % 3 {
            0 => Occurrence::Open(visit),
            1 => Occurrence::InitialOpen(visit),
            _ => {
                let target_link_url = format!("https://shop.example/{}", number % 4);
                Occurrence::Click(Click {
                    visit,
                    link_index: 0,
                    target_link_name: String::new(),
                    target_link_url,
                })
            }
        },
        is_from_elsewhere: false,
    }
}

/// A log and a store in directories of their own.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("directory"))
    }

    fn log_directory(&self) -> std::path::PathBuf {
        self.0.path().join("log")
    }

    fn store_directory(&self) -> std::path::PathBuf {
        self.0.path().join("store")
    }

    fn log(&self) -> EventLog {
        let config = LogConfig { segment_bytes: 4096, ..LogConfig::new(self.log_directory()) };
        EventLog::open(&config).expect("log").0
    }

    fn cursor(&self) -> Cursor {
        Cursor::open(&self.log_directory(), CURSOR).expect("cursor")
    }

    fn store(&self) -> Store {
        let config = StoreConfig { retention_days: None, ..StoreConfig::default() };
        Store::open(&self.store_directory(), config).expect("store")
    }

    fn feeder(&self, log: &EventLog) -> Feeder {
        let mut feeder = Feeder {
            reader: log.reader(Position::START),
            cursor: self.cursor(),
            store: self.store(),
            counters: Arc::default(),
            batch: Vec::new(),
            passed: Position::START,
            checkpoint_due: None,
            runtime: Builder::new_current_thread().enable_time().build().expect("runtime"),
        };
        feeder.seek().expect("the store belongs to the log");
        feeder
    }

    /// Feeds what is there, and stops as a shutdown does.
    fn feed(&self, log: &EventLog) {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        self.feed_until(log, &shutdown).expect("fed");
    }

    fn feed_until(&self, log: &EventLog, shutdown: &CancellationToken) -> Result<(), FeedError> {
        let reader = log.reader(Position::START);
        run(reader, self.cursor(), self.store(), Arc::default(), shutdown)
    }

    fn report(&self) -> Report {
        let mut reader = StoreReader::open(&self.store_directory()).expect("store");
        reader.report(&ReportFilter::default()).expect("report")
    }

    fn events(&self) -> Vec<Event> {
        let reader = StoreReader::open(&self.store_directory()).expect("store");
        let filter = EventFilter { limit: 10_000, ..EventFilter::default() };
        let events = reader.events(&filter).expect("events");
        events.into_iter().map(|stored| stored.event).collect()
    }

    fn rebuild(&self, allow_partial: bool) -> Result<Rebuilt, FeedError> {
        let config = StoreConfig { retention_days: None, ..StoreConfig::default() };
        rebuild(&self.log_directory(), &self.store_directory(), config, allow_partial)
    }
}

fn append(log: &EventLog, numbers: impl IntoIterator<Item = u64>) {
    let runtime = Builder::new_current_thread().build().expect("runtime");
    for number in numbers {
        runtime.block_on(log.writer().append(&[event(number)])).expect("appended");
    }
}

fn numbered(numbers: impl IntoIterator<Item = u64>) -> Vec<Event> {
    numbers.into_iter().map(event).collect()
}

/// What a store has to say that saw these events once each.
fn expected(numbers: impl IntoIterator<Item = u64>) -> Report {
    let place = Place::new();
    let log = place.log();
    append(&log, numbers);
    place.feed(&log);
    place.report()
}

#[test]
fn store_follows_the_log_and_drains_it_at_shutdown() {
    let place = Place::new();
    let log = place.log();
    let shutdown = CancellationToken::new();
    std::thread::scope(|scope| {
        let (reader, cursor, store) = (log.reader(Position::START), place.cursor(), place.store());
        let counters = Arc::<Counters>::default();
        let feeder = scope.spawn(|| run(reader, cursor, store, counters, &shutdown));
        append(&log, 0..200);
        shutdown.cancel();
        feeder.join().expect("no panic").expect("fed");
    });
    assert_eq!(place.events(), numbered(0..200));
    assert_eq!(place.report().counters.confirmed_opens.total, 200);
    assert_eq!(place.report().counters.confirmed_opens.unique, 10);
    let mut reader = log.reader(Position::START);
    assert_eq!(place.cursor().position(), reader.durable().expect("durable"));
}

#[test]
fn a_crash_before_the_checkpoint_counts_nothing_twice() {
    let place = Place::new();
    let log = place.log();
    for round in 0..5 {
        append(&log, round * 40..(round + 1) * 40);
        let mut feeder = place.feeder(&log);
        assert_eq!(feeder.cursor.position(), Position::START);
        feeder.step().expect("applied");
        // Dropped without a checkpoint, so the cursor never moves.
    }
    assert_eq!(place.events(), numbered(0..200));
    assert_eq!(place.report(), expected(0..200));
}

#[test]
fn a_crash_between_checkpoint_and_cursor_counts_nothing_twice() {
    let place = Place::new();
    let log = place.log();
    append(&log, 0..50);
    let mut feeder = place.feeder(&log);
    feeder.step().expect("applied");
    feeder.store.checkpoint().expect("synced");
    drop(feeder);
    append(&log, 50..60);
    place.feed(&log);
    assert_eq!(place.report(), expected(0..60));
}

#[test]
fn cursor_does_not_pass_events_that_a_power_failure_may_have_taken() {
    let place = Place::new();
    let log = place.log();
    append(&log, 0..10);
    place.feed(&log);
    let cursor = place.cursor().position();
    append(&log, 10..20);
    let mut feeder = place.feeder(&log);
    feeder.step().expect("applied");
    drop(feeder);
    for file in fs::read_dir(place.store_directory()).expect("list") {
        let file = file.expect("file");
        if file.file_name().to_string_lossy().starts_with("events-") {
            fs::remove_file(file.path()).expect("removed");
        }
    }
    let mut feeder = place.feeder(&log);
    assert!(feeder.store.applied() > cursor.0);
    feeder.checkpoint().expect("synced");
    assert_eq!(feeder.cursor.position(), cursor, "nothing was put back yet");
    feeder.step().expect("applied");
    feeder.checkpoint().expect("synced");
    assert_eq!(feeder.cursor.position().0, feeder.store.applied());
    drop(feeder);
    assert_eq!(place.events(), numbered(10..20), "those that were on disk are lost with the disk");
    assert_eq!(place.report(), expected(0..20));
}

#[test]
fn a_lost_store_is_filled_again_from_the_log() {
    let place = Place::new();
    let log = place.log();
    append(&log, 0..30);
    place.feed(&log);
    fs::remove_dir_all(place.store_directory()).expect("removed");
    append(&log, 30..40);
    place.feed(&log);
    assert_eq!(place.events(), numbered(0..40));
    assert_eq!(place.report(), expected(0..40));
}

#[test]
fn a_store_of_another_log_is_refused() {
    let place = Place::new();
    let log = place.log();
    append(&log, 0..30);
    place.feed(&log);
    drop(log);
    fs::remove_dir_all(place.log_directory()).expect("removed");
    let log = place.log();
    let shutdown = CancellationToken::new();
    let fed = place.feed_until(&log, &shutdown);
    assert!(matches!(fed, Err(FeedError::StoreAhead { .. })), "{fed:?}");
}

#[test]
fn what_was_fed_and_what_lags_is_counted() {
    let place = Place::new();
    let log = place.log();
    append(&log, 0..30);
    let mut feeder = place.feeder(&log);
    assert_eq!(feeder.step().expect("a step"), 30);
    let durable = feeder.reader.durable().expect("durable");
    check_metrics(&feeder.counters, durable, 30, durable.0);
    feeder.checkpoint().expect("a checkpoint");
    check_metrics(&feeder.counters, durable, 30, 0);
    feeder.counters.trouble.set(Some("no room".into()));
    let mut text = Exposition::default();
    feeder.counters.expose(None, &mut text);
    let text = text.into_text();
    assert!(text.contains("mailwake_store_failing 1\n"), "{text}");
    assert!(!text.contains("mailwake_store_lag_bytes"), "{text}");
}

fn check_metrics(counters: &Counters, durable: Position, events: u64, lag: u64) {
    let mut text = Exposition::default();
    counters.expose(Some(durable), &mut text);
    let text = text.into_text();
    for line in [
        format!("mailwake_store_events_total {events}"),
        format!("mailwake_store_lag_bytes {lag}"),
        "mailwake_store_failing 0".into(),
    ] {
        assert!(text.lines().any(|written| written == line), "no line {line} in\n{text}");
    }
}

#[test]
fn damage_in_the_log_is_kept_in_the_store_and_the_rest_goes_on() {
    let place = Place::new();
    let log = place.log();
    append(&log, 0..30);
    let mut reader = log.reader(Position::START);
    for _ in 0..3 {
        reader.read().expect("read").expect("entry");
    }
    let damaged = reader.position().0;
    let segment = place.log_directory().join("00000000000000000000.log");
    let file = fs::File::options().write(true).open(segment).expect("segment");
    file.write_all_at(b"\xff\xff", damaged + 30).expect("written");
    place.feed(&log);
    assert_eq!(place.events(), numbered((0..3).chain(4..30)));
    let reader = StoreReader::open(&place.store_directory()).expect("store");
    let damage = reader.damage().expect("damage");
    assert_eq!(damage.len(), 1);
    assert_eq!((damage[0].position, damage[0].kind.as_str()), (damaged, "corrupt_record"));
}

#[test]
fn a_rebuilt_store_reports_the_same() {
    let place = Place::new();
    let log = place.log();
    append(&log, 0..100);
    place.feed(&log);
    let (report, events) = (place.report(), place.events());
    drop(log);
    let rebuilt = place.rebuild(false).expect("rebuilt");
    assert_eq!(rebuilt, Rebuilt { events: 100, damages: 0 });
    assert_eq!(place.report(), report);
    assert_eq!(place.events(), events);
    let log = place.log();
    append(&log, 100..110);
    place.feed(&log);
    assert_eq!(place.report(), expected(0..110));
}

#[test]
fn a_rebuild_that_would_lose_something_is_refused() {
    let place = Place::new();
    let log = place.log();
    append(&log, 0..60);
    place.feed(&log);
    append(&log, 60..120);
    drop(log);
    assert!(reader::first_position(&place.log_directory()).expect("log") > Position::START);
    let before = place.report();
    let refused = place.rebuild(false).expect_err("the log's beginning is gone");
    assert!(matches!(refused, FeedError::Partial { .. }), "{refused}");
    assert_eq!(place.report(), before, "nothing was touched");
    let rebuilt = place.rebuild(true).expect("rebuilt");
    assert!(rebuilt.events < 120);
    assert_eq!(place.events().last(), Some(&event(119)));
}

#[test]
fn a_store_that_is_being_fed_is_not_rebuilt() {
    let place = Place::new();
    let log = place.log();
    append(&log, 0..3);
    let _feeder = place.feeder(&log);
    let refused = place.rebuild(false).expect_err("it is in use");
    assert!(matches!(refused, FeedError::Store(StoreError::Locked { .. })), "{refused}");
}
