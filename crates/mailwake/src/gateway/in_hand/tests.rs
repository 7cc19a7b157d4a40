use super::*;
use mail::smtp::{client::Client, reply::Reply, session::EnvelopeLine};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const NAMED: &[u8] = b"Message-ID: <1@a.example>\r\n\r\nhello\r\n";
const NAMELESS: &[u8] = b"Subject: hello\r\n\r\nhello\r\n";

/// Who has accepted a message to ann and bob, after what happens to it.
fn check(content: &[u8], happens: impl FnOnce(InHand<'_>), wanted: &[usize]) {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = open(&folder);
    runtime().block_on(async {
        let mut in_hand = InHand::take(&memory, &transaction(), content);
        assert!(in_hand.before().is_empty());
        in_hand.note(0, &transaction(), content);
        happens(in_hand);
    });
    assert_eq!(before(&memory, content), wanted, "in this process");
    drop(memory);
    assert_eq!(before(&open(&folder), content), wanted, "in the next one");
}

fn before(memory: &AcceptedMemory, content: &[u8]) -> Vec<usize> {
    InHand::take(memory, &transaction(), content).before().to_vec()
}

fn open(folder: &TempDir) -> AcceptedMemory {
    AcceptedMemory::open(&folder.path().join("accepted"), stamp::now()).expect("open")
}

fn transaction() -> Transaction {
    let line = |mailbox: &str| EnvelopeLine { line: String::new(), mailbox: mailbox.into() };
    Transaction {
        reverse_path: line("news@a.example"),
        recipients: vec![line("ann@b.example"), line("bob@b.example")],
        is_binary: false,
        client: Client::default(),
        is_forwarded: false,
        has_repetition: false,
    }
}

/// The memory blocks in place, which needs more than one thread.
fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).build().expect("a runtime")
}

fn deferred() -> Told {
    Told::Deferred(Reply::new(451, "4.7.1", "some"))
}

fn outcomes() -> [Outcome; 2] {
    [Outcome::Answered(Reply::new(250, "2.0.0", "Ok")), Outcome::Lost]
}

#[test]
fn sender_that_was_told_sends_another_message() {
    check(NAMED, |in_hand: InHand<'_>| in_hand.told(), &[]);
}

#[test]
fn message_that_was_cut_off_comes_again() {
    check(NAMELESS, |in_hand: InHand<'_>| drop(in_hand), &[0]);
}

#[test]
fn sender_that_left_comes_again_with_the_same_message_id() {
    check(NAMED, |in_hand: InHand<'_>| in_hand.untold(), &[0]);
}

#[test]
fn without_a_message_id_the_same_octets_may_be_another_message() {
    check(NAMELESS, |in_hand: InHand<'_>| in_hand.untold(), &[]);
}

#[test]
fn sender_that_is_told_to_come_again_does() {
    check(
        NAMELESS,
        |mut in_hand: InHand<'_>| {
            in_hand.settle(&deferred(), &outcomes(), &transaction(), NAMELESS);
            in_hand.told();
        },
        &[0],
    );
}

#[test]
fn message_that_came_again_and_has_ended_is_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = open(&folder);
    runtime().block_on(async {
        let mut in_hand = InHand::take(&memory, &transaction(), NAMELESS);
        in_hand.note(0, &transaction(), NAMELESS);
        in_hand.remember_noted(0);
        drop(in_hand);
        let in_hand = InHand::take(&memory, &transaction(), NAMELESS);
        assert_eq!(in_hand.before(), [0]);
        in_hand.told();
    });
    assert!(memory.is_empty());
    drop(memory);
    assert!(open(&folder).is_empty());
}
