use super::*;
use mail::message::part::split;

const ID: IdField<'_> = IdField { name: "X-Id", value: "1" };

fn check_id(message: &str, id: IdField<'_>, expected: &str, expected_outcome: IdOutcome) {
    let tree = split(message.as_bytes()).expect("within the limits");
    let (edits, outcome) =
        edits(message.as_bytes(), tree.root(), Some(id), &[], Removals::default());
    assert_eq!(String::from_utf8_lossy(&edits.apply(message.as_bytes())), expected);
    assert_eq!(outcome, expected_outcome);
}

#[test]
fn id_is_put_on_top_in_the_line_ends_of_the_message() {
    check_id("A: b\r\n\r\nx", ID, "X-Id: 1\r\nA: b\r\n\r\nx", IdOutcome::Added);
    check_id("A: b\n\nx\r\n", ID, "X-Id: 1\nA: b\n\nx\r\n", IdOutcome::Added);
    check_id("\r\nx", ID, "X-Id: 1\r\n\r\nx", IdOutcome::Added);
    check_id("A: b", ID, "X-Id: 1\r\nA: b", IdOutcome::Added);
}

#[test]
fn other_ids_are_taken_out() {
    check_id(
        "A: b\nx-ID : 2\n 3\nC: d\nX-id:1\n\n",
        ID,
        "X-Id: 1\nA: b\nC: d\n\n",
        IdOutcome::Replaced,
    );
}

#[test]
fn same_id_is_kept_as_it_stands() {
    check_id("A: b\nx-id:  1 \n\n", ID, "A: b\nx-id:  1 \n\n", IdOutcome::Kept);
}

#[test]
fn id_that_would_harm_the_message_is_refused() {
    check_id(" folded\n\n", ID, " folded\n\n", IdOutcome::Refused);
    check_id("", ID, "", IdOutcome::Refused);
    for (name, value) in [("", "1"), ("X Id", "1"), ("X:", "1"), ("X", "1\nY: 2"), ("X", "é")] {
        check_id("A: b\n\n", IdField { name, value }, "A: b\n\n", IdOutcome::Refused);
    }
}

#[test]
fn signatures_are_stripped_with_their_folds() {
    let message = b"dkim-signature: a\n b\nA: b\nDKIM-Signature: c\n\n";
    let tree = split(message).expect("within the limits");
    assert!(is_signed(message, tree.root()));
    let signatures = Removals { signatures: true, ..Removals::default() };
    let (edits, _) = edits(message, tree.root(), None, &[], signatures);
    assert_eq!(edits.apply(message), b"A: b\n\n");
}

#[test]
fn smtpapi_is_taken_out_with_its_folds() {
    let message = b"A: b\nx-msys-api: {\n }\nC: d\nX-MSYS-API:{}\n\nX-MSYS-API: body\n";
    let tree = split(message).expect("within the limits");
    let smtpapi = Removals { smtpapi: true, ..Removals::default() };
    let (edits, _) = edits(message, tree.root(), None, &[], smtpapi);
    assert_eq!(edits.apply(message), b"A: b\nC: d\n\nX-MSYS-API: body\n");
}

fn check_fields(message: &str, wanted: &[FieldEdit], expected: &str) {
    let tree = split(message.as_bytes()).expect("within the limits");
    let (edits, _) = edits(message.as_bytes(), tree.root(), Some(ID), wanted, Removals::default());
    assert_eq!(String::from_utf8_lossy(&edits.apply(message.as_bytes())), expected);
}

#[test]
fn wanted_fields_take_the_place_of_those_that_are_there() {
    let put = [FieldEdit::put("X-Pool", "a")];
    check_fields("x-pool: b\n c\nA: b\n\nx", &put, "X-Id: 1\nX-Pool: a\nA: b\n\nx");
    check_fields("A: b\r\n\r\nx", &put, "X-Id: 1\r\nX-Pool: a\r\nA: b\r\n\r\nx");
    let remove = [FieldEdit::remove("bcc")];
    check_fields("Bcc: a\nA: b\nBCC: c\n\nx", &remove, "X-Id: 1\nA: b\n\nx");
}

#[test]
fn lists_are_made_longer_where_they_stand() {
    let cc = [FieldEdit::extend("Cc", "a@b.example,\n c@d.example")];
    check_fields(
        "A: b\r\n\r\nx",
        &cc,
        "X-Id: 1\r\nCc: a@b.example,\r\n c@d.example\r\nA: b\r\n\r\nx",
    );
    check_fields(
        "cc: e@f.example,\n g@h.example \nA: b\nCc: i@j.example\n\nx",
        &cc,
        "X-Id: 1\ncc: e@f.example,\n g@h.example,\n a@b.example,\n c@d.example \nA: b\nCc: i@j.example\n\nx",
    );
    check_fields("Cc:\n\nx", &cc, "X-Id: 1\nCc: a@b.example,\n c@d.example\n\nx");
}

#[test]
fn fields_that_would_harm_the_message_are_left_out() {
    for (name, value) in [
        ("", "a"),
        ("X Y", "a"),
        ("X:", "a"),
        ("X", "a\nB: c"),
        ("X", "a\r\n b"),
        ("X", "a\n  \n b"),
    ] {
        check_fields("A: b\n\n", &[FieldEdit::put(name, value)], "X-Id: 1\nA: b\n\n");
    }
    let long = "x".repeat(999);
    check_fields("A: b\n\n", &[FieldEdit::put("X", long)], "X-Id: 1\nA: b\n\n");
    check_fields(" A: b\n\n", &[FieldEdit::put("X", "a")], " A: b\n\n");
}
