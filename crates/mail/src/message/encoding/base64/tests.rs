use super::*;
use proptest::prelude::*;

fn check_decode(body: &str, expected: Result<&str, DecodeError>) {
    assert_eq!(decode(body.as_bytes()), expected.map(|text| text.as_bytes().to_vec()));
}

fn edited(body: &str, edit: Edit, line_end: LineEnd) -> String {
    let decoded = decode(body.as_bytes()).expect("the body of a test decodes");
    let mut list = EditList::new(decoded.len());
    list.push(edit).expect("the edit of a test fits");
    let result = encode_edits(body.as_bytes(), &decoded, &list, line_end).apply(body.as_bytes());
    assert_eq!(decode(&result).as_deref(), Ok(&*list.apply(&decoded)));
    String::from_utf8(result).expect("base64 is ASCII")
}

#[test]
fn white_space_is_passed_over() {
    check_decode("R3 LDv\r\nMOf\tZSB\n4", Ok("Grüße x"));
}

#[test]
fn padding_may_be_missing() {
    check_decode("QUI=\r\n", Ok("AB"));
    check_decode("QUI", Ok("AB"));
    check_decode("QQ==", Ok("A"));
    check_decode("QQ", Ok("A"));
    check_decode("", Ok(""));
}

#[test]
fn wrong_padding_is_refused() {
    for body in ["Q", "QQ=", "QUI==", "QUJD=", "="] {
        check_decode(body, Err(DecodeError::Padding));
    }
}

#[test]
fn foreign_octet_is_refused() {
    check_decode("QUJD-", Err(DecodeError::NoBase64 { offset: 4 }));
    check_decode("QQ==QQ==", Err(DecodeError::NoBase64 { offset: 4 }));
}

#[test]
fn lines_before_the_first_edit_keep_their_octets() {
    // "QR" decodes like "QQ", but is not what an encoder would write.
    let body = "QUJD\nREVG\nR0hJ\n\n";
    assert_eq!(edited(body, Edit::insert(4, "x"), LineEnd::Lf), "QUJD\nRHhFRkdISQ==\n\n");
}

#[test]
fn lines_of_odd_length_are_joined() {
    assert_eq!(edited("QU\r\nJD", Edit::insert(3, "x"), LineEnd::CrLf), "QUJDeA==");
}

#[test]
fn new_lines_have_76_digits() {
    let result = edited("QUJD\r\n", Edit::insert(0, vec![b'x'; 60]), LineEnd::CrLf);
    let lens: Vec<_> = result.split("\r\n").map(str::len).collect();
    assert_eq!(lens, [76, 8, 0]);
}

#[test]
fn missing_padding_is_set_when_encoded_anew() {
    assert_eq!(edited("QUI", Edit::insert(2, "C="), LineEnd::CrLf), "QUJDPQ==");
}

proptest! {
    #[test]
    fn what_is_encoded_decodes(content in prop::collection::vec(any::<u8>(), 0..300), cut in 0usize..300) {
        let mut encoder = Encoder::new(LineEnd::CrLf, content.len());
        let (head, tail) = content.split_at(cut.min(content.len()));
        encoder.push(head);
        encoder.push(tail);
        let body = encoder.finish();
        prop_assert!(body.split(|octet| *octet == b'\n').all(|line| line.len() <= 77));
        prop_assert_eq!(decode(&body), Ok(content));
    }

    #[test]
    fn edits_decode_to_edits(
        body in "([A-Za-z0-9+/]{4}|\r\n|\n| ){0,80}",
        start in 0usize..200, len in 0usize..9, replacement in "[a-z]{0,40}",
    ) {
        let decoded = decode(body.as_bytes()).expect("whole groups decode");
        let mut list = EditList::new(decoded.len());
        let replacement = replacement.into_bytes();
        list.push(Edit { range: start..start + len, replacement }).ok();
        let edits = encode_edits(body.as_bytes(), &decoded, &list, LineEnd::CrLf);
        prop_assert_eq!(decode(&edits.apply(body.as_bytes())), Ok(list.apply(&decoded)));
    }

    #[test]
    fn any_body_is_decoded_or_refused(body in prop::collection::vec(any::<u8>(), 0..80)) {
        decode(&body).ok();
    }
}
