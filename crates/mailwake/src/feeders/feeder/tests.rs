use super::*;
use crate::{
    event_log::{EventLog, LogConfig},
    feeders::{
        sink::{Batch, FedEvent, Form, Limits, Receipt, SendError},
        store as store_feeder,
    },
    stores::{
        ledger::LetterFilter,
        sqlite::{Store, StoreConfig},
    },
};
use std::{
    collections::VecDeque,
    path::Path,
    sync::{Mutex, PoisonError},
    thread::{self, JoinHandle},
};
use tempfile::TempDir;
use tracking::{
    event::{Attempt, Occurrence, UpstreamReply, Visit},
    ids::{EventId, MessageId},
};

mod operations;

/// Longer than anything here takes, so that a mistake fails and does not hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the far side answers to a batch, by the texts of its events.
type Answer = Box<dyn FnMut(&Sent) -> Result<Receipt, SendError> + Send>;

/// A batch as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    id: String,
    attempts: u32,
    events: Vec<String>,
}

/// A far side in memory.
#[derive(Clone)]
struct Far {
    sent: Arc<Mutex<Vec<Sent>>>,
    answer: Arc<Mutex<Answer>>,
    limits: Limits,
}

impl Far {
    fn new(answer: impl FnMut(&Sent) -> Result<Receipt, SendError> + Send + 'static) -> Self {
        let limits = Limits {
            events_max: 8,
            octets_max: 1 << 20,
            age_max: Duration::ZERO,
            event_age_max: None,
        };
        Self { sent: Arc::default(), answer: Arc::new(Mutex::new(Box::new(answer))), limits }
    }

    fn taking_all() -> Self {
        Self::new(|_| Ok(Receipt::default()))
    }

    /// Answers with these, and then takes all.
    fn answering(answers: impl IntoIterator<Item = SendError>) -> Self {
        let mut answers: VecDeque<_> = answers.into_iter().collect();
        Self::new(move |_| answers.pop_front().map_or_else(|| Ok(Receipt::default()), Err))
    }

    fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The texts of all events that were sent, in order.
    fn events(&self) -> Vec<String> {
        self.sent().into_iter().flat_map(|sent| sent.events).collect()
    }
}

/// An event is its number and the campaign of its message, in a line.
struct Lines;

impl Form for Lines {
    fn append(&mut self, fed: FedEvent<'_>, body: &mut Vec<u8>) -> bool {
        let number = fed.event.timestamp.0 % 1_000;
        let campaign = fed.message.map(|message| message.reception.campaign_id.as_str());
        let type_name = fed.event.occurrence.type_name();
        if type_name == "reception" {
            return false;
        }
        let line = format!("{type_name} {number} {}\n", campaign.unwrap_or("?"));
        body.extend_from_slice(line.as_bytes());
        true
    }
}

impl Sink for Far {
    type Form = Lines;

    fn kind(&self) -> &'static str {
        "test"
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn form(&self) -> Lines {
        Lines
    }

    async fn send(&mut self, batch: &Batch) -> Result<Receipt, SendError> {
        let text = |item: &super::super::sink::Item| {
            let line = String::from_utf8_lossy(&batch.body[item.range.clone()]);
            line.trim_end().to_owned()
        };
        let events: Vec<_> = batch.items.iter().map(text).collect();
        assert_eq!(batch.body.len(), events.iter().map(|line| line.len() + 1).sum::<usize>());
        let sent = Sent { id: batch.id.to_string(), attempts: batch.attempts, events };
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent.clone());
        (self.answer.lock().unwrap_or_else(PoisonError::into_inner))(&sent)
    }
}

fn retry() -> SendError {
    SendError::Retry { reason: "status 503".into(), status: Some(503), after: None }
}

fn refused() -> SendError {
    SendError::Refused { reason: "status 400: wrong".into(), status: Some(400) }
}

/// When everything here happens: just now, so that nothing is too old.
fn base() -> i64 {
    now().0 / 1_000 * 1_000 - 60_000
}

fn event(number: i64, message: u8, occurrence: Occurrence) -> Event {
    let timestamp = Timestamp(base() + number);
    let mut nonce = [message; 10];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    Event {
        event_id: EventId::new(timestamp, nonce),
        timestamp,
        message_id: MessageId::from_octets([message; 10]),
        occurrence,
        is_from_elsewhere: false,
    }
}

