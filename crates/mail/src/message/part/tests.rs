use super::*;
use proptest::prelude::*;

/// Each part as `path type body`, with `!` for a missing blank line.
fn outline(message: &str) -> Vec<String> {
    let tree = split(message.as_bytes()).expect("within the limits");
    let line = |index: usize| {
        let part = &tree.parts()[index];
        let body = if part.is_split { "*" } else { &message[part.body.clone()] };
        let mark = if part.has_blank_line { "" } else { "!" };
        format!("{} {}{mark} {body}", tree.path(index), part.content.media_type.essence)
    };
    (0..tree.parts().len()).map(line).collect()
}

fn check(message: &str, expected: &[&str]) {
    assert_eq!(outline(message), expected);
    // The same holds for a message whose lines end in LF.
    let with_lf: Vec<_> = expected.iter().map(|line| line.replace("\r\n", "\n")).collect();
    assert_eq!(outline(&message.replace("\r\n", "\n")), with_lf);
}

const MIXED: &str = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";

#[test]
fn message_without_mime_is_one_text_part() {
    check("A: b\r\n\r\nbody\r\n", &["1 text/plain body\r\n"]);
}

#[test]
fn message_of_no_octets_is_one_part() {
    check("", &["1 text/plain! "]);
}

#[test]
fn line_break_before_a_delimiter_is_not_the_parts() {
    check(
        &format!("{MIXED}pre\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n\r\n--b--\r\nepilogue"),
        &["1 multipart/mixed *", "1.1 text/plain one", "1.2 text/plain two\r\n"],
    );
}

#[test]
fn delimiter_may_be_padded() {
    check(
        &format!("{MIXED}--b \t\r\n\r\none\r\n--b-- \r\n--b\r\n\r\nno part"),
        &["1 multipart/mixed *", "1.1 text/plain one"],
    );
}

#[test]
fn boundary_that_only_begins_the_line_is_no_delimiter() {
    check(
        &format!("{MIXED}--b\r\n\r\none\r\n--bb\r\n--b-\r\n--b--x\r\n--b--"),
        &["1 multipart/mixed *", "1.1 text/plain one\r\n--bb\r\n--b-\r\n--b--x"],
    );
}

#[test]
fn last_part_of_an_unclosed_multipart_goes_to_the_end() {
    check(
        &format!("{MIXED}--b\r\n\r\none\r\n"),
        &["1 multipart/mixed *", "1.1 text/plain one\r\n"],
    );
}

#[test]
fn close_delimiter_alone_splits_into_nothing() {
    check(&format!("{MIXED}text\r\n--b--\r\n"), &["1 multipart/mixed *"]);
}

#[test]
fn multipart_without_delimiter_is_not_split() {
    check(&format!("{MIXED}text"), &["1 multipart/mixed text"]);
}

#[test]
fn outer_delimiter_ends_an_unclosed_inner_multipart() {
    check(
        &format!(
            "{MIXED}--b\r\nContent-Type: multipart/related; boundary=bb\r\n\r\n--bb\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--bb\r\n--b--"
        ),
        &[
            "1 multipart/mixed *",
            "1.1 multipart/related *",
            "1.1.1 text/plain one",
            "1.2 text/plain two\r\n--bb",
        ],
    );
}

#[test]
fn part_of_no_octets_stands_in_its_multipart() {
    let message = format!(
        "{MIXED}--b\r\nContent-Type: multipart/related; boundary=bb\r\n\r\n--bb\r\n--b--\r\n"
    );
    let tree = split(message.as_bytes()).expect("within the limits");
    let [_, outer, inner] = tree.parts() else { panic!("{tree:?}") };
    assert!(inner.header.is_empty() && inner.body.is_empty());
    assert_eq!(inner.body.end, outer.body.end);
}

#[test]
fn delimiter_ends_a_header_without_blank_line() {
    check(
        &format!(
            "{MIXED}--b\r\nContent-Type: text/html\r\n--b\r\nContent-Type: text/html\r\n\r\n--b--"
        ),
        &["1 multipart/mixed *", "1.1 text/html! ", "1.2 text/html! "],
    );
}

#[test]
fn part_of_a_digest_is_a_message_by_default() {
    check(
        "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nA: b\r\n--b--",
        &["1 multipart/digest *", "1.1 message/rfc822 A: b"],
    );
}

#[test]
fn encoded_multipart_is_not_split() {
    check(
        "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b--",
        &["1 multipart/mixed --b--"],
    );
}

fn nested(levels: usize) -> String {
    let level =
        |n: usize| format!("Content-Type: multipart/mixed; boundary=x{n}\r\n\r\n--x{n}\r\n");
    (0..levels).map(level).collect()
}

#[test]
fn nesting_has_a_limit() {
    assert!(split(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(split(nested(DEPTH_MAX + 1).as_bytes()), Err(SplitError::TooDeep));
}

#[test]
fn parts_have_a_limit() {
    let message = format!("{MIXED}{}", "--b\r\n\r\n".repeat(PARTS_MAX));
    assert_eq!(split(message.as_bytes()), Err(SplitError::TooManyParts));
}

#[test]
fn message_can_be_taken_as_a_whole() {
    let message = nested(DEPTH_MAX + 1);
    let tree = whole(message.as_bytes());
    assert_eq!((tree.parts().len(), tree.root().is_split), (1, false));
    assert_eq!(tree.root().body.end, message.len());
}

#[test]
fn second_content_type_is_ambiguous() {
    let message = b"Content-Type: text/html\r\ncontent-type: text/plain\r\n\r\n";
    let tree = split(message).expect("within the limits");
    assert!(tree.root().content.is_ambiguous);
    assert_eq!(tree.root().content.media_type.essence, "text/html");
}

proptest! {
    #[test]
    fn any_message_is_split_into_ranges_within_it(
        lines in prop::collection::vec(
            prop::sample::select(vec![
                "Content-Type: multipart/mixed; boundary=a", "Content-Type: multipart/x; boundary=aa",
                "", "--a", "--aa", "--a--", "--aa--", "text", " --a",
            ]),
            0..24,
        ),
        line_end in prop::sample::select(vec!["\r\n", "\n"]),
    ) {
        let message = lines.join(line_end);
        let tree = split(message.as_bytes()).expect("within the limits");
        for part in tree.parts() {
            prop_assert!(part.header.start <= part.header.end);
            prop_assert!(part.header.end <= part.body.start && part.body.start <= part.body.end);
            prop_assert!(part.body.end <= message.len());
        }
    }
}
