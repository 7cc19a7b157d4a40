use super::*;
use mail::smtp::{client::Client, session::EnvelopeLine};

const NOW: Timestamp = Timestamp(1_795_233_600_000);

fn transaction(recipients: &[&str]) -> Transaction {
    let line = |mailbox: &str| EnvelopeLine { line: String::new(), mailbox: mailbox.into() };
    Transaction {
        reverse_path: line("ann@example.com"),
        recipients: recipients.iter().map(|recipient| line(recipient)).collect(),
        is_binary: false,
        login: None,
        client: Client::default(),
    }
}

fn open(folder: &tempfile::TempDir, now: Timestamp) -> AcceptedMemory {
    AcceptedMemory::open(&folder.path().join("accepted"), now).expect("open")
}

#[test]
fn what_was_remembered_is_known_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = keys(&transaction(&["bob@example.com", "eve@example.com"]), b"hello");
    open(&folder, NOW).remember(&keys[..1], NOW).expect("remember");
    let memory = open(&folder, NOW);
    assert!(memory.holds(keys[0], NOW) && !memory.holds(keys[1], NOW) && !memory.is_empty());
}

#[test]
fn message_is_known_by_sender_content_and_recipient() {
    let key = |content: &[u8]| keys(&transaction(&["bob@example.com"]), content)[0];
    assert_eq!(key(b"hello"), key(b"hello"));
    assert_ne!(key(b"hello"), key(b"hallo"));
    let mut other_sender = transaction(&["bob@example.com"]);
    other_sender.reverse_path.mailbox = "eve@example.com".into();
    assert_ne!(keys(&other_sender, b"hello")[0], key(b"hello"));
}

#[test]
fn senders_are_awaited_for_five_days() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = keys(&transaction(&["bob@example.com"]), b"hello");
    let memory = open(&folder, NOW);
    memory.remember(&keys, NOW).expect("remember");
    let later = |days| Timestamp(NOW.0 + days * Timestamp::DAY_MS);
    assert!(memory.holds(keys[0], later(4)) && !memory.holds(keys[0], later(5)));
    drop(memory);
    assert!(open(&folder, later(5)).is_empty());
    assert_eq!(fs::metadata(folder.path().join("accepted")).expect("file").len(), 0);
}

#[test]
fn record_that_was_cut_off_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = keys(&transaction(&["bob@example.com", "eve@example.com"]), b"hello");
    open(&folder, NOW).remember(&keys, NOW).expect("remember");
    let path = folder.path().join("accepted");
    let whole = fs::read(&path).expect("read");
    fs::write(&path, &whole[..whole.len() - 1]).expect("write");
    let memory = open(&folder, NOW);
    assert!(memory.holds(keys[0], NOW) && !memory.holds(keys[1], NOW));
}

#[test]
fn damaged_record_is_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = keys(&transaction(&["bob@example.com", "eve@example.com"]), b"hello");
    open(&folder, NOW).remember(&keys, NOW).expect("remember");
    let path = folder.path().join("accepted");
    let mut damaged = fs::read(&path).expect("read");
    damaged[3] ^= 1;
    fs::write(&path, damaged).expect("write");
    let memory = open(&folder, NOW);
    assert!(!memory.holds(keys[0], NOW) && memory.holds(keys[1], NOW));
}

#[test]
fn what_has_come_to_its_end_is_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = keys(&transaction(&["bob@example.com", "eve@example.com"]), b"hello");
    let memory = open(&folder, NOW);
    memory.remember(&keys, NOW).expect("remember");
    memory.forget(&keys[..1]).expect("forget");
    assert!(!memory.holds(keys[0], NOW) && memory.holds(keys[1], NOW));
    drop(memory);
    let memory = open(&folder, NOW);
    assert!(!memory.holds(keys[0], NOW) && memory.holds(keys[1], NOW));
}

#[test]
fn file_stays_small_however_much_comes_and_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = open(&folder, NOW);
    let recipients: Vec<String> = (0..1_000).map(|n| format!("{n}@example.com")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let keys = keys(&transaction(&recipients), b"hello");
    for _ in 0..20 {
        memory.remember(&keys, NOW).expect("remember");
        memory.forget(&keys).expect("forget");
    }
    let octets = fs::metadata(folder.path().join("accepted")).expect("file").len();
    assert!(octets <= 13_000 * RECORD_OCTETS as u64, "{octets}");
}
