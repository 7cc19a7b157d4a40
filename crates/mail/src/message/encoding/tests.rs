use super::*;
use crate::message::edit::Edit;

#[test]
fn identity_copies_nothing() {
    for encoding in
        [TransferEncoding::SevenBit, TransferEncoding::EightBit, TransferEncoding::Binary]
    {
        assert!(matches!(decode(b"=41", encoding), Ok(Cow::Borrowed(b"=41"))));
    }
}

#[test]
fn unknown_encoding_is_refused() {
    assert_eq!(decode(b"x", TransferEncoding::Unknown), Err(DecodeError::UnknownEncoding));
}

#[test]
fn first_line_tells_the_line_end() {
    assert_eq!(LineEnd::of(b"a\r\nb\n"), Some(LineEnd::CrLf));
    assert_eq!(LineEnd::of(b"a\nb\r\n"), Some(LineEnd::Lf));
    assert_eq!(LineEnd::of(b"a\r"), None);
}

#[test]
fn edits_of_an_identity_body_stay_as_they_are() {
    let mut edits = EditList::new(2);
    edits.push(Edit::insert(1, "x")).expect("it fits");
    let encoding = TransferEncoding::EightBit;
    assert_eq!(encode_edits(b"ab", b"ab", encoding, &edits, LineEnd::Lf), edits);
}

#[test]
fn no_edit_encodes_to_no_edit() {
    for encoding in [TransferEncoding::QuotedPrintable, TransferEncoding::Base64] {
        let edits = encode_edits(b"QUJD", b"ABC", encoding, &EditList::new(3), LineEnd::Lf);
        assert!(edits.is_empty());
    }
}
