use super::*;

/// The original with these replacements, and where they stand.
fn spliced(original: &str, replacements: &[(Range<usize>, &str)]) -> (String, Splices) {
    let mut splicer = Splicer::new(original.as_bytes(), 0, 0);
    for (range, replacement) in replacements {
        splicer
            .replace(range.clone(), |result| result.extend_from_slice(replacement.as_bytes()))
            .expect("the replacements of a test fit");
    }
    let (result, splices) = splicer.finish();
    assert!(splices.keep_the_rest(original.as_bytes(), &result));
    (String::from_utf8(result).expect("a test is UTF-8"), splices)
}

#[test]
fn replacement_takes_the_place_of_its_range() {
    let (result, splices) = spliced("abcdef", &[(1..3, "X"), (4..4, "YY"), (5..6, "")]);
    assert_eq!(result, "aXdYYe");
    let expected = [
        Splice { original: 1..3, result: 1..2 },
        Splice { original: 4..4, result: 3..5 },
        Splice { original: 5..6, result: 6..6 },
    ];
    assert_eq!(splices.within(0..6), expected);
    assert_eq!(splices.within(4..5), &expected[1..2]);
    assert_eq!(splices.within(3..4), &expected[1..2]);
}

#[test]
fn range_that_does_not_fit_is_refused() {
    let mut splicer = Splicer::new(b"abc", 0, 0);
    assert_eq!(splicer.replace(1..4, |_| ()), Err(EditError::OutOfRange));
    assert_eq!(splicer.replace(1..2, |_| ()), Ok(()));
    assert_eq!(splicer.replace(1..2, |_| ()), Err(EditError::OutOfOrder));
}

#[test]
fn changed_octet_between_splices_is_noticed() {
    let (_, splices) = spliced("abcdef", &[(1..3, "X")]);
    for result in ["aXdeg", "aXdeff", "aXde", "bXdef", "aX", "", "a"] {
        assert!(!splices.keep_the_rest(b"abcdef", result.as_bytes()), "{result}");
    }
    assert!(!splices.keep_the_rest(b"a", b"aXdef"));
    assert!(splices.keep_the_rest(b"abcdef", b"aYdef"), "what was put in is not looked at");
}

#[test]
fn range_keeps_what_was_put_in_at_its_ends() {
    let (_, splices) = spliced("abcdef", &[(0..0, "123"), (2..2, "4"), (4..4, "5"), (5..6, "")]);
    assert_eq!(splices.place_of(2..4), 5..9);
    assert_eq!(splices.place_of(0..6), 0..10);
}
