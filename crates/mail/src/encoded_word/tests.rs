use super::*;

fn check(value: &str, wanted: &str) {
    assert_eq!(decode(value.as_bytes()), wanted, "{value:?}");
}

#[test]
fn plain_text_stays() {
    check("Hello, world", "Hello, world");
    check("", "");
    check("Grüße", "Grüße");
}

#[test]
fn both_encodings_are_decoded() {
    check("=?utf-8?Q?Gr=C3=BC=C3=9Fe_f=C3=BCr_alle?=", "Grüße für alle");
    check("=?UTF-8?B?R3LDvMOfZQ==?= an alle", "Grüße an alle");
    check("=?iso-8859-1?q?Andr=E9?= Pirard", "André Pirard");
    check("=?utf-8*de?q?a?=", "a");
}

#[test]
fn space_between_encoded_words_is_not_shown() {
    check("=?utf-8?q?a?= =?utf-8?q?b?=", "ab");
    check("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c");
    check("=?utf-8?q?a_?= =?utf-8?q?b?=", "a b");
}

#[test]
fn what_does_not_decode_stays_as_it_stands() {
    for value in
        ["=?", "=?utf-8?q?a", "=?nonsense?q?a?=", "=?utf-8?x?a?=", "=?utf-8?b?****?=", "a =? b"]
    {
        check(value, value);
    }
}

#[test]
fn raw_octets_are_windows_1252() {
    assert_eq!(decode(b"Andr\xe9"), "André");
}

/// Else a value of words that never end would be read anew from each of its starts.
#[test]
fn word_has_an_end_within_a_line() {
    let word = |len: usize| format!("=?utf-8?q?{}?=", "a".repeat(len));
    check(&word(900), &"a".repeat(900));
    check(&word(1000), &word(1000));
}
