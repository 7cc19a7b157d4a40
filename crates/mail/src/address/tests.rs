use super::*;

fn check(argument: &str, end: usize, wanted: &str) {
    assert_eq!((path_end(argument), mailbox(&argument[..end])), (end, wanted), "{argument:?}");
}

#[test]
fn path_ends_behind_its_bracket() {
    check("<a@b.example>", 13, "a@b.example");
    check("<a@b.example> SIZE=1", 13, "a@b.example");
    check("<>", 2, "");
}

#[test]
fn quoted_bracket_ends_nothing() {
    check("<\"a>b\"@c.example>", 17, "\"a>b\"@c.example");
    check("<\"a\\\">b\"@c.example>", 19, "\"a\\\">b\"@c.example");
}

#[test]
fn unclosed_path_ends_with_the_line() {
    check("<a@b.example", 12, "a@b.example");
    check("<\"a>", 4, "\"a");
    check("<a\"b@c.example> X=1", 15, "a\"b@c.example");
    check("", 0, "");
}

#[test]
fn domain_is_lower_case_and_behind_the_last_at_sign() {
    assert_eq!(domain("\"a@b\"@C.Example"), "c.example");
    assert_eq!(domain("postmaster"), "");
}
