use super::*;

fn insertion(at: usize, octets: &str) -> Edit<'_> {
    Edit { range: at..at, replacement: octets.as_bytes() }
}

fn check(octets: &str, edits: &[(usize, usize, usize)], expected: &[bool]) {
    let mut limit = LineLimit::new(octets.as_bytes());
    let allowed: Vec<_> = edits
        .iter()
        .map(|&(start, end, len)| {
            limit.allows(&Edit { range: start..end, replacement: &vec![b'x'; len] }, 0)
        })
        .collect();
    assert_eq!(allowed, expected);
}

#[test]
fn line_of_998_octets_is_allowed() {
    check("ab\r\ncd\r\n", &[(1, 2, 997)], &[true]);
    check("ab\r\ncd\r\n", &[(1, 2, 998)], &[false]);
}

#[test]
fn edits_of_one_line_add_up() {
    check("abcd\r\n", &[(0, 1, 500), (2, 3, 500), (3, 4, 2)], &[true, false, true]);
}

#[test]
fn next_line_starts_anew() {
    check("ab\ncd\n", &[(0, 1, 900), (3, 4, 900)], &[true, true]);
}

#[test]
fn line_that_was_too_long_may_grow() {
    check(&"a".repeat(1200), &[(5, 6, 50)], &[true]);
}

#[test]
fn joined_lines_count_together() {
    check("ab\r\ncd\r\n", &[(1, 5, 996)], &[true]);
    check("ab\r\ncd\r\n", &[(1, 5, 997)], &[false]);
}

#[test]
fn line_break_in_a_replacement_ends_the_line() {
    let mut limit = LineLimit::new(b"abcd\r\n");
    let replacement = ["x".repeat(900), "y".repeat(900)].join("\n");
    assert!(limit.allows(&insertion(1, &replacement), 0));
    assert!(limit.allows(&insertion(2, &"z".repeat(95)), 0));
    assert!(!limit.allows(&insertion(2, "z"), 0));
}

#[test]
fn octets_to_spare_are_left() {
    let mut limit = LineLimit::new(b"");
    assert!(!limit.allows(&insertion(0, &"x".repeat(995)), 4));
    assert!(limit.allows(&insertion(0, &"x".repeat(994)), 4));
    assert!(limit.allows(&insertion(0, "1234"), 0));
}
