use super::*;
use proptest::prelude::*;
use tempfile::TempDir;
use tracking::{
    event::{Event, Occurrence, Visit},
    ids::{EventId, MessageId},
};

fn ledger() -> (TempDir, Ledger) {
    let directory = tempfile::tempdir().expect("a directory");
    let ledger = Ledger::open(directory.path(), "sparkpost").expect("a ledger");
    (directory, ledger)
}

fn again(directory: &TempDir) -> Ledger {
    Ledger::open(directory.path(), "sparkpost").expect("a ledger")
}

fn letter(number: u8) -> DeadLetter {
    DeadLetter {
        event: Event {
            event_id: EventId::new(Timestamp(1_000), [number; 10]),
            timestamp: Timestamp(1_000),
            message_id: MessageId::new(Timestamp(1_000), [number; 5]),
            occurrence: Occurrence::Open(Visit::default()),
            is_from_elsewhere: false,
        },
        dead_at: Timestamp(2_000),
        batch_id: Uuid::from_u128(7),
        reason: "status 400".into(),
        status: Some(400),
    }
}

fn batch() -> UnderWay {
    UnderWay {
        id: Uuid::from_u128(7),
        begin: 100,
        end: 900,
        places: vec![100, 350, 351, 800],
        pieces: vec![(2, 2), (0, 2)],
        attempts: 0,
    }
}

#[test]
fn what_is_under_way_is_known_after_a_crash() {
    let (directory, mut ledger) = ledger();
    assert_eq!((ledger.under_way().expect("read"), ledger.passed().expect("read")), (None, 0));
    ledger.begin(&batch(), &[letter(1)]).expect("written");
    drop(ledger);
    let mut ledger = again(&directory);
    assert_eq!(ledger.under_way().expect("read"), Some(batch()));
    assert_eq!(ledger.passed().expect("read"), 100);
    ledger.go_on(&[(2, 2)], 3, &[letter(2)]).expect("written");
    drop(ledger);
    let mut ledger = again(&directory);
    let left = UnderWay { pieces: vec![(2, 2)], attempts: 3, ..batch() };
    assert_eq!(ledger.under_way().expect("read"), Some(left));
    ledger.arrived(&[]).expect("written");
    drop(ledger);
    let mut ledger = again(&directory);
    let left = UnderWay { pieces: Vec::new(), attempts: 0, ..batch() };
    assert_eq!(ledger.under_way().expect("read"), Some(left), "but for the end of it");
    ledger.finish(900, &[]).expect("written");
    drop(ledger);
    let ledger = again(&directory);
    assert_eq!((ledger.under_way().expect("read"), ledger.passed().expect("read")), (None, 900));
    assert_eq!(ledger.count_dead_letters().expect("read"), 2);
}

#[test]
fn dead_letters_stay_until_they_are_removed_or_have_arrived() {
    let (_directory, mut ledger) = ledger();
    ledger.put_aside(&[letter(1), letter(2)]).expect("written");
    let all = ledger.dead_letters(LetterFilter::All, -1, 10).expect("read");
    assert_eq!(all, [(1, letter(1)), (2, letter(2))]);
    assert_eq!(ledger.dead_letters(LetterFilter::All, 1, 10).expect("read"), [(2, letter(2))]);
    assert_eq!(ledger.dead_letters(LetterFilter::AskedFor, -1, 10).expect("read"), []);
    assert_eq!(ledger.ask_for_dead_letters().expect("written"), 2);
    assert_eq!(ledger.take_dead_letters(2).expect("written"), 2);
    // The second is refused again: it has another reason, and is not asked for any more.
    let refused = DeadLetter { reason: "status 422".into(), ..letter(2) };
    ledger.put_aside(std::slice::from_ref(&refused)).expect("written");
    // One that is asked for again stays, and is sent once more.
    assert_eq!(ledger.ask_for_dead_letters().expect("written"), 2);
    assert_eq!(ledger.remove_dead_letters(LetterFilter::AskedFor, 2).expect("written"), 0);
    assert_eq!(ledger.take_dead_letters(1).expect("written"), 1);
    assert_eq!(ledger.remove_dead_letters(LetterFilter::AskedFor, 2).expect("written"), 1);
    assert_eq!(ledger.dead_letters(LetterFilter::All, -1, 10).expect("read"), [(2, refused)]);
    assert_eq!(ledger.remove_dead_letters(LetterFilter::All, 2).expect("written"), 1);
    assert_eq!(ledger.count_dead_letters().expect("read"), 0);
}

#[test]
fn replays_go_on_where_they_were() {
    let (_directory, mut ledger) = ledger();
    assert_eq!(ledger.next_replay().expect("read"), None);
    let id = ledger.ask_for_replay(Timestamp(5), Timestamp(9), Timestamp(10)).expect("written");
    let mut replay = ledger.next_replay().expect("read").expect("one waits");
    assert_eq!((replay.id, replay.since, replay.until), (id, Timestamp(5), Timestamp(9)));
    (replay.position, replay.events) = (Some(77), 12);
    ledger.set_replay(&replay).expect("written");
    assert_eq!(ledger.next_replay().expect("read"), Some(replay.clone()));
    replay.state = ReplayState::Done;
    ledger.set_replay(&replay).expect("written");
    assert_eq!(ledger.next_replay().expect("read"), None);
    assert_eq!(ledger.replays(10).expect("read"), [replay]);
}

#[test]
fn pause_and_failure_are_known_after_a_restart() {
    let (directory, mut ledger) = ledger();
    assert!(!ledger.is_paused().expect("read"));
    ledger.set_paused(true).expect("written");
    ledger.set_failing_since(Some(Timestamp(5))).expect("written");
    drop(ledger);
    let mut ledger = again(&directory);
    assert!(ledger.is_paused().expect("read"));
    assert_eq!(ledger.failing_since().expect("read"), Some(Timestamp(5)));
    ledger.set_failing_since(None).expect("written");
    assert_eq!(ledger.failing_since().expect("read"), None);
}

proptest! {
    #[test]
    fn places_are_read_as_they_were_written(mut places: Vec<u64>) {
        places.sort_unstable();
        prop_assert_eq!(places::decode(&places::encode(&places)), Some(places));
    }

    #[test]
    fn any_octets_are_places_or_none(octets: Vec<u8>) {
        places::decode(&octets);
    }
}
