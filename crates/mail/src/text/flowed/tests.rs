use super::*;
use proptest::prelude::*;

fn check(text: &str, expected: &str) {
    let joined = Joined::of(text.as_bytes());
    assert_eq!(String::from_utf8_lossy(joined.octets()), expected);
}

/// Where the only `{...}` of the joined text comes from.
fn check_origin(text: &str, expected: &str) {
    let joined = Joined::of(text.as_bytes());
    let place = |mark: u8| joined.octets().iter().position(|octet| *octet == mark).expect("a mark");
    let origin = joined.origin(place(b'{')..place(b'}') + 1);
    assert_eq!(&text[origin], expected);
}

#[test]
fn soft_break_goes_with_its_space() {
    check("ab \r\ncd\r\n", "abcd\r\n");
    check("ab \ncd \nef", "abcdef");
    check("ab  \ncd", "ab cd");
}

#[test]
fn hard_break_stays() {
    check("ab\r\ncd\r\n", "ab\r\ncd\r\n");
    check("ab\r\n cd\r\n", "ab\r\n cd\r\n");
}

#[test]
fn stuffed_space_and_quote_marks_go_with_the_break() {
    check("ab \n cd", "abcd");
    check("> ab \n> cd\n", "> abcd\n");
    check(">ab \n>cd \n> ef\n", ">abcdef\n");
}

#[test]
fn line_of_another_depth_is_not_joined() {
    check("ab \n> cd \nef", "ab \n> cd \nef");
}

#[test]
fn signature_is_not_joined() {
    check("-- \nab", "-- \nab");
    check("ab \n-- \ncd", "ab \n-- \ncd");
}

#[test]
fn soft_break_at_the_end_stays() {
    check("ab \n", "ab \n");
    check(" \n \n", " \n \n");
}

#[test]
fn stretch_has_its_place_in_the_text_that_came() {
    check_origin("x {a \r\nb} y", "{a \r\nb}");
    check_origin("x \n{a} \ny", "{a}");
    check_origin("> x \n> {a \n> b \n> c}", "{a \n> b \n> c}");
}

proptest! {
    #[test]
    fn every_octet_has_its_place(text in "([ab>] ?\r?\n?){0,40}") {
        let joined = Joined::of(text.as_bytes());
        for at in 0..joined.octets().len() {
            let origin = joined.origin(at..at + 1);
            prop_assert_eq!(&text.as_bytes()[origin], &joined.octets()[at..at + 1]);
        }
    }
}
