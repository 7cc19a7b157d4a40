//! What operators ask of a feeder.

use super::*;

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
