use super::*;

fn mistakes(text: &str) -> Vec<String> {
    KeyRing::parse(text).expect_err("a mistake").iter().map(ToString::to_string).collect()
}

#[test]
fn key_file_is_read_as_it_was_written() {
    let mut ring = KeyRing::generate([7; 32], "2026-11-21");
    ring.rotate([8; 32], "2026-12-01").expect("room");
    let read = KeyRing::parse(&ring.to_text()).expect("own text");
    let told = |ring: &KeyRing| -> Vec<_> {
        ring.keys().iter().map(|key| (key.id, key.state, key.created.clone(), key.secret)).collect()
    };
    assert_eq!(told(&read), told(&ring));
    assert_eq!(
        (read.active().id(), read.find(1).map(SigningKey::state)),
        (2, Some(KeyState::Retired))
    );
}

#[test]
fn a_staged_key_opens_and_seals_when_it_is_activated() {
    let mut ring = KeyRing::generate([7; 32], "2026-11-21");
    assert_eq!(ring.add([8; 32], "2026-12-01"), Ok(2));
    let mut ring = KeyRing::parse(&ring.to_text()).expect("own text");
    assert_eq!(ring.active().id(), 1);
    assert_eq!(ring.find(2).map(SigningKey::state), Some(KeyState::Staged));
    assert_eq!(ring.activate(3), Err(KeyError::Unknown(3)));
    ring.activate(2).expect("a key of the ring");
    let ring = KeyRing::parse(&ring.to_text()).expect("own text");
    assert_eq!(ring.active().id(), 2);
    assert_eq!(ring.find(1).map(SigningKey::state), Some(KeyState::Retired));
}

#[test]
fn a_key_that_seals_is_not_retired() {
    let mut ring = KeyRing::generate([7; 32], "2026-11-21");
    ring.add([8; 32], "2026-12-01").expect("room");
    assert_eq!(ring.retire(1), Err(KeyError::Active(1)));
    assert_eq!(ring.retire(2), Ok(()));
    assert_eq!(ring.find(2).map(SigningKey::state), Some(KeyState::Retired));
    // What was retired may seal again.
    ring.activate(2).expect("a key of the ring");
    ring.activate(1).expect("a key of the ring");
    assert_eq!(ring.active().id(), 1);
}

#[test]
fn keys_of_another_ring_are_taken_for_opening() {
    let ring = KeyRing::generate([7; 32], "2026-11-21");
    let mut other = KeyRing::generate([9; 32], "2026-11-30");
    assert!(ring.with_keys_of(&other).is_none());
    other.rotate([8; 32], "2026-12-01").expect("room");
    let both = ring.with_keys_of(&other).expect("a key that is new");
    assert_eq!((both.keys().len(), both.active().id()), (2, 1));
    assert!(both.has_same(ring.active()) && both.has_same(other.active()));
    assert_eq!(both.find(2).map(SigningKey::state), Some(KeyState::Staged));
    assert!(KeyRing::parse(&both.to_text()).is_ok());
}

#[test]
fn ids_go_round_and_a_full_ring_takes_no_more() {
    let mut ring = KeyRing::generate([0; 32], "2026-11-21");
    let ids: Vec<_> = (2..=32).map(|n| ring.rotate([n; 32], "2026-11-21").expect("room")).collect();
    assert_eq!(ids, (2..=31).chain([0]).collect::<Vec<_>>());
    assert_eq!(ring.rotate([9; 32], "2026-11-21"), Err(RingFull));
}

#[test]
fn all_mistakes_are_told_with_their_lines() {
    let secret = "A".repeat(43);
    let text = format!(
        "# comment\n1 active today\n32 active 2026-11-21 {secret}\n2 idle 2026-11-21 {secret}\n\
         3 active 2026-11-21 short\n4 retired 2026-11-21 {secret}\n4 retired 2026-11-21 {secret}\n"
    );
    assert_eq!(
        mistakes(&text),
        [
            "line 2: a key is four fields: id, state, created, secret",
            "line 3: the id must be 0 to 31",
            "line 4: the state must be staged, active or retired",
            "line 5: the secret must be 32 octets in base64url without padding",
            "line 7: this id is taken already",
        ]
    );
}

#[test]
fn exactly_one_key_is_active() {
    let key = |id, state| format!("{id} {state} 2026-11-21 {}\n", "A".repeat(43));
    assert_eq!(mistakes(""), ["0 keys are active, exactly one must be"]);
    assert_eq!(mistakes(&key(1, "retired")), ["0 keys are active, exactly one must be"]);
    let two = key(1, "active") + &key(2, "active");
    assert_eq!(mistakes(&two), ["2 keys are active, exactly one must be"]);
}

#[test]
fn debug_output_has_no_secret() {
    let told = format!("{:?}", KeyRing::generate([0xab; 32], "2026-11-21"));
    assert!(!told.contains("171") && !told.to_ascii_lowercase().contains("ab, ab"), "{told}");
}
