use super::*;
use proptest::prelude::*;

fn check_in(charset: &str, text: &[u8], expected: &[&str]) {
    let charset = Charset::of_label(charset.as_bytes()).expect("the charset of a test is known");
    let urls: Vec<_> = Urls::new(text, charset)
        .map(|range| charset.decode(&text[range]).expect("it decodes").into_owned())
        .collect();
    assert_eq!(urls, expected);
}

fn check(text: &str, expected: &[&str]) {
    check_in("utf-8", text.as_bytes(), expected);
}

#[test]
fn url_ends_at_white_space() {
    check(
        "https://e.example/1\thttp://e.example/2\r\n",
        &["https://e.example/1", "http://e.example/2"],
    );
}

#[test]
fn scheme_is_read_in_any_case() {
    check("HTTPS://E.Example/X", &["HTTPS://E.Example/X"]);
}

#[test]
fn other_schemes_are_no_links() {
    check("ftp://e.example xhttp://e.example s-http://e.example https:x http:/x", &[]);
}

#[test]
fn one_letter_is_a_host() {
    check("http://a https://b HTTP://c.", &["http://a", "https://b", "HTTP://c"]);
}

#[test]
fn url_without_host_is_none() {
    check("http:// https:// http://, https://.", &[]);
}

#[test]
fn punctuation_of_the_sentence_is_not_the_urls() {
    check(
        "(see https://e.example/a?b=1.), 'https://e.example/c'!",
        &["https://e.example/a?b=1", "https://e.example/c"],
    );
}

#[test]
fn bracket_that_was_opened_in_the_url_stays() {
    check(
        "(https://e.example/b_(c)) https://e.example/X_(y)",
        &["https://e.example/b_(c)", "https://e.example/X_(y)"],
    );
}

#[test]
fn markdown_keeps_its_marks() {
    check(
        "[x](https://e.example/a) **https://e.example/b** `https://e.example/c`",
        &["https://e.example/a", "https://e.example/b", "https://e.example/c"],
    );
}

#[test]
fn angle_brackets_hold_the_url_as_it_stands() {
    check(
        "<https://e.example/a.> <URL:https://e.example/b)>",
        &["https://e.example/a.", "https://e.example/b)"],
    );
}

#[test]
fn angle_bracket_that_is_not_closed_holds_nothing() {
    check("<https://e.example/a. b>", &["https://e.example/a"]);
}

#[test]
fn angle_brackets_may_hold_several_lines() {
    for (text, expected) in [
        ("<https://e.example/a/\r\nb>", true),
        ("<URL:https://e.example/a.\nb\n\tc>", true),
        ("> <https://e.example/a/ \r\n> b>", true),
        ("<https://e.example/a/\r\nb c>", false),
        ("<https://e.example/a/\r\n>", false),
        ("<https://e.example/a/\r\n<b>", false),
        ("<https://e.example/a/\r\nb", false),
        ("<https://e.example/a/>\r\nb>", false),
        ("https://e.example/a/\r\nb>", false),
        ("<https://e.example/a/ b>", false),
        ("<https://e.example/a/", false),
    ] {
        let url = Urls::new(text.as_bytes(), Charset::UTF_8).next().expect("it holds a URL");
        assert_eq!(goes_over_lines(text.as_bytes(), &url), expected, "{text}");
    }
}

#[test]
fn non_ascii_punctuation_ends_a_url() {
    check(
        "見https://e.example/1。«https://e.example/2» https://e.example/3… x",
        &["https://e.example/1", "https://e.example/2", "https://e.example/3"],
    );
}

#[test]
fn letters_of_any_script_go_on() {
    check("https://e.example/wiki/出典_(曖昧さ) end", &["https://e.example/wiki/出典_(曖昧さ)"]);
    check("https://bücher.example/u\u{308}x", &["https://bücher.example/u\u{308}x"]);
}

#[test]
fn symbol_inside_a_host_is_a_part_of_it() {
    check(
        "https://i❤.example/x https://❤️.example.",
        &["https://i❤.example/x", "https://❤️.example"],
    );
    check("https://👩\u{200D}💻❤x.example", &["https://👩\u{200D}💻❤x.example"]);
    check("https://e.example🎉 https://e.example🎉.", &["https://e.example"; 2]);
    check("https://e.example🎉now https://e.example❤/x", &["https://e.example"; 2]);
    check("https://e.example→https://x.example", &["https://e.example", "https://x.example"]);
    check("https://e.example/❤.html", &["https://e.example/"]);
}

