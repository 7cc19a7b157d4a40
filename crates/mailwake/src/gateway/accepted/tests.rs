use super::*;
use mail::smtp::{client::Client, session::EnvelopeLine};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_795_233_600_000);

fn transaction(recipients: &[&str]) -> Transaction {
    let line = |mailbox: &str| EnvelopeLine { line: String::new(), mailbox: mailbox.into() };
    Transaction {
        reverse_path: line("ann@example.com"),
        recipients: recipients.iter().map(|recipient| line(recipient)).collect(),
        has_repetition: false,
        is_binary: false,
        client: Client::default(),
        is_forwarded: false,
    }
}

fn open(folder: &TempDir, now: Timestamp) -> AcceptedMemory {
    let path = folder.path().join("accepted");
    AcceptedMemory::open_in(&path, now, b"this boot".into()).expect("open")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn two_keys(memory: &AcceptedMemory) -> Vec<AcceptedKey> {
    memory.keys(&transaction(&["bob@example.com", "eve@example.com"]), b"hello")
}

#[test]
fn what_was_remembered_is_known_after_a_restart() {
    let folder = folder();
    let memory = open(&folder, NOW);
    let keys = two_keys(&memory);
    memory.remember(&keys[..1], NOW).expect("remember");
    let memory = open(&folder, NOW);
    assert!(memory.holds(&keys[0], NOW) && !memory.holds(&keys[1], NOW) && !memory.is_empty());
}

#[test]
fn message_is_known_by_sender_content_and_recipient() {
    let memory = open(&folder(), NOW);
    let key = |content: &[u8]| memory.keys(&transaction(&["bob@example.com"]), content)[0];
    assert_eq!(key(b"hello"), key(b"hello"));
    assert_ne!(key(b"hello"), key(b"hallo"));
    let mut other_sender = transaction(&["bob@example.com"]);
    other_sender.reverse_path.mailbox = "eve@example.com".into();
    assert_ne!(memory.keys(&other_sender, b"hello")[0], key(b"hello"));
}

#[test]
fn senders_are_awaited_for_five_days() {
    let folder = folder();
    let memory = open(&folder, NOW);
    let keys = two_keys(&memory);
    memory.remember(&keys, NOW).expect("remember");
    let later = |days| Timestamp(NOW.0 + days * Timestamp::DAY_MS);
    assert!(memory.holds(&keys[0], later(4)) && !memory.holds(&keys[0], later(5)));
    drop(memory);
    assert!(open(&folder, later(5)).is_empty());
    assert_eq!(octets_of_file(&folder), offset(0));
}

#[test]
fn note_of_a_process_that_died_is_known_to_the_next() {
    let folder = folder();
    let memory = open(&folder, NOW);
    let keys = two_keys(&memory);
    memory.note(&keys[0], NOW).expect("note");
    let told = memory.note(&keys[1], NOW).expect("note");
    memory.wipe(told).expect("wipe");
    assert!(memory.is_empty(), "who has not been told yet does not come again");
    drop(memory);
    let memory = open(&folder, NOW);
    assert!(memory.holds(&keys[0], NOW) && !memory.holds(&keys[1], NOW));
}

#[test]
fn note_of_another_boot_is_never_found() {
    let folder = folder();
    let memory = open(&folder, NOW);
    let keys = two_keys(&memory);
    memory.note(&keys[0], NOW).expect("note");
    memory.remember(&keys[1..], NOW).expect("remember");
    let path = folder.path().join("accepted");
    let memory = AcceptedMemory::open_in(&path, NOW, b"another boot".into()).expect("open");
    let keys = two_keys(&memory);
    assert!(!memory.holds(&keys[0], NOW) && memory.holds(&keys[1], NOW));
}

#[test]
fn note_that_is_kept_is_found_at_once_and_forgotten() {
    let folder = folder();
    let memory = open(&folder, NOW);
    let keys = two_keys(&memory);
    let slot = memory.note(&keys[0], NOW).expect("note");
    memory.keep(&keys[0], slot, NOW);
    assert!(memory.holds(&keys[0], NOW));
    memory.forget(&keys).expect("forget");
    assert!(!memory.holds(&keys[0], NOW));
    drop(memory);
    assert!(open(&folder, NOW).is_empty());
}

#[test]
fn slot_that_was_cut_off_is_dropped() {
    let folder = folder();
    let memory = open(&folder, NOW);
    let keys = two_keys(&memory);
    memory.remember(&keys, NOW).expect("remember");
    let path = folder.path().join("accepted");
    let whole = fs::read(&path).expect("read");
    fs::write(&path, &whole[..HEADER_OCTETS + 2 * SLOT_OCTETS - 1]).expect("write");
    let memory = open(&folder, NOW);
    assert!(memory.holds(&keys[0], NOW) && !memory.holds(&keys[1], NOW));
}

#[test]
fn damaged_slot_is_passed_over() {
    let folder = folder();
    let memory = open(&folder, NOW);
    let keys = two_keys(&memory);
    memory.remember(&keys, NOW).expect("remember");
    let path = folder.path().join("accepted");
    let mut damaged = fs::read(&path).expect("read");
    damaged[HEADER_OCTETS + 3] ^= 1;
    fs::write(&path, damaged).expect("write");
    let memory = open(&folder, NOW);
    assert!(!memory.holds(&keys[0], NOW) && memory.holds(&keys[1], NOW));
}

#[test]
fn memory_with_a_damaged_header_begins_anew() {
    let folder = folder();
    let memory = open(&folder, NOW);
    memory.remember(&two_keys(&memory), NOW).expect("remember");
    let path = folder.path().join("accepted");
    let mut damaged = fs::read(&path).expect("read");
    damaged[20] ^= 1;
    fs::write(&path, damaged).expect("write");
    let memory = open(&folder, NOW);
    assert!(memory.is_empty());
    memory.remember(&two_keys(&memory), NOW).expect("remember");
    assert!(open(&folder, NOW).holds(&two_keys(&memory)[0], NOW));
}

#[test]
fn contents_that_differ_in_one_octet_have_other_keys() {
    let memory = open(&folder(), NOW);
    let key = |content: &[u8]| memory.keys(&transaction(&["a@example.com"]), content)[0];
    let content = vec![b'x'; 10_000];
    let mut other = content.clone();
    other[9_999] = b'y';
    assert_eq!(key(&content), key(&content));
    assert_ne!(key(&content), key(&other));
    assert_ne!(key(&content), key(&content[1..]));
}

#[test]
fn file_of_anything_is_read_without_a_memory() {
    let folder = folder();
    let octets: Vec<u8> =
        (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(folder.path().join("accepted"), octets).expect("write");
    assert!(open(&folder, NOW).is_empty());
}

#[test]
fn what_has_come_to_its_end_is_forgotten() {
    let folder = folder();
    let memory = open(&folder, NOW);
    let keys = two_keys(&memory);
    memory.remember(&keys, NOW).expect("remember");
    memory.forget(&keys[..1]).expect("forget");
    assert!(!memory.holds(&keys[0], NOW) && memory.holds(&keys[1], NOW));
    drop(memory);
    let memory = open(&folder, NOW);
    assert!(!memory.holds(&keys[0], NOW) && memory.holds(&keys[1], NOW));
}

#[test]
fn file_stays_small_however_much_comes_and_goes() {
    let folder = folder();
    let memory = open(&folder, NOW);
    let recipients: Vec<String> = (0..1_000).map(|n| format!("{n}@example.com")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let keys = memory.keys(&transaction(&recipients), b"hello");
    for _ in 0..20 {
        memory.remember(&keys, NOW).expect("remember");
        let notes: Vec<Slot> =
            keys.iter().map(|key| memory.note(key, NOW).expect("note")).collect();
        memory.forget(&keys).expect("forget");
        notes.into_iter().for_each(|note| memory.wipe(note).expect("wipe"));
    }
    assert_eq!(octets_of_file(&folder), offset(GROWTH_SLOTS));
    drop(memory);
    drop(open(&folder, NOW));
    assert_eq!(octets_of_file(&folder), offset(0));
}

fn octets_of_file(folder: &TempDir) -> u64 {
    fs::metadata(folder.path().join("accepted")).expect("file").len()
}
