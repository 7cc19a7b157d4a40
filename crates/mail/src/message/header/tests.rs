use super::*;
use proptest::prelude::*;

fn check(block: &str, expected: &[(&str, &str)]) {
    let fields: Vec<_> = fields(block.as_bytes())
        .map(|field| {
            let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
            (text(field.name), text(&field.value()))
        })
        .collect();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(fields, expected);
}

#[test]
fn field_ends_at_crlf() {
    check("A: b\r\nC: d\r\n", &[("A", "b"), ("C", "d")]);
}

#[test]
fn bare_lf_ends_a_field_too() {
    check("A: b\nC: d\n", &[("A", "b"), ("C", "d")]);
}

#[test]
fn fold_keeps_its_white_space() {
    check("A: b\r\n\tc\r\n  d\r\n", &[("A", "b\tc  d")]);
}

#[test]
fn header_ends_at_the_blank_line() {
    check("A: b\r\n\r\nC: d\r\n", &[("A", "b")]);
}

#[test]
fn white_space_before_the_colon_is_read() {
    check("A \t: b\r\n", &[("A", "b")]);
}

#[test]
fn line_without_colon_is_junk() {
    check("A: b\r\nno field\r\nC: d\r\n", &[("A", "b"), ("", "no field"), ("C", "d")]);
}

#[test]
fn colon_without_name_is_junk() {
    check(": b\r\n", &[("", ": b")]);
}

#[test]
fn first_line_that_looks_folded_is_junk() {
    check(" A: b\r\nC: d\r\n", &[("", "A: b"), ("C", "d")]);
}

#[test]
fn last_line_needs_no_end() {
    check("A: b", &[("A", "b")]);
}

#[test]
fn name_is_compared_without_case() {
    let field = fields(b"X-Id: 1\r\n").next().expect("there is a field");
    assert!(field.is("x-ID"));
}

proptest! {
    #[test]
    fn fields_leave_no_gap(block in "[aB: \t\r\n-]{0,60}") {
        let mut position = 0;
        for field in fields(block.as_bytes()) {
            prop_assert_eq!(field.range.start, position);
            position = field.range.end;
        }
        let rest = &block.as_bytes()[position..];
        prop_assert!(rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n"));
    }
}