fn open(number: i64, message: u8) -> Event {
    event(number, message, Occurrence::Open(Visit::default()))
}

/// The reception of a message of a campaign, of customer "acme" with subaccount 7.
fn reception(message: u8, campaign: &str) -> Event {
    let facts = serde_json::json!({
        "transmission_id": "7", "rcpt_to": "ann@example.com", "msg_from": "news@shop.example",
        "customer_id": "acme", "subaccount_id": "7", "campaign_id": campaign, "msg_size": 100,
        "open_tracking": true, "initial_pixel": false, "click_tracking": true, "links": 1,
    });
    let reception = serde_json::from_value(facts).expect("a reception");
    event(0, message, Occurrence::Reception(Box::new(reception)))
}

/// A log, a store that is fed from it, and a feeder.
struct Scene {
    folder: TempDir,
    log: EventLog,
    config: FeederConfig,
}

/// A feeder that runs.
struct Running {
    shutdown: CancellationToken,
    counters: Arc<Counters>,
    thread: JoinHandle<Result<(), FeedError>>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (log, _) = EventLog::open(&LogConfig::new(folder.path().join("log"))).expect("a log");
        let config = FeederConfig {
            name: "far".into(),
            directory: folder.path().into(),
            store_directory: folder.path().join("store"),
            filter: Filter::default(),
            join_wait: Duration::ZERO,
            join_days: 60,
            retry_for: Duration::from_secs(3_600),
            pauses: Pauses { first: Duration::from_millis(1), longest: Duration::from_millis(10) },
        };
        let scene = Self { folder, log, config };
        scene.apply(&[]);
        scene
    }

    fn log_directory(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Appends events, and has the store apply them.
    fn apply(&self, events: &[Event]) {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        if !events.is_empty() {
            runtime.block_on(self.log.writer().append(events)).expect("on disk");
        }
        let directory = self.log_directory();
        let cursor = Cursor::open(&directory, store_feeder::CURSOR).expect("a cursor");
        let config = StoreConfig { retention_days: None, ..StoreConfig::default() };
        let store = Store::open(&self.config.store_directory, config).expect("a store");
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let reader = self.log.reader(Position::START);
        store_feeder::run(reader, cursor, store, Arc::default(), &shutdown).expect("fed");
    }

    fn ledger(&self) -> Ledger {
        Ledger::open(self.folder.path(), "far").expect("a ledger")
    }

    fn cursor(&self) -> Cursor {
        Cursor::open(&self.log_directory(), &cursor_name("far")).expect("a cursor")
    }

    fn start(&self, far: &Far) -> Running {
        let (config, far, ledger) = (self.config.clone(), far.clone(), self.ledger());
        let (counters, shutdown) = (Arc::<Counters>::default(), CancellationToken::new());
        let cursor = self.cursor();
        let reader = self.log.reader(cursor.position());
        let (told, stop) = (counters.clone(), shutdown.clone());
        let thread = thread::spawn(move || run(config, reader, cursor, ledger, far, told, &stop));
        Running { shutdown, counters, thread }
    }

    /// Starts it as `serve` does, which starts it again.
    fn keep(&self, far: &Far) -> Running {
        let (config, far) = (self.config.clone(), far.clone());
        let (counters, shutdown) = (Arc::<Counters>::default(), CancellationToken::new());
        let (told, stop) = (counters.clone(), shutdown.clone());
        let (log, directory) = (self.log.reader(Position::START), self.log_directory());
        let thread = thread::spawn(move || {
            keep_running(&config, "test", &told, &stop, || {
                let cursor = Cursor::open(&directory, &cursor_name("far"))?;
                let ledger = Ledger::open(&config.directory, "far")?;
                let (config, reader) = (config.clone(), log.another(cursor.position()));
                run(config, reader, cursor, ledger, far.clone(), told.clone(), &stop)
            })
            .map_err(FeedError::Runtime)
        });
        Running { shutdown, counters, thread }
    }

    /// Runs until it is so, and stops.
    fn until(&self, far: &Far, is_so: impl Fn(&Counters) -> bool) {
        let running = self.start(far);
        running.eventually(is_so);
        running.stop();
    }

    /// Runs until so many events have arrived or are dead.
    fn until_done(&self, far: &Far, events: u64) {
        self.until(far, |counters| counters.events.get() + counters.put_aside.get() == events);
    }

    fn dead(&self) -> Vec<(i64, String)> {
        let letters = self.ledger().dead_letters(LetterFilter::All, -1, 100).expect("read");
        let told = letters.into_iter().map(|(_, letter)| letter);
        told.map(|letter| (letter.event.timestamp.0 % 1_000, letter.reason)).collect()
    }
}

