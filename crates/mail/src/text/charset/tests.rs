use super::*;

fn check(label: &str, is_known: bool) {
    assert_eq!(Charset::of_label(label.as_bytes()).is_some(), is_known, "{label}");
}

#[test]
fn ascii_compatible_charsets_are_known() {
    for label in ["UTF-8", " 'utf-8' ", "us-ascii", "iso-8859-15", "Shift_JIS", "gb18030", "cp850"]
    {
        check(label, true);
    }
}

#[test]
fn of_ascii_only_ascii_is_text() {
    for label in ["us-ascii", "ASCII", "ANSI_X3.4-1968", "cp850"] {
        let charset = Charset::of_label(label.as_bytes()).expect("it is known");
        assert_eq!(charset.decode(b"a").as_deref(), Some("a"));
        assert_eq!(charset.decode("é".as_bytes()), None);
        let length = if label == "cp850" { (None, 1) } else { (Some('é'), 2) };
        assert_eq!(charset.first_char("é".as_bytes()), length, "where it ends");
    }
}

#[test]
fn charsets_that_shift_or_widen_are_not() {
    for label in [
        "utf-16",
        "utf-16le",
        "utf-7",
        "utf-32",
        "iso-2022-jp",
        "iso-2022-kr",
        "hz-gb-2312",
        "cp037",
        "x",
        "",
    ] {
        check(label, false);
    }
}

fn check_html(html: &[u8], label: Option<&[u8]>, expected: Option<&str>) {
    let label = label.map(|label| Charset::of_label(label).expect("it is known"));
    let expected = expected.map(|label| Charset::of_label(label.as_bytes()).expect("it is known"));
    assert_eq!(Charset::of_html(html, label), expected, "{}", html.escape_ascii());
}

#[test]
fn html_without_a_label_tells_its_charset() {
    check_html(b"<meta charset=shift_jis>", None, Some("shift_jis"));
    check_html(b"<meta charset=utf-16>", None, Some("utf-8"));
    check_html(b"<meta charset=x-user-defined>", None, Some("windows-1252"));
    check_html(b"<meta charset=iso-2022-jp>", None, None);
    check_html(b"<meta charset=x-nobody-knows>", None, None);
    check_html(b"<p>", None, Some("utf-8"));
}

#[test]
fn label_goes_before_what_html_tells() {
    check_html(b"<meta charset=shift_jis>", Some(b"big5"), Some("big5"));
    check_html(b"<meta charset=iso-2022-jp>", Some(b"utf-8"), Some("utf-8"));
}

#[test]
fn signs_go_before_labels() {
    check_html(b"\xEF\xBB\xBF<meta charset=big5>", None, Some("utf-8"));
    check_html(b"\xEF\xBB\xBFx", Some(b"big5"), Some("utf-8"));
    check_html(b"<meta charset=utf-8>\x1B$B!!", None, None);
    check_html(b"x\x1B(J", Some(b"utf-8"), None);
    assert_eq!(Charset::of_text(b"\xFF\xFEx\0", Some(Charset::UTF_8)), None);
    assert_eq!(Charset::of_text(b"<meta charset=big5>", None), Some(Charset::UTF_8));
}

#[test]
fn octets_that_are_no_text_do_not_decode() {
    assert_eq!(Charset::UTF_8.decode(b"a\xFF"), None);
    assert_eq!(Charset::UTF_8.decode("é".as_bytes()).as_deref(), Some("é"));
    let cp850 = Charset::of_label(b"cp850").expect("it is known");
    assert_eq!(cp850.decode(b"\x82"), None);
    assert_eq!(cp850.decode(b"a").as_deref(), Some("a"));
}

#[test]
fn characters_are_told_with_their_lengths() {
    for (label, octets, expected) in [
        ("utf-8", &b"\xC3\xA9x"[..], (Some('é'), 2)),
        ("utf-8", b"\xC3x", (None, 1)),
        ("windows-1252", b"\xE9x", (Some('é'), 1)),
        ("shift_jis", b"\x83\x41x", (Some('ア'), 2)),
        ("shift_jis", b"\xB1x", (Some('ｱ'), 1)),
        ("gb18030", b"\x81\x30\x81\x30", (Some('\u{80}'), 4)),
        ("euc-jp", b"\xA4\xA2", (Some('あ'), 2)),
        ("big5", b"\xA4", (None, 1)),
        ("utf-8", b"a", (Some('a'), 1)),
        ("utf-8", b"", (None, 1)),
    ] {
        let charset = Charset::of_label(label.as_bytes()).expect("it is known");
        assert_eq!(charset.first_char(octets), expected, "{label} {octets:02x?}");
    }
}
