//! What operators ask of a feeder.

use super::*;
use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

#[test]
fn feeder_that_is_paused_sends_nothing_and_goes_on_later() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    scene.apply(&opens(1..4));
    scene.ledger().set_paused(true).expect("written");
    let far = Far::taking_all();
    let running = scene.start(&far);
    running.eventually(|counters| counters.is_paused.get() == 1);
    assert_eq!(far.sent(), []);
    // How far it is behind is told all the same: about as many events as wait.
    let durable = scene.log.reader(Position::START).durable().expect("read");
    running.eventually(|counters| {
        counters.lag_seconds() >= 60 && (2..=5).contains(&counters.lag_events(durable))
    });
    scene.ledger().set_paused(false).expect("written");
    running.eventually(|counters| counters.events.get() == 3);
    running.stop();
    assert_eq!(far.events(), lines(1..4));
}

#[test]
fn dead_letters_are_sent_again_and_stay_when_they_are_refused_again() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    scene.apply(&opens(1..4));
    let refusing = Far::new(|_| Err(refused()));
    scene.until_done(&refusing, 3);
    assert_eq!(scene.dead().len(), 3);
    scene.ledger().ask_for_dead_letters().expect("written");
    let far = Far::new(|sent| match sent.events.iter().any(|line| line.contains(" 2 ")) {
        true => Err(refused()),
        false => Ok(Receipt::default()),
    });
    scene.until(&far, |counters| {
        counters.events.get() == 2
            && counters.put_aside.get() == 1
            && counters.dead_letters.get() == 1
    });
    assert_eq!(scene.dead(), [(2, "status 400: wrong".into())]);
    let asked = scene.ledger().dead_letters(LetterFilter::AskedFor, -1, 9).expect("read");
    assert_eq!(asked, []);
}

#[test]
fn events_of_some_time_are_sent_again_with_their_ids_and_the_cursor_stays() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    let events = opens(1..30);
    scene.apply(&events);
    let first = Far::taking_all();
    scene.until_done(&first, 29);
    let position = scene.cursor().position();
    let (from, to) = (events[9].timestamp, events[24].timestamp);
    scene.ledger().ask_for_replay(from, to, now()).expect("written");
    let far = Far::taking_all();
    scene.until(&far, |counters| counters.events.get() == 15);
    let running = scene.start(&Far::taking_all());
    let end = Instant::now() + PATIENCE;
    while scene.ledger().next_replay().expect("read").is_some() {
        assert!(Instant::now() < end, "the replay is not over");
        thread::yield_now();
    }
    running.stop();
    assert_eq!(far.events(), lines(10..25));
    assert_eq!(scene.cursor().position(), position);
    let [replay] = &scene.ledger().replays(9).expect("read")[..] else { panic!("one replay") };
    assert_eq!(replay.events, 15);
}

#[test]
fn state_is_told_to_who_asks_from_outside() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    scene.apply(&opens(1..4));
    let far = Far::answering([retry()]);
    scene.until_done(&far, 3);
    let told = Status::read(scene.folder.path(), "far").expect("read").expect("told");
    assert_eq!((told.kind.as_str(), told.is_running), ("test", false));
    assert_eq!((told.events, told.batches, told.failed_attempts), (3, 1, 1));
    let [failed] = &told.failed_batches[..] else { panic!("{told:?}") };
    assert_eq!((failed.attempts, failed.status, failed.events), (1, Some(503), 3));
    assert_eq!(failed.batch_id, far.sent()[0].id);
}