impl Running {
    fn eventually(&self, is_so: impl Fn(&Counters) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so(&self.counters) {
            assert!(Instant::now() < end, "still not so: {:?}", self.counters);
            thread::yield_now();
        }
    }

    fn stop(self) {
        self.shutdown.cancel();
        self.thread.join().expect("no panic").expect("ended by its shutdown");
    }
}

fn opens(numbers: impl IntoIterator<Item = i64>) -> Vec<Event> {
    numbers.into_iter().map(|number| open(number, 1)).collect()
}

fn lines(numbers: impl IntoIterator<Item = i64>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("open {number} spring")).collect()
}

#[test]
fn events_arrive_in_order_with_what_is_known_of_their_message() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring"), open(1, 1), open(2, 9)]);
    scene.apply(&opens(3..30));
    let far = Far::taking_all();
    scene.until_done(&far, 29);
    let mut expected = lines(1..30);
    expected[1] = "open 2 ?".into();
    assert_eq!(far.events(), expected);
    let durable = scene.log.reader(Position::START).durable().expect("read");
    assert_eq!(scene.cursor().position(), durable);
    assert!(far.sent().iter().all(|sent| sent.events.len() <= 8));
    // Nothing comes again.
    let again = Far::taking_all();
    scene.apply(&opens([30]));
    scene.until_done(&again, 1);
    assert_eq!(again.events(), lines([30]));
}

#[test]
fn what_has_not_arrived_is_sent_again_as_it_was() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    scene.apply(&opens(1..6));
    let far = Far::answering([retry(), retry(), retry()]);
    scene.until_done(&far, 5);
    let sent = far.sent();
    assert_eq!(sent.iter().map(|sent| sent.attempts).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(sent.iter().all(|one| one.id == sent[0].id && one.events == lines(1..6)));
    assert_eq!(scene.dead(), []);
}

#[test]
fn what_is_refused_is_found_and_put_aside_and_the_rest_arrives_in_order() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    scene.apply(&opens(1..9));
    let far = Far::new(|sent| match sent.events.iter().any(|line| line.contains(" 4 ")) {
        true => Err(refused()),
        false => Ok(Receipt::default()),
    });
    scene.until_done(&far, 8);
    let taken: Vec<_> = far.sent().into_iter().flat_map(|sent| sent.events).fold(
        Vec::new(),
        |mut all: Vec<String>, line| {
            all.retain(|known| *known != line);
            all.push(line);
            all
        },
    );
    assert_eq!(taken.len(), 8);
    let parts: Vec<_> = far.sent().iter().map(|sent| sent.events.len()).collect();
    assert_eq!(parts, [8, 4, 2, 2, 1, 1, 4]);
    assert_eq!(scene.dead(), [(4, "status 400: wrong".into())]);
}

#[test]
fn batch_that_is_too_large_goes_in_halves_whose_ids_are_stable() {
    let ids = || {
        let scene = Scene::new();
        scene.apply(&[reception(1, "spring")]);
        scene.apply(&opens(1..9));
        let mut is_lost = true;
        let far = Far::new(move |sent| match sent.events.len() {
            3.. => Err(SendError::TooLarge { reason: "status 413".into(), status: Some(413) }),
            _ if std::mem::take(&mut is_lost) => Err(retry()),
            _ => Ok(Receipt::default()),
        });
        scene.until_done(&far, 8);
        far.sent()
    };
    let sent = ids();
    let sizes: Vec<_> = sent.iter().map(|sent| sent.events.len()).collect();
    assert_eq!(sizes, [8, 4, 2, 2, 2, 4, 2, 2]);
    assert_eq!(sent[2].id, sent[3].id, "the part that was lost has the same id again");
    let arrived: Vec<_> =
        [3, 4, 6, 7].into_iter().flat_map(|index: usize| sent[index].events.clone()).collect();
    assert_eq!(arrived, lines(1..9));
}

