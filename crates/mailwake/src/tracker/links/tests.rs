use super::*;

#[test]
fn what_needs_no_encoding_is_decoded() {
    for (token, expected) in [
        ("abc-_", "abc-_"),
        ("%61b%5F%2d%3D", "ab_-="),
        ("%", "%"),
        ("%4", "%4"),
        ("a%2Fb%00", "a%2Fb%00"),
        ("%+1%zz%\u{fc}", "%+1%zz%\u{fc}"),
        ("%25%361", "%2561"),
    ] {
        assert_eq!(normalized(token), expected, "{token}");
    }
}
