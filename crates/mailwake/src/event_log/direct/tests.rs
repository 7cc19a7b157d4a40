use super::*;
use std::fs;

/// Writes one part after the other, from `offset` on, and gives the whole file.
fn written(offset: u64, parts: &[usize], is_direct: bool) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("file");
    fs::write(&path, [vec![b'x'; offset as usize], vec![0; 5 * PAGE]].concat()).expect("written");
    let file = File::options().read(true).write(true).open(&path).expect("opened");
    let mut direct = Direct::open(&path, file).expect("opened");
    if !is_direct {
        direct.past_cache = None;
    }
    let mut at = offset;
    for (part, letter) in parts.iter().zip(b'a'..) {
        direct.write(&vec![letter; *part], at).expect("written");
        direct.sync_data().expect("synced");
        at += *part as u64;
    }
    fs::read(&path).expect("read")
}

fn check(offset: u64, parts: &[usize]) {
    let usual = written(offset, parts, false);
    let direct = written(offset, parts, true);
    assert!(direct.starts_with(&usual[..usual.len() / PAGE * PAGE]), "{offset} {parts:?}");
}

#[test]
fn what_is_written_stands_where_it_should() {
    for offset in [0, 8, 4088, 4096, 5000] {
        check(offset, &[1]);
        check(offset, &[8, 16, 4000, 200]);
        check(offset, &[4096, 4096, 8]);
        check(offset, &[10_000, 8, 8]);
    }
}

#[test]
fn large_and_small_writes_alternate() {
    check(16, &[8, 9000, 8, 4096, 8, 100]);
}
