use super::*;
use std::fs;

fn open(path: &Path, tags_max: usize) -> EmbeddedTags {
    EmbeddedTags::open(path, tags_max).expect("a file")
}

#[tokio::test]
async fn tags_outlive_who_has_said_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("tags");
    let store = open(&path, 3);
    assert_eq!(store.all().await.expect("tags"), Vec::<String>::new());
    for tag in ["spring", "two\nlines \"ö\"", "spring"] {
        store.admit(tag).await.expect("a place");
    }
    drop(store);
    let store = open(&path, 3);
    assert_eq!(store.all().await.expect("tags"), ["spring", "two\nlines \"ö\""]);
    assert_eq!(store.admit("third").await.expect("tags").len(), 3);
    assert_eq!(store.admit("fourth").await.expect("tags").len(), 3);
    assert_eq!(open(&path, 2).all().await.expect("tags").len(), 2);
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("tags");
    for (written, line) in [("\"a\"\nb\n\"c\"\n", "line 2 "), ("root:x:0\n", "line 1 ")] {
        fs::write(&path, written).expect("a file");
        let error = EmbeddedTags::open(&path, 10).expect_err("no tags");
        assert!(error.to_string().starts_with(line), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("the file"), written);
    }
}

#[tokio::test]
async fn a_torn_line_is_cut_off() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("tags");
    for torn in ["\"b", "\"b\"", "\0\0"] {
        fs::write(&path, format!("\"a\"\n{torn}")).expect("a file");
        let store = open(&path, 10);
        assert_eq!(store.all().await.expect("tags"), ["a"], "{torn:?}");
        assert_eq!(store.admit("d").await.expect("tags"), ["a", "d"]);
        assert_eq!(fs::read_to_string(&path).expect("the file"), "\"a\"\n\"d\"\n");
    }
}
