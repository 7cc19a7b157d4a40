use super::*;
use crate::feeders::sink::Item;
use std::{fs, path::Path};
use tempfile::TempDir;
use tracking::ids::{EventId, MessageId, Timestamp};
use uuid::Uuid;

fn config(directory: &Path) -> NdjsonConfig {
    NdjsonConfig {
        place: Place::Directory(directory.into()),
        name: "archive".into(),
        octets_max: 100,
        age_max: Duration::from_secs(3_600),
        limits: Limits {
            events_max: 10,
            octets_max: 1 << 20,
            age_max: Duration::ZERO,
            event_age_max: None,
        },
        form: LineForm::Mailwake,
    }
}

fn open(folder: &TempDir) -> Ndjson {
    Ndjson::open(config(folder.path()), Arc::new(Rules::built_in())).expect("a sink")
}

/// A batch of one line.
fn batch(id: u128, line: &str) -> Batch {
    let item = Item {
        event_id: EventId::new(Timestamp(0), [0; 10]),
        message_id: MessageId::UNKNOWN,
        range: 0..line.len() + 1,
    };
    let body = format!("{line}\n").into_bytes();
    Batch { id: Uuid::from_u128(id), attempts: 0, items: vec![item], body }
}

fn part(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join("archive.ndjson.part")).unwrap_or_default()
}

/// What is in finished files, in the order of their names.
fn finished(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_finished = |path: &PathBuf| path.extension().is_some_and(|e| e == "ndjson");
    let mut paths: Vec<_> = paths.filter(is_finished).collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).expect("text")).collect()
}

#[tokio::test]
async fn file_that_is_large_is_finished_whole_and_another_one_begun() {
    let folder = TempDir::new().expect("a folder");
    let mut sink = open(&folder);
    let long = "x".repeat(60);
    for id in 0..3 {
        sink.send(&batch(id, &long)).await.expect("written");
    }
    assert_eq!(finished(&folder), [format!("{long}\n{long}\n")]);
    assert_eq!(part(&folder), format!("{long}\n"));
}

#[tokio::test]
async fn batch_that_was_cut_off_is_written_again_and_is_there_once() {
    let folder = TempDir::new().expect("a folder");
    open(&folder).send(&batch(1, "one")).await.expect("written");
    // Killed in the middle of the second batch, and started again.
    let mut sink = open(&folder);
    sink.send(&batch(2, "second")).await.expect("written");
    drop(sink);
    let path = folder.path().join("archive.ndjson.part");
    fs::write(&path, "one\nsec").expect("cut");
    let mut sink = open(&folder);
    assert_eq!(part(&folder), "one\n");
    sink.send(&batch(2, "second")).await.expect("written");
    // Killed behind it, before that was noted.
    drop(sink);
    let mut sink = open(&folder);
    assert_eq!(sink.send(&batch(2, "second")).await, Ok(Receipt::default()));
    sink.send(&batch(3, "third")).await.expect("written");
    assert_eq!(part(&folder), "one\nsecond\nthird\n");
}

#[tokio::test]
async fn batch_whose_file_was_finished_is_not_written_again() {
    let folder = TempDir::new().expect("a folder");
    let long = "x".repeat(120);
    open(&folder).send(&batch(1, &long)).await.expect("written");
    let again = open(&folder).send(&batch(1, &long)).await.expect("written");
    assert_eq!(again.duplicates, 1);
    assert_eq!((finished(&folder).len(), part(&folder).as_str()), (1, ""));
}

#[tokio::test]
async fn file_that_is_old_is_finished_while_nothing_comes() {
    let folder = TempDir::new().expect("a folder");
    let config = NdjsonConfig { age_max: Duration::ZERO, ..config(folder.path()) };
    let mut sink = Ndjson::open(config, Arc::new(Rules::built_in())).expect("a sink");
    sink.rest();
    assert_eq!(finished(&folder).len(), 0, "an empty one is not finished");
    sink.send(&batch(1, "one")).await.expect("written");
    sink.rest();
    assert_eq!(finished(&folder), ["one\n"]);
}

/// It is never at rest, and each batch is as old as the last file.
#[tokio::test]
async fn file_that_is_old_is_finished_while_batches_come() {
    let folder = TempDir::new().expect("a folder");
    let config = NdjsonConfig { age_max: Duration::ZERO, ..config(folder.path()) };
    let mut sink = Ndjson::open(config, Arc::new(Rules::built_in())).expect("a sink");
    for (id, line) in [(1, "one"), (1, "one"), (2, "two"), (3, "three")] {
        sink.send(&batch(id, line)).await.expect("written");
    }
    assert_eq!(finished(&folder), ["one\n", "two\n"]);
    assert_eq!(part(&folder), "three\n");
}

#[tokio::test]
async fn directory_that_is_gone_is_an_error_that_may_pass() {
    let folder = TempDir::new().expect("a folder");
    let place = folder.path().join("lines");
    let mut sink = Ndjson::open(config(&place), Arc::new(Rules::built_in())).expect("a sink");
    fs::remove_dir_all(&place).expect("removed");
    let told = sink.send(&batch(1, "one")).await;
    assert!(matches!(told, Err(SendError::Retry { .. })), "{told:?}");
    fs::create_dir(&place).expect("made");
    assert!(sink.send(&batch(1, "one")).await.is_ok());
}
