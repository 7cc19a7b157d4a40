use super::*;
use crate::message::splice::Splicer;
use std::ops::Range;

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
    let encoding = TransferEncoding::EightBit;
    assert_eq!(edited(b"a=\nb", encoding, &[(1..2, "=3D".into())], LineEnd::Lf), b"a=3D\nb");
}

#[test]
fn no_edit_encodes_to_no_edit() {
    for encoding in [TransferEncoding::QuotedPrintable, TransferEncoding::Base64] {
        assert_eq!(edited(b"QUJ  D", encoding, &[], LineEnd::Lf), b"QUJ  D");
    }
}

/// A body with these edits of its content made. Its content must be the edited one, and
/// the check of copies must let it pass.
pub(super) fn edited(
    body: &[u8],
    encoding: TransferEncoding,
    edits: &[(Range<usize>, String)],
    line_end: LineEnd,
) -> Vec<u8> {
    let decoded = Decoded::new(body, encoding).expect("the body of a test decodes");
    let content = decoded.content().to_vec();
    let ranges: Vec<_> = edits.iter().map(|(range, _)| range.clone()).collect();
    let editable = decoded.editable(&ranges).expect("its stretches decode to its content");
    let mut list = editable.edits();
    for (range, replacement) in edits {
        list.push(range.clone(), replacement.as_bytes()).expect("the edits of a test fit");
    }
    // Something stands before the body in its message.
    let message = [b"\n", body].concat();
    let mut splicer = Splicer::new(&message, message.len(), 0);
    editable.splice(1..message.len(), &list, line_end, &mut splicer).expect("edits are in order");
    let (copy, splices) = splicer.finish();
    assert!(splices.keep_the_rest(&message, &copy));
    let result = copy[1..].to_vec();
    let found = decode(&result, encoding).expect("what is encoded can be decoded");
    assert_eq!(found, list.apply(&content), "{}", String::from_utf8_lossy(&result));
    let splices = splices.within(1..message.len());
    assert!(editable.is_held_by(
        (&message, 1..message.len()),
        (&copy, 1..copy.len()),
        splices,
        &list
    ));
    result
}
