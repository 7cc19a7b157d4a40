use super::*;

/// The URIs of a field, each with the letter of its scheme.
fn uris(value: &str) -> Option<String> {
    let read = read_field(value.as_bytes())?;
    let mut uris: Vec<(usize, String)> = Vec::new();
    let kinds = [("s", &read.https), ("h", &read.http), ("m", &read.mailto), ("o", &read.other)];
    for (letter, ranges) in kinds {
        let told =
            |range: &Range<usize>| (range.start, format!("{letter} {}", &value[range.clone()]));
        uris.extend(ranges.iter().map(told));
    }
    uris.sort();
    assert_eq!(read.begins_at + 1, uris[0].0);
    Some(uris.into_iter().map(|(_, uri)| uri).collect::<Vec<_>>().join(", "))
}

fn check(value: &str, expected: &str) {
    assert_eq!(uris(value).as_deref(), Some(expected), "{value:?}");
}

#[test]
fn uris_stand_in_brackets_with_commas_between() {
    check(" <https://a.example/u?x=1,2>", "s https://a.example/u?x=1,2");
    check(
        "<mailto:a@b.example?subject=x>,<HTTP://a/>",
        "m mailto:a@b.example?subject=x, h HTTP://a/",
    );
    check("\r\n <https://a/1> ,\r\n\t<ftp://b/>\r\n", "s https://a/1, o ftp://b/");
}

#[test]
fn anything_else_makes_it_no_list() {
    for value in [
        "",
        " \r\n ",
        "https://a.example/",
        "<https://a.example/",
        "<https://a.example/> (comment)",
        "(comment) <https://a.example/>",
        "<https://a.example/>,",
        ",<https://a.example/>",
        "<https://a.example/> <https://b.example/>",
        "<https://a.exa\r\n mple/>",
        "<https://a.example/é>",
        "<>",
        "<no-scheme>",
        "<https:///path>",
        "<https:a.example>",
        "=?utf-8?q?<https://a.example/>?=",
        "<https://a.example/{{token}}>",
    ] {
        assert_eq!(uris(value), None, "{value:?}");
    }
    assert_eq!(read_field(&[b"<a:b>,".repeat(40).as_slice(), b"<a:b>"].concat()), None);
    assert_eq!(read_field(format!("<a:{}>", "b".repeat(FIELD_OCTETS_MAX)).as_bytes()), None);
}

#[test]
fn one_click_is_all_of_its_field() {
    assert!(is_one_click(b" List-Unsubscribe=One-Click\r\n"));
    assert!(is_one_click(b"list-unsubscribe=one-click"));
    assert!(!is_one_click(b"List-Unsubscribe=One-Click; x=y"));
    assert!(!is_one_click(b""));
}

#[test]
fn signature_names_what_it_covers() {
    let signature = b" v=1; a=rsa-sha256; h=From:To :\r\n List-Unsub\r\n scribe; bh=h=Subject; b=x";
    assert!(signs(signature, "List-Unsubscribe"));
    assert!(signs(signature, "to"));
    assert!(!signs(signature, "List-Unsubscribe-Post"));
    assert!(!signs(signature, "Subject"));
    assert!(!signs(b"h", "From"));
}
