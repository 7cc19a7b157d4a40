use super::*;

const QUOTED: TransferEncoding = TransferEncoding::QuotedPrintable;

/// Is a copy of `body` let pass whose range `at` was replaced, where the content was
/// edited like this?
fn is_held(
    (body, encoding): (&str, TransferEncoding),
    at: Range<usize>,
    octets: &str,
    edit: (Range<usize>, &str),
) -> bool {
    let decoded = Decoded::new(body.as_bytes(), encoding).expect("the body of a test decodes");
    let editable = decoded.editable(std::slice::from_ref(&edit.0)).expect("it can be edited");
    let mut edits = editable.edits();
    edits.push(edit.0, edit.1.as_bytes()).expect("the edit of a test fits");
    let mut splicer = Splicer::new(body.as_bytes(), 0, 0);
    splicer.replace(at, |out| out.extend_from_slice(octets.as_bytes())).expect("it fits");
    let (copy, splices) = splicer.finish();
    let message = (body.as_bytes(), 0..body.len());
    editable.is_held_by(message, (&copy, 0..copy.len()), splices.within(0..body.len()), &edits)
}

#[test]
fn faithful_body_passes() {
    assert!(is_held(("ab", TransferEncoding::EightBit), 1..1, "x", (1..1, "x")));
    assert!(is_held(("a\r\nb=20c\r\n", QUOTED), 3..8, "bxc", (4..5, "x")));
    assert!(is_held(("QUJD", TransferEncoding::Base64), 0..4, "QUJDeA==", (3..3, "x")));
}

#[test]
fn body_that_is_not_the_edited_one_is_caught() {
    assert!(!is_held(("ab", TransferEncoding::EightBit), 1..1, "y", (1..1, "x")));
    assert!(!is_held(("ab", TransferEncoding::EightBit), 0..1, "ax", (1..1, "x")));
    assert!(!is_held(("a\r\nb=20c\r\n", QUOTED), 3..8, "bx=20c", (4..5, "x")));
    assert!(!is_held(("QUJD", TransferEncoding::Base64), 0..4, "QUJDeQ==", (3..3, "x")));
    assert!(!is_held(("QUJD", TransferEncoding::Base64), 0..4, "QUJDeA==-", (3..3, "x")));
}

#[test]
fn line_break_that_becomes_soft_is_caught() {
    assert!(is_held(("a\r\nb\r\n", QUOTED), 0..1, "ax", (1..1, "x")));
    assert!(!is_held(("a\r\nb\r\n", QUOTED), 0..1, "ax=", (1..1, "x")));
    assert!(!is_held(("a=\r\nb\r\n", QUOTED), 0..2, "ax", (0..0, "x")));
}

#[test]
fn part_of_a_line_is_no_line() {
    // Both decode alike by themselves, and the octets around them do not.
    assert!(!is_held(("a=20\r\n", QUOTED), 2..4, "20x", (2..2, "x")));
}

#[test]
fn edit_of_a_range_that_was_not_told_is_caught() {
    let decoded = Decoded::new(b"a\r\nb\r\n", QUOTED).expect("it decodes");
    let editable = decoded.editable(&[]).expect("nothing is edited");
    let mut edits = editable.edits();
    edits.push(1..1, b"x").expect("it fits");
    let mut splicer = Splicer::new(b"a\r\nb\r\n", 0, 0);
    editable.splice(0..6, &edits, LineEnd::CrLf, &mut splicer).expect("no edit is made");
    let (copy, splices) = splicer.finish();
    assert!(!editable.is_held_by(
        (b"a\r\nb\r\n", 0..6),
        (&copy, 0..copy.len()),
        splices.within(0..6),
        &edits
    ));
}
