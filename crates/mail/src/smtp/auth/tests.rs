use super::*;

/// The name that a first response shows, by itself and on the line of AUTH.
fn check(mechanism: &str, response: &[u8], name: Option<&str>) {
    let line = BASE64_STANDARD.encode(response);
    let mut exchange = Exchange::begin(mechanism);
    exchange.response(line.as_bytes());
    // What comes later is a password or a proof.
    exchange.response(BASE64_STANDARD.encode("secret").as_bytes());
    assert_eq!(exchange.into_name().as_deref(), name, "{mechanism} {}", response.escape_ascii());
    let at_once = Exchange::begin(&format!("{mechanism} {line}"));
    assert_eq!(at_once.into_name().as_deref(), name);
}

#[test]
fn plain_shows_who_authenticates_and_not_for_whom() {
    check("PLAIN", b"\0ann\0secret", Some("ann"));
    check("plain", b"boss\0ann@shop.example\0secret", Some("ann@shop.example"));
}

#[test]
fn login_begins_with_the_name() {
    check("LOGIN", b"ann", Some("ann"));
}

#[test]
fn cram_md5_ends_with_the_digest() {
    check("CRAM-MD5", b"tim b913a602c7eda7a495b4e6e7334d3890", Some("tim"));
    check("CRAM-MD5", b"tim tom b913a602c7eda7a495b4e6e7334d3890", Some("tim tom"));
}

#[test]
fn scram_escapes_two_characters() {
    check("SCRAM-SHA-256", b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", Some("user"));
    check("SCRAM-SHA-1", b"y,a=boss,n=a=2Cb=3Dc,r=x", Some("a,b=c"));
    check("SCRAM-SHA-1", b"n,,m=ext,n=user,r=x", None);
}

#[test]
fn xoauth2_has_fields() {
    check(
        "XOAUTH2",
        b"user=ann@shop.example\x01auth=Bearer ya29\x01\x01",
        Some("ann@shop.example"),
    );
}

#[test]
fn other_mechanisms_show_no_name() {
    check("EXTERNAL", b"ann", None);
    check("GSSAPI", b"ann", None);
}

#[test]
fn what_is_no_name_is_not_taken_for_one() {
    check("PLAIN", b"ann", None);
    check("PLAIN", b"\0\0secret", None);
    check("LOGIN", b"a\r\nb", None);
    check("LOGIN", b"\xff", None);
    check("LOGIN", &[b'a'; 256], None);
    check("CRAM-MD5", b"nospace", None);
    check("XOAUTH2", b"auth=Bearer ya29\x01user", None);
    assert_eq!(Exchange::begin("PLAIN no/base64!").into_name(), None);
    assert_eq!(Exchange::begin("").into_name(), None);
}

#[test]
fn response_of_no_octets_is_one() {
    let mut exchange = Exchange::begin("LOGIN =");
    exchange.response(b"YW5u");
    assert_eq!(exchange.into_name(), None);
}

#[test]
fn response_is_base64_or_an_asterisk() {
    for line in ["", "*", "YW5u", "a+/=", "="] {
        assert!(is_response(line.as_bytes()), "{line}");
    }
    for line in ["**", "a b", "QUIT\t", "\u{e9}", "a*"] {
        assert!(!is_response(line.as_bytes()), "{line}");
    }
}

#[test]
fn what_is_secret_is_not_shown() {
    assert_eq!(format!("{:?}", Secret::from(b"password".to_vec())), "Secret");
}
