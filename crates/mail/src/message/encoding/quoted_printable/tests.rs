use super::*;
use crate::message::content_type::TransferEncoding;
use proptest::prelude::*;

fn check_decode(body: &str, expected: &str) {
    assert_eq!(String::from_utf8_lossy(&decode(body.as_bytes()).0), expected);
}

/// Replaces the first `@` of the decoded content, and checks the body that results.
fn check_edit(body: &str, replacement: &str, expected: &str) {
    let (content, _) = decode(body.as_bytes());
    let at = content.iter().position(|octet| *octet == b'@').expect("the case has a mark");
    assert_eq!(edited(body, &[(at..at + 1, replacement)]), expected);
}

fn edited(body: &str, edits: &[(Range<usize>, &str)]) -> String {
    let line_end = LineEnd::of(body.as_bytes()).unwrap_or_default();
    let edits: Vec<_> = edits.iter().map(|(range, text)| (range.clone(), (*text).into())).collect();
    let encoding = TransferEncoding::QuotedPrintable;
    let result = super::super::tests::edited(body.as_bytes(), encoding, &edits, line_end);
    String::from_utf8(result).expect("an encoded body of a test is ASCII")
}

#[test]
fn escape_in_either_case_is_an_octet() {
    check_decode("a=3D=3db", "a==b");
}

#[test]
fn soft_line_break_joins_lines() {
    check_decode("a=\r\nb= \t\r\nc=\nd\r\n", "abcd\r\n");
}

#[test]
fn white_space_before_a_line_end_is_not_content() {
    check_decode("a \t\r\nb=20\r\n c ", "a\r\nb \r\n c");
}

#[test]
fn lines_without_escapes_are_looked_at_once() {
    for line in
        ["a line of text, with nothing to decode\r\n", "a line with a space at its end \r\n"]
    {
        let body = line.repeat(40_000);
        assert_eq!(decode(body.as_bytes()).0, line.replace(" \r", "\r").repeat(40_000).as_bytes());
    }
}

#[test]
fn no_escape_is_literal() {
    check_decode("=ZZ =4 =\r\n==", "=ZZ =4 =");
}

#[test]
fn edited_line_is_encoded_and_others_keep_their_octets() {
    check_edit("=e4 \r\na=3d@ \r\n=e4\r\n", "=x", "=e4 \r\na=3D=3Dx\r\n=e4\r\n");
}

#[test]
fn long_line_gets_soft_breaks() {
    let long = "x".repeat(100);
    let expected = format!("a{}=\r\n{}\r\n", "x".repeat(74), "x".repeat(26));
    check_edit("a@\r\n", &long, &expected);
}

#[test]
fn escape_is_not_torn_apart() {
    let long = format!("{}é", "x".repeat(72));
    check_edit("@\r\n", &long, &format!("{}=C3=\r\n=A9\r\n", "x".repeat(72)));
}

#[test]
fn line_before_a_soft_break_keeps_it() {
    check_edit("a@=\r\nb\r\n", "x", "ax=\r\nb\r\n");
}

#[test]
fn soft_breaks_follow_the_line_ends_of_the_body() {
    let expected = format!("{}=\n{}\n", "x".repeat(75), "x".repeat(25));
    check_edit("@\n", &"x".repeat(100), &expected);
}

#[test]
fn white_space_left_at_a_line_end_is_encoded() {
    check_edit("a b=20@\r\n", "", "a b=20\r\n");
    check_edit("a b=09@\n", "", "a b=09\n");
}

#[test]
fn space_encoded_at_the_last_column_moves_to_the_next_line() {
    let filled = "x".repeat(74);
    check_edit(&format!("{filled}=20@\r\n"), "", &format!("{filled}=\r\n=20\r\n"));
}

#[test]
fn line_break_that_is_data_stays_data() {
    check_edit("a=0D=0A@\r\n", "\n", "a=0D=0A=0A\r\n");
}

#[test]
fn octet_that_should_have_been_encoded_is() {
    check_edit("ä@\u{1}\r\n", "", "=C3=A4=01\r\n");
}

#[test]
fn edit_over_a_line_break_joins_the_lines() {
    assert_eq!(edited("=61b\r\n=63\r\nd", &[(2..5, "+")]), "ab+\r\nd");
}

#[test]
fn insertion_at_the_end_follows_the_last_line_end() {
    assert_eq!(edited("a\r\n", &[(3..3, "x=")]), "a\r\nx=3D");
}

#[test]
fn insertion_at_the_end_of_an_unended_line_belongs_to_it() {
    assert_eq!(edited("a =", &[(2..2, "x")]), "a x=");
    assert_eq!(edited("a", &[(1..1, "x")]), "ax");
    assert_eq!(edited("", &[(0..0, "x")]), "x");
}

#[test]
fn removed_last_line_end_is_gone() {
    assert_eq!(edited("a\r\n", &[(1..3, "")]), "a");
    assert_eq!(edited("a\r\n", &[(1..2, "")]), "a=0A");
}

#[test]
fn far_edit_is_found_by_the_lines_before_it() {
    let line = "=C3=A9 and so on, for a while=\r\n=\r\nand on  \r\n";
    let (head, tail) = (line.repeat(40), line.repeat(3));
    let body = [&head, "a @=\r\nb\r\n", &tail].concat();
    check_edit(&body, "here", &[&head, "a here=\r\nb\r\n", &tail].concat());
}

