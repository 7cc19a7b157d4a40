use super::*;

#[test]
fn what_was_written_is_read_again() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("a.checkpoint");
    assert_eq!(Checkpoint::read(&path).expect("none"), None);
    let mark = Mark { inode: 7, offset: 9, head: "ab".into(), ..Mark::default() };
    let checkpoint = Checkpoint::new("postfix", Timestamp(5), vec![mark], Some("{}".into()));
    for _ in 0..2 {
        checkpoint.write(&path).expect("written");
        assert_eq!(Checkpoint::read(&path).expect("read"), Some(checkpoint.clone()));
    }
}

#[test]
fn damaged_file_is_told() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("a.checkpoint");
    for text in ["", "{", "{\"version\":2,\"format\":\"\",\"at\":1,\"marks\":[]}"] {
        fs::write(&path, text).expect("written");
        let error = Checkpoint::read(&path).expect_err("damaged").to_string();
        assert!(error.contains("it is damaged"), "{error}");
    }
}
