use super::*;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("directory")
}

#[test]
fn cursor_is_found_again_where_it_was_left() {
    let directory = directory();
    let mut cursor = Cursor::open(directory.path(), "store").expect("cursor");
    assert_eq!(cursor.position(), Position::START);
    cursor.advance(Position(123_456)).expect("moved");
    let again = Cursor::open(directory.path(), "store").expect("cursor");
    assert_eq!(again.position(), Position(123_456));
}

#[test]
fn cursor_does_not_move_backwards() {
    let directory = directory();
    let mut cursor = Cursor::open(directory.path(), "store").expect("cursor");
    cursor.advance(Position(80)).expect("moved");
    assert!(matches!(cursor.advance(Position(72)), Err(CursorError::Backwards { .. })));
    cursor.advance(Position(80)).expect("stays");
}

#[test]
fn new_cursor_stands_at_the_first_segment_that_is_left() {
    let directory = directory();
    fs::write(segment::path(directory.path(), 8192), [0; 16]).expect("segment");
    let cursor = Cursor::open(directory.path(), "late").expect("cursor");
    assert_eq!(cursor.position(), Position(8192));
}

#[test]
fn damaged_cursor_is_told_and_has_passed_nothing() {
    for content in ["", "12", "12 00000000\n", "-1 00000000\n", "\u{0}\u{0}\u{0}"] {
        let directory = directory();
        fs::write(directory.path().join("store.cursor"), content).expect("file");
        let opened = Cursor::open(directory.path(), "store");
        assert!(matches!(opened, Err(CursorError::Damaged { .. })), "{content:?}");
        assert_eq!(positions(directory.path()).expect("read"), [Position::START]);
    }
}

#[test]
fn name_that_is_no_file_name_is_refused() {
    let directory = directory();
    for name in ["", "../store", "a b", "Store", &"x".repeat(65)] {
        let opened = Cursor::open(directory.path(), name);
        assert!(matches!(opened, Err(CursorError::Name { .. })), "{name:?}");
    }
}
