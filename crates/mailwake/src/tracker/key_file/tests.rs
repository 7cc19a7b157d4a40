use super::*;
use tempfile::TempDir;

fn ring() -> KeyRing {
    KeyRing::generate([7; 32], "2026-11-21")
}

fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("keys.txt");
    fs::write(&path, text).expect("written");
    (folder, path)
}

#[test]
fn keys_that_came_are_read_once() {
    let mut newer = ring();
    newer.add([8; 32], "2026-12-01").expect("room");
    let (_folder, path) = file(&newer.to_text());
    let mut file = KeyFile::new(path);
    let read = file.new_keys(&ring()).expect("new keys");
    assert_eq!(read.keys().len(), 2);
    assert!(file.new_keys(&ring()).is_none());
}

#[test]
fn the_same_keys_are_no_new_ones() {
    let (_folder, path) = file(&ring().to_text());
    assert!(KeyFile::new(path).new_keys(&ring()).is_none());
}

#[test]
fn a_key_that_the_file_lost_stays_until_a_signal() {
    let mut other = KeyRing::generate([9; 32], "2026-12-01");
    other.rotate([8; 32], "2026-12-01").expect("room");
    let (_folder, path) = file(&other.to_text());
    let read = KeyFile::new(path).new_keys(&ring()).expect("a key that came");
    assert!(read.has_same(ring().active()) && read.has_same(other.active()));
}

#[test]
fn no_file_and_no_ring_change_nothing() {
    let (folder, path) = file("no ring");
    let mut file = KeyFile::new(path.clone());
    assert!(file.new_keys(&ring()).is_none());
    fs::remove_file(&path).expect("removed");
    assert!(file.new_keys(&ring()).is_none());
    // A file that is right again is read.
    let mut newer = ring();
    newer.add([8; 32], "2026-12-01").expect("room");
    fs::write(&path, newer.to_text()).expect("written");
    assert!(file.new_keys(&ring()).is_some());
    drop(folder);
}
