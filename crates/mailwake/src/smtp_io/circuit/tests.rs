use super::*;

const CONFIG: CircuitConfig = CircuitConfig { refusals_max: 3, pause_max: Duration::from_secs(8) };

/// The longest pause that a random octet gives.
const LONGEST: u8 = u8::MAX;

fn opened(now: Instant) -> Circuit {
    let circuit = Circuit::new(CONFIG);
    for _ in 0..3 {
        circuit.enter(now).expect("closed").refused(now, LONGEST);
    }
    circuit
}

#[test]
fn refusals_in_a_row_open_it() {
    let (circuit, now) = (Circuit::new(CONFIG), Instant::now());
    let refuse = || circuit.enter(now).expect("closed").refused(now, LONGEST);
    assert_eq!((refuse(), refuse()), (None, None));
    // One that is taken begins the count anew.
    assert_eq!(circuit.enter(now).expect("closed").taken(), None);
    assert_eq!((refuse(), refuse()), (None, None));
    assert!(!circuit.is_open());
    assert_eq!(refuse(), Some(Change::Opened(Duration::from_secs(1))));
    assert!(circuit.is_open() && circuit.enter(now).is_none());
}

#[test]
fn one_session_tries_when_the_pause_is_over() {
    let now = Instant::now();
    let circuit = opened(now);
    assert!(circuit.enter(now + Duration::from_millis(999)).is_none());
    let trial = circuit.enter(now + Duration::from_secs(1)).expect("its turn");
    assert!(circuit.enter(now + Duration::from_secs(2)).is_none(), "one at a time");
    assert!(circuit.is_open());
    assert_eq!(trial.taken(), Some(Change::Closed));
    assert!(!circuit.is_open() && circuit.enter(now).is_some());
}

#[test]
fn each_pause_is_longer_up_to_the_longest() {
    let mut now = Instant::now();
    let circuit = opened(now);
    now += Duration::from_secs(1);
    for seconds in [2, 4, 8, 8, 8] {
        let pause = Duration::from_secs(seconds);
        let trial = circuit.enter(now).expect("its turn");
        assert_eq!(trial.refused(now, LONGEST), Some(Change::Opened(pause)));
        assert!(circuit.enter(now + pause / 2).is_none());
        now += pause;
    }
    // The number of pauses has no end either.
    let longest = Circuit::new(CONFIG).pause(u32::MAX, LONGEST);
    assert_eq!(longest, CONFIG.pause_max);
}

#[test]
fn half_of_a_pause_is_random() {
    let circuit = Circuit::new(CONFIG);
    assert_eq!(circuit.pause(1, 0), Duration::from_secs(1));
    assert_eq!(circuit.pause(1, LONGEST), Duration::from_secs(2));
}

#[test]
fn session_that_ends_before_it_knows_leaves_its_turn_to_the_next() {
    let now = Instant::now();
    let circuit = opened(now);
    let later = now + Duration::from_secs(5);
    drop(circuit.enter(later).expect("its turn"));
    assert!(circuit.is_open());
    assert!(circuit.enter(later).is_some(), "the turn of the next");
}

#[test]
fn session_from_before_the_pause_changes_it_only_by_success() {
    let now = Instant::now();
    let circuit = Circuit::new(CONFIG);
    let [first, second, third] = [(); 3].map(|()| circuit.enter(now).expect("closed"));
    for _ in 0..3 {
        circuit.enter(now).expect("closed").refused(now, LONGEST);
    }
    assert_eq!(first.refused(now, LONGEST), None);
    let trial = circuit.enter(now + Duration::from_secs(1)).expect("its turn");
    assert_eq!(second.refused(now, LONGEST), None);
    assert_eq!(third.taken(), Some(Change::Closed));
    // The trial finds a closed circuit, and is one refusal of it.
    assert_eq!(trial.refused(now, LONGEST), None);
    assert!(!circuit.is_open());
}

#[test]
fn session_that_may_fail_yet_does_not_end_the_pauses() {
    let now = Instant::now();
    let circuit = opened(now);
    let later = now + Duration::from_secs(1);
    circuit.enter(later).expect("its turn").greeted();
    assert!(!circuit.is_open());
    // Without TLS, say: the pause is longer than the one before.
    assert_eq!(circuit.failed(later, LONGEST), Some(Change::Opened(Duration::from_secs(2))));
    let later = later + Duration::from_secs(2);
    circuit.enter(later).expect("its turn").greeted();
    assert_eq!(circuit.worked(), Some(Change::Closed));
    assert_eq!(circuit.worked(), None);
    // Now it takes as many failures as ever, however many sessions are greeted.
    let fail = || {
        circuit.enter(later).expect("closed").greeted();
        circuit.failed(later, LONGEST)
    };
    assert_eq!((fail(), fail()), (None, None));
    assert_eq!(fail(), Some(Change::Opened(Duration::from_secs(1))));
}