/// The far side takes no event of the replay, and all others.
#[test]
fn replay_that_does_not_arrive_holds_nothing_up() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    let events = opens(1..4);
    scene.apply(&events);
    scene.until_done(&Far::taking_all(), 3);
    scene.ledger().ask_for_replay(events[0].timestamp, now(), now()).expect("written");
    let far = Far::new(|sent| match sent.events.contains(&"open 1 spring".to_owned()) {
        true => Err(retry()),
        false => Ok(Receipt::default()),
    });
    let running = scene.start(&far);
    running.eventually(|counters| counters.failed.get() >= 2);
    for number in 4..8 {
        scene.apply(&opens([number]));
        running.eventually(|counters| counters.events.get() == number.unsigned_abs() - 3);
    }
    let failed = running.counters.failed.get();
    running.eventually(|counters| counters.failed.get() > failed);
    running.eventually(|_| {
        let told = Status::read(scene.folder.path(), "far").expect("read");
        told.is_some_and(|told| told.is_running && told.last_error.is_some())
    });
    running.stop();
    assert!(scene.ledger().next_replay().expect("read").is_some());
    assert_eq!(scene.ledger().failing_since().expect("read"), None);
    assert_eq!(scene.dead(), []);
}

#[test]
fn replay_and_log_take_turns() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    let events = opens(1..25);
    scene.apply(&events);
    scene.until_done(&Far::taking_all(), 24);
    scene.apply(&opens(25..49));
    scene
        .ledger()
        .ask_for_replay(events[0].timestamp, events[23].timestamp, now())
        .expect("written");
    let far = Far::taking_all();
    scene.until(&far, |counters| counters.events.get() == 47);
    let place = |line: &str| far.events().iter().position(|sent| sent == line);
    assert!(place("open 25 spring") < place("open 23 spring"), "{:?}", far.sent());
    assert!(place("open 1 spring") < place("open 48 spring"), "{:?}", far.sent());
}

#[test]
fn dead_letter_that_cannot_be_read_is_told_and_holds_nothing_up() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    scene.apply(&opens(1..3));
    scene.until_done(&Far::new(|_| Err(refused())), 2);
    scene.ledger().ask_for_dead_letters().expect("written");
    let database = rusqlite::Connection::open(Ledger::file(scene.folder.path(), "far"));
    let database = database.expect("a database");
    let spoil = "UPDATE dead_letters SET event = x'00' WHERE number = 1";
    database.execute(spoil, []).expect("written");
    let far = Far::taking_all();
    let running = scene.start(&far);
    running.eventually(|counters| counters.replay_trouble.get().is_some());
    scene.apply(&opens([3]));
    running.eventually(|counters| counters.events.get() == 1);
    assert_eq!(running.counters.trouble.get(), None);
    database.execute("DELETE FROM dead_letters WHERE number = 1", []).expect("written");
    running.eventually(|counters| {
        counters.events.get() == 2 && counters.replay_trouble.get().is_none()
    });
    running.stop();
    assert_eq!(far.events(), lines([3, 2]));
    assert_eq!(scene.dead(), []);
}

/// What keeps it from starting goes: nobody has to ask for another start.
#[test]
fn feeder_that_cannot_start_or_panics_is_told_and_starts_again() {
    let scene = Scene::new();
    scene.apply(&[reception(1, "spring")]);
    scene.apply(&opens(1..4));
    let ledger = Ledger::file(scene.folder.path(), "far");
    fs::create_dir(&ledger).expect("made");
    let panics = Arc::new(AtomicBool::new(true));
    let still = panics.clone();
    let far = Far::new(move |_| match still.load(Relaxed) {
        false => Ok(Receipt::default()),
        true => panic!("a mistake, for a test"),
    });
    let running = scene.keep(&far);
    running.eventually(|counters| counters.errors.get() >= 2);
    let trouble = running.counters.trouble.get().expect("it is told");
    assert!(trouble.starts_with("feeder far is not running: feed: open ledger"), "{trouble}");
    assert_eq!(far.sent(), []);
    fs::remove_dir(&ledger).expect("removed");
    let panicked = "feeder far is not running: it panicked, which is a mistake in mailwake";
    running.eventually(|counters| counters.trouble.get().as_deref() == Some(panicked));
    panics.store(false, Relaxed);
    running.eventually(|counters| counters.events.get() == 3 && counters.trouble.get().is_none());
    running.stop();
    let sent = far.sent();
    assert!(sent.len() > 1 && sent.iter().all(|sent| sent.events == lines(1..4)), "{sent:?}");
}
