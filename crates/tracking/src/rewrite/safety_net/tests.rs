use super::*;
use mail::message::{content_type::TransferEncoding, encoding::Decoded, splice::Splicer};
use std::ops::Range;

const MESSAGE: &[u8] =
    b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n--b--\n";

/// What is put in the place of a range.
type Change<'a> = (Range<usize>, &'a str);

/// Is a copy let pass that has this change, where the header was to be edited like that,
/// and the content of the first part like that?
fn check(
    octets: Change<'_>,
    header: Option<Change<'_>>,
    content: Option<Change<'_>>,
    expected: bool,
) {
    let tree = split(MESSAGE).expect("within the limits");
    let mut of_header = EditList::new(MESSAGE.len());
    if let Some((range, replacement)) = header {
        of_header.push(range, replacement.as_bytes()).expect("the edit of a test fits");
    }
    let body = &MESSAGE[tree.parts()[1].body.clone()];
    let decoded = Decoded::new(body, TransferEncoding::SevenBit).expect("it decodes");
    let body = decoded.editable(std::slice::from_ref(&(0..0))).expect("it can be edited");
    let part = content.map(|(range, replacement)| {
        let mut edits = body.edits();
        edits.push(range, replacement.as_bytes()).expect("the edit of a test fits");
        EditedPart { index: 1, body: &body, edits }
    });
    let parts: Vec<_> = part.into_iter().collect();
    let mut splicer = Splicer::new(MESSAGE, 0, 0);
    splicer
        .replace(octets.0, |out| out.extend_from_slice(octets.1.as_bytes()))
        .expect("the change of a test fits");
    let (copy, splices) = splicer.finish();
    assert_eq!(holds(MESSAGE, &tree, (&copy, &splices), &of_header, &parts), expected);
}

/// As [`check`], where the content was to be edited and the header was not.
fn check_content(octets: Change<'_>, content: Change<'_>, expected: bool) {
    check(octets, None, Some(content), expected);
}

fn first_body() -> usize {
    split(MESSAGE).expect("within the limits").parts()[1].body.start
}

#[test]
fn faithful_copy_passes() {
    let at = first_body();
    check_content((at..at, "x"), (0..0, "x"), true);
    check((0..0, "A: b\n"), Some((0..0, "A: b\n")), None, true);
}

#[test]
fn content_that_is_not_the_edited_one_is_caught() {
    let at = first_body();
    check_content((at..at, "x"), (0..0, "y"), false);
    check_content((at..at, "x"), (1..1, "x"), false);
    check_content((at..at + 1, "x"), (0..0, "x"), false);
}

#[test]
fn change_that_nobody_ordered_is_caught() {
    let at = first_body();
    check((at..at, "x"), None, None, false);
    check((0..0, "A: b\n"), None, None, false);
    check((0..0, "A: b\n"), Some((0..0, "A: c\n")), None, false);
    // In the epilogue, which is neither header nor part.
    let epilogue = MESSAGE.len() - 1;
    check((epilogue..epilogue, " "), None, None, false);
}

#[test]
fn delimiter_that_comes_in_with_an_edit_is_caught() {
    let at = first_body();
    check_content((at..at, "\n--b\n\n"), (0..0, "\n--b\n\n"), false);
}

#[test]
fn header_field_that_changes_the_type_is_caught() {
    let field = (0..0, "Content-Type: text/html\n");
    check(field.clone(), Some(field), None, false);
}

#[test]
fn octets_that_were_not_edited_are_compared() {
    let tree = split(MESSAGE).expect("within the limits");
    let none = EditList::new(MESSAGE.len());
    let (same, splices) = Splicer::new(MESSAGE, 0, 0).finish();
    let other = [MESSAGE, b"x"].concat();
    assert!(!holds(MESSAGE, &tree, (&other, &splices), &none, &[]));
    assert!(holds(MESSAGE, &tree, (&same, &splices), &none, &[]));
}
