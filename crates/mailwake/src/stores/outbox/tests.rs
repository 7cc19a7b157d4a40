use super::*;

fn letter(number: u8, host: &str) -> Letter {
    Letter {
        message_id: MessageId::from_octets([number; 10]),
        target_url: format!("https://{host}/{number}"),
        host: host.into(),
        since: Timestamp(1_000 + i64::from(number)),
        attempts: 0,
    }
}

fn numbers(letters: &[Letter]) -> Vec<u8> {
    letters.iter().map(|letter| letter.message_id.octets()[0]).collect()
}

const LATE: Timestamp = Timestamp(9_000);

impl Outbox {
    /// How many wait, and how many were given up.
    pub(crate) fn counts(&self) -> Result<(u64, u64), OutboxError> {
        let given_up = "SELECT count(*) FROM letters WHERE state = 'given_up'";
        Ok((self.waiting()?, self.count(given_up)?))
    }
}

#[test]
fn letters_wait_until_they_are_due_also_in_the_next_process() {
    let directory = tempfile::tempdir().expect("directory");
    let mut outbox = Outbox::open(directory.path()).expect("opened");
    assert_eq!(outbox.next_due().expect("read"), None);
    let first = letter(1, "a.example");
    assert_eq!(outbox.take(&[first.clone(), letter(2, "b.example")]).expect("written"), 2);
    // Who unsubscribes again is known.
    assert_eq!(outbox.take(std::slice::from_ref(&first)).expect("written"), 0);
    assert_eq!(outbox.due(Timestamp(1_001), 9, 9).expect("read"), [first]);
    outbox.put_off(MessageId::from_octets([1; 10]), Timestamp(8_000), 3, "x").expect("written");
    drop(outbox);
    let outbox = Outbox::open(directory.path()).expect("opened");
    assert_eq!(numbers(&outbox.due(Timestamp(7_999), 9, 9).expect("read")), [2]);
    assert_eq!(outbox.next_due().expect("read"), Some(Timestamp(1_002)));
    assert_eq!(outbox.due(LATE, 9, 9).expect("read")[1].attempts, 3);
    assert_eq!(outbox.counts().expect("read"), (2, 0));
}

#[test]
fn one_host_does_not_hold_up_the_others() {
    let directory = tempfile::tempdir().expect("directory");
    let mut outbox = Outbox::open(directory.path()).expect("opened");
    let many: Vec<_> = (0..20).map(|number| letter(number, "a.example")).collect();
    outbox.take(&many).expect("written");
    outbox.take(&[letter(99, "b.example")]).expect("written");
    assert_eq!(numbers(&outbox.due(LATE, 2, 9).expect("read")), [0, 1, 99]);
    assert_eq!(numbers(&outbox.due(LATE, 2, 2).expect("read")), [0, 1]);
}

#[test]
fn what_was_told_is_known_for_a_while_and_what_was_given_up_stays() {
    let directory = tempfile::tempdir().expect("directory");
    let mut outbox = Outbox::open(directory.path()).expect("opened");
    let both = [letter(1, "a.example"), letter(2, "a.example")];
    outbox.take(&both).expect("written");
    outbox.told(both[0].message_id, Timestamp(2_000)).expect("written");
    outbox.give_up(both[1].message_id, Timestamp(2_000), "status 404").expect("written");
    assert_eq!(outbox.counts().expect("read"), (0, 1));
    assert_eq!(outbox.take(&both).expect("written"), 0);
    outbox.forget_told(Timestamp(2_001)).expect("written");
    assert_eq!(outbox.take(&both).expect("written"), 1);
    assert_eq!(outbox.counts().expect("read"), (1, 1));
    // The same person asks again.
    let again = Letter { since: Timestamp(3_000), ..both[1].clone() };
    assert_eq!(outbox.take(std::slice::from_ref(&again)).expect("written"), 1);
    assert_eq!(outbox.counts().expect("read"), (2, 0));
    assert_eq!(outbox.due(LATE, 9, 9).expect("read")[1], again);
}
