use super::*;
use proptest::prelude::*;

fn check(value: &str, expected: &str) {
    assert_eq!(decode(value), expected);
}

#[test]
fn reference_is_decoded_once() {
    check("?a=1&amp;b=2&amp;amp;", "?a=1&b=2&amp;");
}

#[test]
fn name_without_semicolon_before_equals_sign_is_literal() {
    check("?a&copy=1&lt=2&amp=3", "?a&copy=1&lt=2&amp=3");
}

#[test]
fn name_without_semicolon_before_a_letter_is_literal() {
    check("&notit;&copyx &copy2", "&notit;&copyx &copy2");
}

#[test]
fn name_without_semicolon_is_read_elsewhere() {
    check("?x=&copy", "?x=©");
    check("&copy/&amp ", "©/& ");
}

#[test]
fn name_that_needs_its_semicolon_is_literal_without() {
    check("&colon&colon;", "&colon:");
}

#[test]
fn longest_name_counts() {
    check("&not;in;&notin;", "¬in;∉");
    check("&CounterClockwiseContourIntegral;", "∳");
}

#[test]
fn unknown_name_is_literal() {
    check("&foo;&;&&é;& ", "&foo;&;&&é;& ");
}

#[test]
fn number_needs_no_semicolon() {
    check("&#38;&#38x&#x26;&#X26g", "&&x&&g");
}

#[test]
fn number_without_digits_is_literal() {
    check("&#;&#x;&#xg&#", "&#;&#x;&#xg&#");
}

#[test]
fn c1_number_is_windows_1252() {
    check("&#128;&#x9f;&#129;", "€Ÿ\u{81}");
}

#[test]
fn number_of_no_character_is_the_replacement_character() {
    check("&#0;&#xD800;&#x110000;&#99999999999999;", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}");
}

#[test]
fn names_are_sorted_and_not_too_long() {
    assert!(ENTITIES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(ENTITIES.iter().all(|(name, _)| name.len() <= NAME_MAX));
}

#[test]
fn url_loses_what_the_url_standard_takes_away() {
    assert_eq!(url(" \u{1}ht\ntps://e.example/a b\r\n"), "https://e.example/a b");
}

proptest! {
    #[test]
    fn escaped_text_decodes_to_itself(text in any::<String>()) {
        let mut value = Vec::new();
        escape_into(&text, &mut value);
        let value = String::from_utf8(value).expect("escaping keeps UTF-8");
        prop_assert!(!value.contains(['<', '>', '"', '\'']));
        prop_assert_eq!(decode(&value), text);
    }

    #[test]
    fn any_value_is_decoded(value in "[&#xX0-9a-c;=éampolt]{0,40}") {
        decode(&value);
    }
}
