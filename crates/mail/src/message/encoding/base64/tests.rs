use super::*;
use crate::message::content_type::TransferEncoding;
use proptest::prelude::*;

fn check_decode(body: &str, expected: Result<&str, DecodeError>) {
    assert_eq!(decode(body.as_bytes()), expected.map(|text| text.as_bytes().to_vec()));
}

fn edited(body: &str, edit: (Range<usize>, &str), line_end: LineEnd) -> String {
    let edits = [(edit.0, edit.1.to_owned())];
    let encoding = TransferEncoding::Base64;
    let result = super::super::tests::edited(body.as_bytes(), encoding, &edits, line_end);
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
    assert_eq!(edited(body, (4..4, "x"), LineEnd::Lf), "QUJD\nRHhFRkdISQ==\n\n");
}

#[test]
fn lines_of_odd_length_are_joined() {
    assert_eq!(edited("QU\r\nJD", (3..3, "x"), LineEnd::CrLf), "QUJDeA==");
}

#[test]
fn new_lines_have_76_digits() {
    let result = edited("QUJD\r\n", (0..0, &"x".repeat(60)), LineEnd::CrLf);
    let lens: Vec<_> = result.split("\r\n").map(str::len).collect();
    assert_eq!(lens, [76, 8, 0]);
}

#[test]
fn missing_padding_is_set_when_encoded_anew() {
    assert_eq!(edited("QUI", (2..2, "C="), LineEnd::CrLf), "QUJDPQ==");
}

/// One octet after the other.
fn slowly_decoded(body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let (mut values, mut padding) = (Vec::new(), 0);
    for (offset, octet) in body.iter().enumerate() {
        match VALUES[usize::from(*octet)] {
            SPACE => {}
            _ if *octet == b'=' => padding += 1,
            value if value < SPACE && padding == 0 => values.push(value),
            _ => return Err(DecodeError::NoBase64 { offset }),
        }
    }
    match (values.len() % 4, padding) {
        (0, 0) | (2, 0 | 2) | (3, 0 | 1) => {}
        _ => return Err(DecodeError::Padding),
    }
    let bits = values.iter().flat_map(|value| (0..6).rev().map(move |bit| value >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    let octet = |bits: &[u8]| bits.iter().fold(0, |octet, bit| octet << 1 | bit);
    Ok(bits.chunks_exact(8).map(octet).collect())
}

proptest! {
    #[test]
    fn what_is_encoded_decodes(content in prop::collection::vec(any::<u8>(), 0..300), cut in 0usize..300) {
        let mut body = Vec::new();
        let mut encoder = Encoder::new(LineEnd::CrLf, &mut body);
        let (head, tail) = content.split_at(cut.min(content.len()));
        encoder.push(head);
        encoder.push(tail);
        encoder.finish();
        prop_assert!(body.split(|octet| *octet == b'\n').all(|line| line.len() <= 77));
        prop_assert_eq!(decode(&body), Ok(content));
    }

    #[test]
    fn edits_decode_to_edits(
        body in "([A-Za-z0-9+/]{4}|\r\n|\n| ){0,80}",
        repeats in 1usize..40,
        start in 0usize..200, len in 0usize..9, replacement in "[a-z]{0,40}",
    ) {
        let body = body.repeat(repeats);
        let content = decode(body.as_bytes()).expect("whole groups decode");
        let start = start.min(content.len());
        let end = (start + len).min(content.len());
        edited(&body, (start..end, &replacement), LineEnd::CrLf);
    }

    #[test]
    fn pieces_are_the_content(body in "([A-Za-z0-9+/]{4}|\r\n|\n| ){0,80}", repeats in 1usize..40) {
        let body = body.repeat(repeats).into_bytes();
        let mut content = Vec::new();
        drain(&mut Decoder::new(&body), |piece| content.extend_from_slice(piece));
        prop_assert_eq!(Ok(content), decode(&body));
    }

    #[test]
    fn body_is_decoded_as_it_is_octet_by_octet(
        line in prop::sample::select(vec![76_usize, 64, 72, 60, 4, 73, 80, 200]),
        lines in 1usize..50,
        end in prop::sample::select(vec!["\r\n", "\n", " \r\n", "\r"]),
        last in "([A-Za-z0-9+/]{4}){0,9}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=?|)\r?\n?",
        changes in prop::collection::vec((0usize..4000, "[A-Za-z=* \n\r\u{e9}]"), 0..4),
    ) {
        let mut body = (0..lines * line).fold(String::new(), |mut body, at| {
            body.push(char::from(ALPHABET[at * 7 % 64]));
            if at % line == line - 1 {
                body.push_str(end);
            }
            body
        });
        body.push_str(&last);
        for (at, change) in changes {
            if at < body.len() && body.is_char_boundary(at) && body.is_char_boundary(at + 1) {
                body.replace_range(at..=at, &change);
            }
        }
        prop_assert_eq!(decode(body.as_bytes()), slowly_decoded(body.as_bytes()));
    }

    #[test]
    fn any_body_is_decoded_or_refused(body in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut decoder = Decoder::new(&body);
        drain(&mut decoder, |_| ());
        prop_assert_eq!(decoder.is_broken, decode(&body).is_err());
    }
}

#[test]
fn pieces_of_a_long_padded_body_are_the_content() {
    for len in 760..1600 {
        let content = vec![b'x'; len];
        let mut body = Vec::new();
        let mut encoder = Encoder::new(LineEnd::CrLf, &mut body);
        encoder.push(&content);
        encoder.finish();
        let mut decoder = Decoder::new(&body);
        let mut pieces = Vec::new();
        drain(&mut decoder, |piece| pieces.extend_from_slice(piece));
        assert_eq!((pieces, decoder.is_broken), (content, false), "{len}");
    }
}
