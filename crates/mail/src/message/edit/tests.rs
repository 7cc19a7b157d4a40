use super::*;
use proptest::prelude::*;

fn list(original: &[u8], edits: &[(Range<usize>, &str)]) -> EditList {
    let mut list = EditList::new(original.len());
    for (range, replacement) in edits {
        let edit = Edit { range: range.clone(), replacement: replacement.as_bytes().to_vec() };
        list.push(edit).expect("the edits of a test fit");
    }
    list
}

fn check(original: &str, edits: &[(Range<usize>, &str)], expected: &str) {
    let list = list(original.as_bytes(), edits);
    let result = list.apply(original.as_bytes());
    assert_eq!(String::from_utf8_lossy(&result), expected);
    assert_eq!(result.capacity(), result.len(), "one allocation of the exact size");
    assert!(list.is_undone_to(original.as_bytes(), &result));
}

#[test]
fn no_edit_gives_the_original() {
    check("abc", &[], "abc");
}

#[test]
fn replacement_takes_the_place_of_its_range() {
    check("abcdef", &[(1..3, "X"), (4..4, "YY"), (5..6, "")], "aXdYYe");
}

#[test]
fn insertions_at_one_place_keep_their_order() {
    check("ab", &[(1..1, "1"), (1..1, "2"), (2..2, "3")], "a12b3");
}

#[test]
fn overlapping_edit_is_refused() {
    let mut edits = list(b"abcdef", &[(1..3, "")]);
    assert_eq!(edits.push(Edit::insert(2, "x")), Err(EditError::OutOfOrder));
}

#[test]
fn edit_behind_the_end_is_refused() {
    assert_eq!(EditList::new(2).push(Edit::delete(1..3)), Err(EditError::OutOfRange));
}

#[test]
fn changed_octet_outside_an_edit_is_noticed() {
    let edits = list(b"abcdef", &[(1..3, "X")]);
    assert!(!edits.is_undone_to(b"abcdef", b"aXdeg"));
    assert!(!edits.is_undone_to(b"abcdef", b"aXdeff"));
    assert!(!edits.is_undone_to(b"abcdef", b"aXd"));
}

#[test]
fn changed_replacement_is_noticed() {
    assert!(!list(b"abcdef", &[(1..3, "X")]).is_undone_to(b"abcdef", b"aYdef"));
}

#[test]
fn range_keeps_what_was_put_in_at_its_ends() {
    let edits = list(b"abcdef", &[(0..0, "123"), (2..2, "4"), (4..4, "5"), (5..6, "")]);
    assert_eq!(edits.places().of(2..4), 5..9);
    assert_eq!(edits.places().of(0..6), 0..10);
}

proptest! {
    #[test]
    fn undoing_what_was_applied_gives_the_original(
        original in prop::collection::vec(any::<u8>(), 0..64),
        edits in prop::collection::vec((0usize..64, 0usize..8, prop::collection::vec(any::<u8>(), 0..8)), 0..8),
    ) {
        let mut list = EditList::new(original.len());
        for (start, len, replacement) in edits {
            // Those that do not fit are refused, which is as it should be.
            list.push(Edit { range: start..start + len, replacement }).ok();
        }
        let result = list.apply(&original);
        prop_assert_eq!(result.len(), list.result_len());
        prop_assert!(list.is_undone_to(&original, &result));
    }
}
