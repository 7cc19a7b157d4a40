use super::*;
use proptest::prelude::*;

fn check(original: &str, edits: &[(Range<usize>, &str)], expected: &str) {
    let mut list = EditList::new(original.len());
    for (range, replacement) in edits {
        list.push(range.clone(), replacement.as_bytes()).expect("the edits of a test fit");
    }
    let result = list.apply(original.as_bytes());
    assert_eq!(String::from_utf8_lossy(&result), expected);
    let found: Vec<_> = list.iter().map(|edit| (edit.range, edit.replacement)).collect();
    let given = edits.iter().map(|(range, text)| (range.clone(), text.as_bytes()));
    assert_eq!(found, given.collect::<Vec<_>>());
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
    let mut edits = EditList::new(6);
    assert_eq!(edits.push(1..3, b""), Ok(()));
    assert_eq!(edits.push(2..2, b"x"), Err(EditError::OutOfOrder));
    assert_eq!((edits.len(), edits.replacement_octets()), (1, 0));
}

#[test]
fn edit_behind_the_end_is_refused() {
    assert_eq!(EditList::new(2).push(1..3, b""), Err(EditError::OutOfRange));
}

#[test]
fn edits_are_made_in_a_stretch() {
    let mut list = EditList::new(9);
    for (range, replacement) in [(2..2, b"x"), (3..5, b"y"), (8..8, b"z")] {
        list.push(range, replacement).expect("it fits");
    }
    let made =
        |stretch: &[u8], start| list.iter().made_in(stretch, start).collect::<Vec<_>>().concat();
    assert_eq!(made(b"cdefgh", 2), b"xcyfghz");
    assert_eq!(made(b"cdefghi", 2), b"xcyfghzi");
    // Beyond what the stretch holds, nothing is there to be taken out.
    assert_eq!(made(b"cd", 2), b"xcyz");
    assert_eq!(made(b"", 2), b"xyz");
}

#[test]
fn edits_are_split_where_they_start() {
    let mut list = EditList::new(9);
    for start in [1, 4, 4, 7] {
        list.push(start..start, b"x").expect("it fits");
    }
    let mut rest = list.iter();
    assert_eq!(rest.split_before(1).len(), 0);
    assert_eq!(rest.split_before(5).map(|edit| edit.range.start).collect::<Vec<_>>(), [1, 4, 4]);
    assert_eq!(rest.next().map(|edit| edit.range), Some(7..7));
    assert_eq!(rest.len(), 0);
}

proptest! {
    #[test]
    fn result_is_as_long_as_its_pieces(
        original in prop::collection::vec(any::<u8>(), 0..64),
        edits in prop::collection::vec((0usize..64, 0usize..8, prop::collection::vec(any::<u8>(), 0..8)), 0..8),
    ) {
        let mut list = EditList::new(original.len());
        for (start, len, replacement) in edits {
            // Those that do not fit are refused, which is as it should be.
            list.push(start..start + len, &replacement).ok();
        }
        let taken: usize = list.iter().map(|edit| edit.range.len()).sum();
        let result = list.apply(&original);
        prop_assert_eq!(result.len(), original.len() - taken + list.replacement_octets());
        let made: Vec<_> = list.iter().made_in(&original, 0).collect();
        prop_assert_eq!(made.concat(), result);
    }
}
