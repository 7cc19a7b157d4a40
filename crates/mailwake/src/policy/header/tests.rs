use super::*;

#[test]
fn a_header_that_did_not_change_gives_the_very_message() {
    let message = b"A: 1\r\n\r\nbody";
    let mut header = Header::of(message);
    header.remove("B");
    assert!(!header.is_changed());
    assert!(matches!(header.apply(message), Cow::Borrowed(octets) if octets == message));
}

#[test]
fn a_field_goes_with_its_folds_and_the_rest_stays() {
    check(
        b"A: 1\r\n 2\r\n\t3\r\nB:  x \r\n\r\nA: no field",
        |header| header.remove("a"),
        "B:  x \r\n\r\nA: no field",
    );
}

#[test]
fn a_field_is_put_behind_the_last_one_or_before_the_blank_line() {
    let set = |header: &mut Header| header.set("B", &["2".into()], Mode::Append).expect("a field");
    check(b"A: 1\r\n\r\nbody", set, "A: 1\r\nB: 2\r\n\r\nbody");
    check(b"A: 1\n\nbody", set, "A: 1\nB: 2\n\nbody");
    check(b"\r\nbody", set, "B: 2\r\n\r\nbody");
    check(b"A: 1", set, "A: 1\r\nB: 2\r\n");
}

#[test]
fn a_long_value_is_folded_at_its_spaces() {
    let value = "word ".repeat(400);
    let set = |header: &mut Header| {
        header.set("B", std::slice::from_ref(&value), Mode::Append).expect("a field");
    };
    let mut header = Header::of(b"A: 1\r\n\r\n");
    set(&mut header);
    let changed = header.apply(b"A: 1\r\n\r\n").into_owned();
    let lines: Vec<&[u8]> = changed.split(|octet| *octet == b'\n').collect();
    assert!(lines.iter().all(|line| line.len() <= LINE_OCTETS_MAX + 1), "{changed:?}");
    assert_eq!(Header::of(&changed).values("B"), [value.trim_end()]);
    assert!(header.set("B", &["x".repeat(1_000)], Mode::Append).is_err());
}

#[test]
fn a_field_is_not_put_on_top_of_the_rest_of_another() {
    let mut header = Header::of(b" rest\r\nA: 1\r\n\r\n");
    assert!(header.set("B", &["2".into()], Mode::Prepend).is_err());
    assert!(header.set("B", &["2".into()], Mode::Append).is_ok());
}

#[test]
fn long_text_is_encoded_in_several_words_and_read_again() {
    let text = "öäü €".repeat(60);
    let mut header = Header::of(b"A: 1\r\n\r\n");
    header.set("B", std::slice::from_ref(&text), Mode::Replace).expect("a field");
    assert_eq!(header.values("b"), [text.as_str()]);
    let changed = header.apply(b"A: 1\r\n\r\n").into_owned();
    assert_eq!(Header::of(&changed).values("B"), [text]);
}

#[test]
fn what_is_put_in_has_a_limit() {
    let mut header = Header::of(b"\r\n");
    let value = "x ".repeat(30_000);
    let set = (0..10).try_for_each(|_| header.set("B", std::slice::from_ref(&value), Mode::Append));
    assert!(set.is_err());
}

#[test]
fn a_sender_with_fields_without_number_holds_up_nobody() {
    let message = ["X-A: 1\r\n".repeat(200_000).as_str(), "B: 2\r\n\r\n"].concat();
    let mut header = Header::of(message.as_bytes());
    header.remove("x-a");
    // Each comparison with each would take minutes.
    assert_eq!(header.values("B"), ["2"]);
    assert!(header.values("X-A").is_empty());
    assert_eq!(header.apply(message.as_bytes()), b"B: 2\r\n\r\n".as_slice());
}

#[track_caller]
fn check(message: &[u8], change: impl Fn(&mut Header), wanted: &str) {
    let mut header = Header::of(message);
    change(&mut header);
    assert_eq!(String::from_utf8_lossy(&header.apply(message)), wanted);
}
