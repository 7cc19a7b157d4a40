use super::*;
use proptest::prelude::*;

const OCTETS_MAX: usize = 100;

/// Reads `wire` whole, and again octet by octet: both must give the same.
fn check(wire: &str, wanted: Result<&str, DataError>) {
    for step in [wire.len().max(1), 1] {
        let mut reader = DataReader::new(OCTETS_MAX);
        for piece in wire.as_bytes().chunks(step) {
            assert_eq!(reader.take(piece), piece.len(), "{wire:?}");
        }
        assert!(reader.is_done(), "{wire:?}");
        let wanted = wanted.map(|text| text.as_bytes().to_vec());
        assert_eq!(reader.finish(), wanted, "{wire:?}");
    }
}

fn check_unfinished(wire: &str) {
    let mut reader = DataReader::new(OCTETS_MAX);
    assert_eq!(reader.take(wire.as_bytes()), wire.len());
    assert!(!reader.is_done(), "{wire:?}");
}

#[test]
fn content_ends_at_the_final_dot() {
    check("a\r\n.\r\n", Ok("a\r\n"));
    check(".\r\n", Ok(""));
    check("\r\n.\r\n", Ok("\r\n"));
}

#[test]
fn doubled_leading_dot_is_undone() {
    check("..com\r\n.\r\n", Ok(".com\r\n"));
    check("a\r\n..\r\n.\r\n", Ok("a\r\n.\r\n"));
    check("a..b\r\n.\r\n", Ok("a..b\r\n"));
}

#[test]
fn single_leading_dot_is_taken_off() {
    // RFC 5321 §4.5.2: a line that begins with a dot and has more loses the dot.
    check(".com\r\n.\r\n", Ok("com\r\n"));
}

#[test]
fn bare_lf_is_refused() {
    check("a\nb\r\n.\r\n", Err(DataError::BareLineFeed));
    check("\n\r\n.\r\n", Err(DataError::BareLineFeed));
    check(".\n\r\n.\r\n", Err(DataError::BareLineFeed));
}

#[test]
fn bare_cr_is_refused() {
    check("a\rb\r\n.\r\n", Err(DataError::BareCarriageReturn));
    check("a\r\r\n.\r\n", Err(DataError::BareCarriageReturn));
    check("a\r\n.\rb\r\n.\r\n", Err(DataError::BareCarriageReturn));
    check("a\r\n.\r\r\n.\r\n", Err(DataError::BareCarriageReturn));
}

#[test]
fn no_mix_of_line_ends_ends_a_message() {
    for wire in [
        "a\n.\n",
        "a\n.\r\n",
        "a\r\n.\n",
        "a\r.\r",
        "a\r\n.\r",
        "a\r.\r\n",
        "a\r\n.\0\r\n",
        "a\r\n. \r\n",
    ] {
        check_unfinished(wire);
    }
}

#[test]
fn content_may_be_as_large_as_the_limit() {
    let line = "a".repeat(OCTETS_MAX - 2) + "\r\n";
    check(&(line.clone() + ".\r\n"), Ok(&line));
    check(&("a".to_owned() + &line + ".\r\n"), Err(DataError::TooLarge));
}

#[test]
fn what_follows_is_the_next_command() {
    let mut reader = DataReader::new(OCTETS_MAX);
    assert_eq!(reader.take(b"a\r\n.\r\nQUIT\r\n"), 6);
    assert!(reader.is_done());
}

fn stuffed(content: &[u8]) -> Vec<u8> {
    stuffed_in_pieces(content, content.len().max(1))
}

fn stuffed_in_pieces(content: &[u8], step: usize) -> Vec<u8> {
    let (mut stuffer, mut out) = (DotStuffer::default(), Vec::new());
    content.chunks(step).for_each(|piece| stuffer.push(piece, &mut out));
    stuffer.finish(&mut out);
    out
}

#[test]
fn leading_dots_are_doubled() {
    assert_eq!(stuffed(b".a\r\n..b\r\nc.\r\n"), b"..a\r\n...b\r\nc.\r\n.\r\n");
    assert_eq!(stuffed(b""), b".\r\n");
    assert_eq!(stuffed(b"a"), b"a\r\n.\r\n");
}

proptest! {
    #[test]
    fn stuffing_is_undone_by_reading(lines in proptest::collection::vec("[.a ]{0,5}", 0..8), step in 1..9_usize) {
        let content: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let mut reader = DataReader::new(OCTETS_MAX);
        prop_assert_eq!(stuffed_in_pieces(content.as_bytes(), step), stuffed(content.as_bytes()));
        for piece in stuffed(content.as_bytes()).chunks(step) {
            prop_assert_eq!(reader.take(piece), piece.len());
        }
        prop_assert!(reader.is_done());
        prop_assert_eq!(reader.finish(), Ok(content.into_bytes()));
    }

    #[test]
    fn pieces_do_not_matter(wire in "[\r\n.ab]{0,40}", step in 1..5_usize) {
        let read = |step: usize| {
            let mut reader = DataReader::new(OCTETS_MAX);
            let mut taken = 0;
            for piece in wire.as_bytes().chunks(step) {
                taken += reader.take(piece);
            }
            (taken, reader.is_done(), reader.finish())
        };
        prop_assert_eq!(read(step), read(wire.len().max(1)));
    }
}
