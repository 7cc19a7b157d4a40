use super::*;
use proptest::prelude::*;

fn check(value: &str, essence: &str, parameters: &[(&str, &str)]) {
    let parsed = ContentType::parse(value.as_bytes());
    assert_eq!(parsed.essence, essence);
    for (name, expected) in parameters {
        let found = parsed.parameter(name).map(String::from_utf8_lossy);
        assert_eq!(found.as_deref(), Some(*expected), "{name} of {value}");
    }
    assert_eq!(parsed.parameters.len(), parameters.len(), "{:?}", parsed.parameters);
}

#[test]
fn type_is_in_lower_case() {
    check("Text/HTML; Charset=UTF-8", "text/html", &[("charset", "UTF-8")]);
}

#[test]
fn comment_is_no_content() {
    check(
        "(a (b) \\)) text/html (x); charset=(y) utf-8 (z);",
        "text/html",
        &[("charset", "utf-8")],
    );
}

#[test]
fn parenthesis_in_a_quoted_string_is_no_comment() {
    check("a/b; x=\"(y)\" (z)", "a/b", &[("x", "(y)")]);
}

#[test]
fn quoted_pair_is_undone() {
    check(r#"a/b; x="q\"\\;"; y=1"#, "a/b", &[("x", "q\"\\;"), ("y", "1")]);
}

#[test]
fn quoted_string_without_end_goes_to_the_end() {
    check("a/b; x=\"y; z", "a/b", &[("x", "y; z")]);
}

#[test]
fn space_around_the_equals_sign_is_read() {
    check("a/b ; x = y ; z=\t1", "a/b", &[("x", "y"), ("z", "1")]);
}

#[test]
fn parameter_without_value_is_passed_over() {
    check("a/b; x; y z=1; ;; q=2", "a/b", &[("q", "2")]);
}

#[test]
fn sections_are_joined_by_their_numbers() {
    check("a/b; boundary*1=\"c d\"; boundary*0=ab", "a/b", &[("boundary", "abc d")]);
}

#[test]
fn extended_value_is_percent_decoded_without_its_charset() {
    check("a/b; name*=utf-8'en'%41%zz", "a/b", &[("name", "A%zz")]);
}

#[test]
fn plain_parameter_comes_before_a_long_one() {
    let parsed = ContentType::parse(b"a/b; name*=x''y; name=z");
    assert_eq!(parsed.parameter("name"), Some(&b"z"[..]));
}

#[test]
fn empty_value_has_no_type() {
    check("", "", &[]);
    check("; charset=x", "", &[("charset", "x")]);
}

#[test]
fn boundary_never_ends_in_white_space() {
    let parsed = ContentType::parse(b"multipart/mixed; boundary=\"b \"");
    assert_eq!(parsed.boundary(), Some(&b"b"[..]));
    assert_eq!(ContentType::parse(b"multipart/mixed; boundary=\"\"").boundary(), None);
}

#[test]
fn transfer_encoding_is_read_in_any_case_and_with_comments() {
    use TransferEncoding as E;
    for (value, expected) in [
        ("", E::SevenBit),
        ("7BIT", E::SevenBit),
        (" Base64 (x)", E::Base64),
        ("Quoted-Printable", E::QuotedPrintable),
        ("x-uuencode", E::Unknown),
        ("8bit binary", E::Unknown),
    ] {
        assert_eq!(TransferEncoding::parse(value.as_bytes()), expected, "{value}");
    }
}

proptest! {
    #[test]
    fn any_value_is_read(value in prop::collection::vec(any::<u8>(), 0..80)) {
        ContentType::parse(&value);
        TransferEncoding::parse(&value);
    }

    #[test]
    fn any_near_value_is_read(value in r#"[a-b/;=*0-1'"\\()% \t]{0,60}"#) {
        ContentType::parse(value.as_bytes());
    }
}

#[test]
fn parameter_with_two_values_is_ambiguous() {
    for (value, expected) in [
        ("text/plain; charset=utf-8; charset=big5", true),
        ("text/plain; charset=utf-8; x=y; CHARSET*=us-ascii'en'big5", true),
        ("text/plain; charset=utf-8; charset=\"UTF-8\"", false),
        ("text/plain; charset=utf-8; x=y; x=z", false),
        ("text/plain", false),
    ] {
        let content_type = ContentType::parse(value.as_bytes());
        assert_eq!(content_type.is_ambiguous("charset"), expected, "{value}");
    }
}
