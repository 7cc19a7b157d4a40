use super::*;
use mail::message::part::split;

const ID: IdField<'_> = IdField { name: "X-Id", value: "1" };

fn check_id(message: &str, id: IdField<'_>, expected: &str, expected_outcome: IdOutcome) {
    let tree = split(message.as_bytes()).expect("within the limits");
    let (edits, outcome) = edits(message.as_bytes(), tree.root(), Some(id), Removals::default());
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
    let (edits, _) = edits(message, tree.root(), None, signatures);
    assert_eq!(edits.apply(message), b"A: b\n\n");
}

#[test]
fn smtpapi_is_taken_out_with_its_folds() {
    let message = b"A: b\nx-msys-api: {\n }\nC: d\nX-MSYS-API:{}\n\nX-MSYS-API: body\n";
    let tree = split(message).expect("within the limits");
    let smtpapi = Removals { smtpapi: true, ..Removals::default() };
    let (edits, _) = edits(message, tree.root(), None, smtpapi);
    assert_eq!(edits.apply(message), b"A: b\nC: d\n\nX-MSYS-API: body\n");
}
