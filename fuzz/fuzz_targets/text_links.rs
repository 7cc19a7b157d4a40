//! URLs in plain text, in every charset with rules of its own: they are found in order,
//! are what they seem, and a character is never passed twice or torn apart.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::text::{
    charset::Charset,
    link::{Urls, goes_over_lines, has_symbol_in_host},
};

const LABELS: [&[u8]; 10] = [
    b"utf-8",
    b"iso-8859-1",
    b"shift_jis",
    b"gbk",
    b"gb18030",
    b"big5",
    b"euc-kr",
    b"euc-jp",
    b"koi8-r",
    b"cp437",
];

fuzz_target!(|input: &[u8]| {
    let Some((&first, text)) = input.split_first() else { return };
    // Any label is read; one that is known is used.
    let known = Charset::of_label(text);
    Charset::of_text(text, known);
    let label = LABELS[usize::from(first) % LABELS.len()];
    let charset = Charset::of_label(label).expect("the label is known");
    check_characters(text, charset);
    let mut position = 0;
    for url in Urls::new(text, charset) {
        assert!(position <= url.start && url.end <= text.len());
        let octets = &text[url.clone()];
        let scheme_len = octets.windows(3).position(|three| three == b"://");
        let scheme = &octets[..scheme_len.expect("a URL has a scheme")];
        assert!(scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https"));
        assert!(octets.len() > scheme.len() + 3);
        let is_delimiter = |octet: &u8| *octet <= b' ' || matches!(octet, b'<' | b'>' | b'"');
        if !charset.has_ascii_trails() {
            assert!(!octets.iter().any(is_delimiter));
        }
        goes_over_lines(text, &url);
        let has_symbol = charset.decode(octets).is_some_and(|url| has_symbol_in_host(&url));
        assert!(!has_symbol || !octets.is_ascii());
        position = url.end;
    }
});

fn check_characters(text: &[u8], charset: Charset) {
    let mut rest = text;
    while !rest.is_empty() {
        let (character, len) = charset.first_char(rest);
        assert!((1..=4).contains(&len) && len <= rest.len());
        assert!(character.is_some() || len == 1);
        rest = &rest[len..];
    }
}