#[test]
fn symbols_in_hosts_are_told() {
    for url in ["https://i❤.example/", "https://❤?x", "http://x☺"] {
        assert!(has_symbol_in_host(url), "{url}");
    }
    for url in ["https://e.example/❤", "https://bücher.example/?❤", "https://e.example"] {
        assert!(!has_symbol_in_host(url), "{url}");
    }
}

#[test]
fn joiner_inside_a_word_goes_on() {
    check("https://e.example/می\u{200C}خواهم.", &["https://e.example/می\u{200C}خواهم"]);
    check("https://क्\u{200D}ष.example", &["https://क्\u{200D}ष.example"]);
    check("https://e.example/می\u{200C} x", &["https://e.example/می"]);
    check("https://e.example/می\u{200C}\u{200C}خ", &["https://e.example/می"]);
    check("https://e.example/x\u{200C}خ", &["https://e.example/x"]);
    check("https://e.example/خ\u{200D}x", &["https://e.example/خ"]);
    // In windows-1256 9D is a non-joiner.
    check_in("windows-1256", b"https://e.example/\xE3\x9D\xE3", &["https://e.example/م\u{200C}م"]);
}

#[test]
fn url_in_a_url_is_a_part_of_it() {
    check("https://e.example/?u=https://x.example/", &["https://e.example/?u=https://x.example/"]);
}

#[test]
fn trail_octet_is_not_a_letter_before_the_url() {
    // 83 41 is one katakana; the second octet looks like an A.
    check_in("shift_jis", b"\x83\x41https://e.example/\x81\x42", &["https://e.example/"]);
}

#[test]
fn trail_octet_is_no_punctuation() {
    // 83 5C is one katakana; the second octet looks like a backslash.
    check_in("shift_jis", b"https://e.example/\x83\x5C.", &["https://e.example/ソ"]);
}

#[test]
fn trail_octet_does_not_begin_a_url() {
    check_in("shift_jis", b"\x83https://e.example/", &[]);
}

#[test]
fn octets_that_are_no_text_belong_to_the_url() {
    for (charset, url) in [
        ("utf-8", &b"https://e.example/\xFFx"[..]),
        ("us-ascii", b"https://e.example/gr\xFC\xDFe"),
        ("cp850", b"https://e.example/gr\x81\xE1e"),
        ("shift_jis", b"https://e.example/\x83"),
    ] {
        let charset = Charset::of_label(charset.as_bytes()).expect("it is known");
        let text = [b"see ", url, b" there"].concat();
        assert_eq!(Urls::new(&text, charset).next(), Some(4..4 + url.len()));
        assert_eq!(charset.decode(url), None);
    }
}

proptest! {
    #[test]
    fn urls_lie_within_the_text_in_order(
        text in "(http|https|://|e|\\.|\\(|\\)|<|>|é|。| |\n|URL:|\\[|\\]){0,40}",
        label in prop::sample::select(vec!["utf-8", "shift_jis", "windows-1252"]),
    ) {
        let charset = Charset::of_label(label.as_bytes()).expect("it is known");
        let mut position = 0;
        for url in Urls::new(text.as_bytes(), charset) {
            prop_assert!(position <= url.start && url.len() > 7);
            prop_assert!(text.as_bytes()[url.clone()][..4].eq_ignore_ascii_case(b"http"));
            position = url.end;
        }
    }

    #[test]
    fn any_octets_are_read(text in prop::collection::vec(any::<u8>(), 0..200)) {
        Urls::new(&text, Charset::UTF_8).count();
    }
}

#[test]
fn notrack_is_a_part_of_the_scheme() {
    check(
        "https+notrack://e.example/a HTTP+NoTrack://e.example/b.",
        &["https+notrack://e.example/a", "HTTP+NoTrack://e.example/b"],
    );
    check("xhttps+notrack://e.example +notrack://e.example ftp+notrack://e.example", &[]);
}