#[test]
fn single_event_that_is_too_large_is_put_aside() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    scene.apply(&opens(1..2));
    let far =
        Far::answering([SendError::TooLarge { reason: "status 413".into(), status: Some(413) }]);
    scene.until_done(&far, 1);
    assert_eq!(scene.dead(), [(1, "status 413".into())]);
    let letters = scene.ledger().dead_letters(LetterFilter::All, -1, 9).expect("read");
    assert_eq!(letters[0].1.status, Some(413));
}

#[test]
fn events_that_are_too_old_for_the_far_side_are_put_aside_at_once() {
    let scene = Scene::new();
    let old = Event { timestamp: Timestamp(base() - 86_400_000 + 5), ..open(5, 1) };
    scene.apply(&[reception(1, "spring"), old]);
    scene.apply(&opens(6..8));
    let mut far = Far::taking_all();
    far.limits.event_age_max = Some(Duration::from_secs(86_400));
    scene.until_done(&far, 3);
    assert_eq!(far.events(), lines(6..8));
    let [(5, reason)] = &scene.dead()[..] else { panic!("{:?}", scene.dead()) };
    assert!(reason.contains("event_age_hours_max"), "{reason}");
}

#[test]
fn events_are_given_up_when_nothing_arrives_for_long_and_they_are_old() {
    let mut scene = Scene::new();
    scene.config.retry_for = Duration::from_secs(120);
    scene.apply(&[reception(1, "spring")]);
    let old = |number| Event { timestamp: Timestamp(base() - 600_000 + number), ..open(number, 1) };
    scene.apply(&[old(1), old(2)]);
    // Nothing arrives since longer than that, as the ledger knows from before the start.
    let since = Timestamp(now().0 - 300_000);
    scene.ledger().set_failing_since(Some(since)).expect("written");
    let mut far = Far::new(|sent| match sent.events.iter().any(|line| line.contains(" 3 ")) {
        true => Ok(Receipt::default()),
        false => Err(retry()),
    });
    far.limits.events_max = 2;
    scene.until(&far, |counters| counters.put_aside.get() == 2);
    let reason = "given up after 0 hours: status 503".to_owned();
    assert_eq!(scene.dead(), [(1, reason.clone()), (2, reason)]);
    // A later event has its own time.
    scene.apply(&opens([3]));
    scene.until(&far, |counters| counters.events.get() == 1);
    assert_eq!(scene.ledger().failing_since().expect("read"), None);
}

#[test]
fn far_side_that_refuses_everything_is_taken_to_be_broken() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    scene.apply(&opens(1..41));
    let far = Far::new(|_| Err(refused()));
    scene.until(&far, |counters| counters.failures.get() > 3);
    assert_eq!(scene.dead().len(), 16);
    let healed = Far::taking_all();
    scene.until(&healed, |counters| counters.events.get() == 24);
    assert_eq!(healed.events(), lines(17..41));
}

/// Every state in which a feeder may be killed: the ledger is what it leaves.
#[test]
fn batch_that_was_under_way_is_sent_again_with_its_id_and_its_events() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    scene.apply(&opens(1..7));
    let far = Far::new(|_| Err(retry()));
    // It stops as a crash does: nothing but the ledger says that the batch was sent.
    scene.until(&far, |counters| counters.failed.get() >= 2);
    let lost = far.sent().remove(0);
    // More has come meanwhile, which is none of it.
    scene.apply(&opens(7..10));
    let healed = Far::taking_all();
    scene.until_done(&healed, 9);
    let sent = healed.sent();
    assert_eq!((&sent[0].id, &sent[0].events), (&lost.id, &lost.events));
    assert!(sent[0].attempts >= 2);
    assert_eq!(healed.events(), lines(1..10));
}