/// The body between others, and where it stands. They are no part of it.
fn among_others(body: &str) -> (String, Range<usize>) {
    let before = "=3D= \r\n=";
    (
        format!("{before}{body}3D=\r\n \t\n{}", "=3D".repeat(40)),
        before.len()..before.len() + body.len(),
    )
}

fn is_held<'a>(body: &str, pieces: impl IntoIterator<Item = &'a [u8], IntoIter: Clone>) -> bool {
    let pieces = pieces.into_iter();
    let is_held = decoder::is(body.as_bytes(), 0..body.len(), pieces.clone());
    let (octets, range) = among_others(body);
    assert_eq!(decoder::is(octets.as_bytes(), range, pieces), is_held, "{body:?}");
    is_held
}

fn prefix_len(body: &str, content: &[u8]) -> Option<usize> {
    let len = decoder::prefix_len(body.as_bytes(), 0..body.len(), content);
    let (octets, range) = among_others(body);
    assert_eq!(decoder::prefix_len(octets.as_bytes(), range, content), len, "{body:?}");
    len
}

/// What a body decodes to, read octet by octet.
fn slowly_decoded(body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    for line in body.split_inclusive(|octet| *octet == b'\n') {
        let visible = line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l));
        let mut rest = trimmed(visible);
        let is_soft = rest.ends_with(b"=");
        rest = rest.strip_suffix(b"=").unwrap_or(rest);
        while let Some((octet, behind)) = rest.split_first() {
            let digits = behind.get(..2).and_then(|digits| str::from_utf8(digits).ok());
            let digits = digits.filter(|d| d.bytes().all(|digit| digit.is_ascii_hexdigit()));
            match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                Some(escaped) if *octet == b'=' => {
                    content.push(escaped);
                    rest = &behind[2..];
                }
                _ => {
                    content.push(*octet);
                    rest = behind;
                }
            }
        }
        if !is_soft {
            content.extend_from_slice(&line[visible.len()..]);
        }
    }
    content
}

proptest! {
    #[test]
    fn body_is_decoded_as_it_is_octet_by_octet(
        body in "([a =\r\n\t3DAz]|=3D|=\r\n|[a-z]{70}|\r\n){0,60}",
    ) {
        let (content, line_starts) = decode(body.as_bytes());
        prop_assert_eq!(&content, &slowly_decoded(body.as_bytes()));
        let mut search = line_starts.search();
        for at in 0..content.len() {
            let Some(known) = search.before(at) else { continue };
            prop_assert!(body[..known.body].ends_with('\n'));
            prop_assert_eq!(slowly_decoded(&body.as_bytes()[..known.body]).len(), known.content);
        }
    }
}

proptest! {
    #[test]
    fn edits_decode_to_edits(
        body in "[a =\r\n\t@3DAfz\u{1}é]{0,200}",
        repeats in 1usize..8,
        edits in prop::collection::vec((0usize..200, 0usize..6, "[a =\r\n\té]{0,90}"), 0..6),
    ) {
        let body = body.repeat(repeats).into_bytes();
        let content = decode(&body).0;
        let mut position = 0;
        let mut in_order = Vec::new();
        for (skipped, len, replacement) in edits {
            let start = (position + skipped).min(content.len());
            position = (start + len).min(content.len());
            in_order.push((start..position, replacement));
        }
        let encoding = TransferEncoding::QuotedPrintable;
        let result = super::super::tests::edited(&body, encoding, &in_order, LineEnd::CrLf);
        if body.split(|octet| *octet == b'\n').all(|line| line.len() <= ENCODED_LINE_MAX) {
            for line in result.split(|octet| *octet == b'\n') {
                prop_assert!(line.len() <= ENCODED_LINE_MAX + 1);
            }
        }
    }

    #[test]
    fn what_it_is_held_against_is_the_content(
        body in "[a =\r\n\t3DAz]{0,200}",
        cuts in prop::collection::vec(0usize..200, 0..5),
        changed in 0usize..400,
    ) {
        let mut content = decode(body.as_bytes()).0;
        let mut places: Vec<_> = cuts.into_iter().map(|cut| cut.min(content.len())).collect();
        places.extend([0, content.len()]);
        places.sort_unstable();
        let is_same = |content: &[u8]| {
            let pieces = places.windows(2).map(|cut| &content[cut[0]..cut[1]]);
            is_held(&body, pieces)
        };
        prop_assert!(is_same(&content));
        prop_assert_eq!(prefix_len(&body, &content), Some(content.len()));
        prop_assert!(!is_held(&body, [&content[..], b"a"]));
        content.extend_from_slice(b"behind it");
        prop_assert_eq!(prefix_len(&body, &content), Some(content.len() - 9));
        content.truncate(content.len() - 9);
        if let Some(octet) = content.get_mut(changed) {
            *octet ^= 1;
            prop_assert!(!is_same(&content));
            prop_assert_eq!(prefix_len(&body, &content), None);
        }
        if content.pop().is_some() {
            prop_assert!(!is_held(&body, [&content[..]]));
            prop_assert_eq!(prefix_len(&body, &content), None);
        }
    }

    #[test]
    fn line_by_line_it_is_the_same(body in "[a =\r\n\t3DAz]{0,200}") {
        let lines = body.split_inclusive('\n').map(|line| decode(line.as_bytes()).0);
        prop_assert_eq!(lines.collect::<Vec<_>>().concat(), decode(body.as_bytes()).0);
    }
}
