use super::location;
use proptest::prelude::*;

fn check(target_url: &str, expected: &str) {
    let value = location(target_url).expect("a URL");
    assert_eq!(value.to_str().expect("ASCII"), expected);
}

#[test]
fn a_usual_url_stays_as_it_is() {
    let url = "https://shop.example:8443/a%20b;c=1/?q=%C3%A9&x=[1]|{2}^`\"<>\\#frag'~";
    check(url, url);
}

#[test]
fn non_ascii_is_percent_encoded() {
    check("https://ex.example/münchen?q=日", "https://ex.example/m%C3%BCnchen?q=%E6%97%A5");
}

#[test]
fn a_space_is_percent_encoded() {
    check("https://ex.example/a b", "https://ex.example/a%20b");
}

#[test]
fn controls_are_percent_encoded() {
    check("https://ex.example/\u{0}\u{7f}\u{1b}x", "https://ex.example/%00%7F%1Bx");
}

#[test]
fn line_ends_cannot_start_a_header_field() {
    check("https://ex.example/\r\nSet-Cookie:\ta=b", "https://ex.example/Set-Cookie:a=b");
}

#[test]
fn spaces_around_are_no_part_of_a_url() {
    check(" \n https://ex.example/ \t", "https://ex.example/");
}

#[test]
fn nothing_leads_nowhere() {
    assert_eq!(location(""), None);
    assert_eq!(location(" \r\n"), None);
}

#[test]
fn only_web_addresses_are_led_to() {
    for url in ["https://a", "HTTP://a", "http:\\\\a", " https:/\\a", "ht\ntps://a/"] {
        assert!(location(url).is_some(), "{url:?}");
    }
    for url in [
        "javascript:alert(1)",
        "java\tscript:alert(1)",
        "\u{1}javascript:alert(1)",
        "data:,x",
        "mailto:ann@example.com",
        "//a",
        "/a",
        "a",
        "https:a",
        "https:/a",
        "https://",
        "xhttps://a",
        "httpss://a",
    ] {
        assert_eq!(location(url), None, "{url:?}");
    }
}

proptest! {
    #[test]
    fn every_target_gives_a_field_of_graphic_ascii(rest in any::<String>()) {
        for target_url in [&rest, &format!("https://a{rest}")] {
            if let Some(value) = location(target_url) {
                prop_assert!(value.as_bytes().iter().all(u8::is_ascii_graphic));
                prop_assert!(value.as_bytes()[..4].eq_ignore_ascii_case(b"http"));
            }
        }
    }

    #[test]
    fn graphic_ascii_is_kept_octet_for_octet(target_url in "https?://[!-~]{1,200}") {
        let value = location(&target_url).expect("a URL");
        prop_assert_eq!(value.as_bytes(), target_url.as_bytes());
    }
}