#[test]
fn halves_that_have_arrived_are_not_sent_again_after_a_crash() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    scene.apply(&opens(1..9));
    let mut parts = 0;
    let far = Far::new(move |sent| match sent.events.len() {
        8 => Err(SendError::TooLarge { reason: "status 413".into(), status: Some(413) }),
        _ if std::mem::replace(&mut parts, 1) == 0 => Ok(Receipt::default()),
        _ => Err(retry()),
    });
    scene.until(&far, |counters| counters.failed.get() >= 3);
    let second = far.sent().into_iter().nth(2).expect("the second half");
    let healed = Far::taking_all();
    scene.until_done(&healed, 4);
    let sent = healed.sent();
    assert_eq!((&sent[0].id, &sent[0].events), (&second.id, &lines(5..9)));
}

#[test]
fn records_find_their_message_by_its_queue_id_and_others_go_nowhere() {
    let scene = Scene::new();
    let queue_id = |id: &str| Some(id.to_owned());
    let injection = UpstreamReply { queue_id: queue_id("4XyZ"), ..UpstreamReply::default() };
    let record = |number, id| {
        let attempt = Some(Box::new(Attempt::default()));
        let reply = UpstreamReply { queue_id: queue_id(id), attempt, ..UpstreamReply::default() };
        let event = event(number, 0, Occurrence::Delivery(reply));
        Event { message_id: MessageId::UNKNOWN, ..event }
    };
    scene.apply(&[
        reception(1, "spring"),
        event(1, 1, Occurrence::Injection(injection)),
        record(2, "4XyZ"),
        record(3, "unheard-of"),
    ]);
    let far = Far::taking_all();
    scene.until(&far, |counters| counters.events.get() == 2 && counters.foreign.get() == 1);
    assert_eq!(far.events(), ["injection 1 spring", "delivery 2 spring"]);
}

#[test]
fn event_waits_for_its_message() {
    let mut scene = Scene::new();
    scene.config.join_wait = PATIENCE;
    let young = Event { timestamp: Timestamp(now().0 / 1_000 * 1_000 + 1), ..open(1, 1) };
    scene.apply(&[young]);
    let far = Far::taking_all();
    let running = scene.start(&far);
    running.eventually(|counters| counters.read_events.get() == 1);
    assert_eq!(far.sent(), []);
    scene.apply(&[reception(1, "spring")]);
    running.eventually(|counters| counters.events.get() == 1);
    running.stop();
    assert_eq!(far.events(), lines([1]));
}

#[test]
fn filters_let_through_what_they_say() {
    let through = |filter: Filter| {
        let mut scene = Scene::new();
        scene.config.filter = filter;
        let initial = event(2, 1, Occurrence::InitialOpen(Visit::default()));
        scene.apply(&[reception(1, "spring"), open(1, 1), initial, open(3, 9)]);
        let far = Far::taking_all();
        scene.until(&far, |counters| counters.read_events.get() == 4 && far_is_done(counters));
        far.events()
    };
    let some = |name: &str| vec![name.to_owned()];
    let of_types = Filter { types: some("initial_open"), ..Filter::default() };
    assert_eq!(through(of_types), ["initial_open 2 spring"]);
    let of_customer = Filter { customers: some("acme"), ..Filter::default() };
    assert_eq!(through(of_customer), ["open 1 spring", "initial_open 2 spring"]);
    let of_subaccount = Filter { subaccounts: some("8"), ..Filter::default() };
    assert_eq!(through(of_subaccount), Vec::<String>::new());
    assert_eq!(through(Filter::default()).len(), 3);
}

/// Nothing that was read waits any more.
fn far_is_done(counters: &Counters) -> bool {
    counters.cursor.get() > 0 && counters.under_way.get() == 0 && counters.oldest_at.get() == 0
}

#[test]
fn ledger_of_another_log_is_refused() {
    let scene = Scene::new();
    scene.ledger().finish(1 << 40, &[]).expect("written");
    let running = scene.start(&Far::taking_all());
    let ended = running.thread.join().expect("no panic");
    assert!(matches!(ended, Err(FeedError::LedgerAhead { .. })), "{ended:?}");
    assert!(Path::new(&Ledger::file(scene.folder.path(), "far")).exists());
}
