use super::*;
use mail::message::edit::Edit;

const MESSAGE: &[u8] =
    b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n--b--\n";

/// Is a copy let pass that has these edits, where the content of the first part has
/// those?
fn check(octets: Edit, content: Edit, expected: bool) {
    let tree = split(MESSAGE).expect("within the limits");
    let mut edits = EditList::new(MESSAGE.len());
    edits.push(octets).expect("the edit of a test fits");
    let mut of_content = EditList::new(3);
    of_content.push(content).expect("the edit of a test fits");
    let decoded = &MESSAGE[tree.parts()[1].body.clone()];
    let parts = [EditedPart { index: 1, decoded, edits: of_content }];
    assert_eq!(holds(MESSAGE, &tree, &edits.apply(MESSAGE), edits, &parts), expected);
}

fn first_body() -> usize {
    split(MESSAGE).expect("within the limits").parts()[1].body.start
}

#[test]
fn faithful_copy_passes() {
    check(Edit::insert(first_body(), "x"), Edit::insert(0, "x"), true);
}

#[test]
fn content_that_is_not_the_edited_one_is_caught() {
    check(Edit::insert(first_body(), "x"), Edit::insert(0, "y"), false);
    check(Edit::insert(first_body(), "x"), Edit::insert(1, "x"), false);
}

#[test]
fn delimiter_that_comes_in_with_an_edit_is_caught() {
    check(Edit::insert(first_body(), "\n--b\n\n"), Edit::insert(0, "\n--b\n\n"), false);
}

#[test]
fn header_field_that_changes_the_type_is_caught() {
    check(Edit::insert(0, "Content-Type: text/html\n"), Edit::insert(0, "x"), false);
}

#[test]
fn octets_that_were_not_edited_are_compared() {
    let tree = split(MESSAGE).expect("within the limits");
    let edits = EditList::new(MESSAGE.len());
    let copy = [MESSAGE, b"x"].concat();
    assert!(!holds(MESSAGE, &tree, &copy, edits.clone(), &[]));
    assert!(holds(MESSAGE, &tree, MESSAGE, edits, &[]));
}
