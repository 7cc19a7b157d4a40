use super::*;
use proptest::prelude::*;

const OCTETS_MAX: usize = 100;

/// Reads `wire` whole, and again octet by octet: both must give the same.
fn check(wire: &str, wanted: Result<&str, DataError>) {
    for step in [wire.len().max(1), 1] {
        let mut reader = DataReader::new(OCTETS_MAX, BareNewlines::Refuse);
        for piece in wire.as_bytes().chunks(step) {
            assert_eq!(reader.take(piece), piece.len(), "{wire:?}");
        }
        assert!(reader.is_done(), "{wire:?}");
        let wanted = wanted.map(|text| text.as_bytes().to_vec());
        assert_eq!(reader.finish(), wanted, "{wire:?}");
    }
}

fn check_unfinished(wire: &str) {
    let mut reader = DataReader::new(OCTETS_MAX, BareNewlines::Refuse);
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
    let mut reader = DataReader::new(OCTETS_MAX, BareNewlines::Refuse);
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

/// What the same octets become under `repair`. They end where they end under `refuse`.
fn check_repaired(wire: &str, wanted: &str) {
    for step in [wire.len().max(1), 1] {
        let mut reader = DataReader::new(OCTETS_MAX, BareNewlines::Repair);
        for piece in wire.as_bytes().chunks(step) {
            assert_eq!(reader.take(piece), piece.len(), "{wire:?}");
        }
        assert!(reader.is_done(), "{wire:?}");
        let octets = reader.finish().expect("content that can be repaired");
        assert_eq!(octets.escape_ascii().to_string(), wanted.escape_default().to_string());
    }
}

#[test]
fn bare_lf_and_cr_are_repaired() {
    check_repaired("a\nb\r\n.\r\n", "a\r\nb\r\n");
    check_repaired("a\rb\r\n.\r\n", "a\r\nb\r\n");
    check_repaired("\n\n\r\n.\r\n", "\r\n\r\n\r\n");
    check_repaired("\ra\r\n.\r\n", "\r\na\r\n");
    check_repaired("a\r\n\r\n.\r\n", "a\r\n\r\n");
}

#[test]
fn several_cr_are_one() {
    check_repaired("a\r\r\nb\r\r\r\n.\r\n", "a\r\nb\r\n");
    check_repaired("a\r\rb\r\n.\r\n", "a\r\nb\r\n");
}

#[test]
fn nul_is_taken_out_or_refused() {
    check_repaired("a\0b\0\r\n.\r\n", "ab\r\n");
    check_repaired("a\r\n\0.\r\n.\r\n", "a\r\n.\r\n");
    check_repaired("a\r\0\n.\r\n.\r\n", "a\r\n\r\n.\r\n");
    check("a\0b\r\n.\r\n", Err(DataError::Nul));
    check("\0\r\n.\r\n", Err(DataError::Nul));
}

#[test]
fn repaired_lines_have_no_dots_to_be_undone() {
    check_repaired("a\n.\nb\r\n.\r\n", "a\r\n.\r\nb\r\n");
    check_repaired("a\n..b\r\n.\r\n", "a\r\n..b\r\n");
    check_repaired("a\r.\rb\r\n.\r\n", "a\r\n.\r\nb\r\n");
    check_repaired("a\r\n.\nb\r\n.\r\n", "a\r\n\r\nb\r\n");
    check_repaired("a\r\n.\rb\r\n.\r\n", "a\r\n\r\nb\r\n");
}

/// What is repaired can be told from a line end no more, so its dots are doubled.
#[test]
fn repaired_content_does_not_end_the_message_upstream() {
    for wire in ["a\n.\n", "a\n.\r\n", "a\r.\r", "a\r\0\n.\0\r\n", "a\r\n\0.\r\n", "a\n\0.\n"] {
        let mut reader = DataReader::new(OCTETS_MAX, BareNewlines::Repair);
        let wire = format!("{wire}MAIL FROM:<e@a.example>\r\n.\r\n");
        assert_eq!(reader.take(wire.as_bytes()), wire.len(), "{wire:?}");
        let sent = stuffed(&reader.finish().expect("content"));
        let end = memchr::memmem::find(&sent, b"\r\n.\r\n");
        assert_eq!(end, Some(sent.len() - 5), "{wire:?} {}", sent.escape_ascii());
    }
}

#[test]
fn content_that_was_given_up_is_read_to_its_end() {
    let mut reader = DataReader::new(OCTETS_MAX, BareNewlines::Refuse);
    reader.take(b"a\r\n");
    reader.give_up(DataError::NoMemory);
    assert_eq!((reader.take(b"b\r\n.\r\nQUIT"), reader.memory()), (6, 0));
    assert_eq!(reader.finish(), Err(DataError::NoMemory));
}

proptest! {
    #[test]
    fn repaired_content_is_lines_and_ends_where_it_would_be_refused(wire in "[\r\n.a\0]{0,40}", step in 1..5_usize) {
        let read = |newlines| {
            let mut reader = DataReader::new(OCTETS_MAX, newlines);
            let taken: usize = wire.as_bytes().chunks(step).map(|piece| reader.take(piece)).sum();
            (taken, reader.is_done(), reader.finish())
        };
        let (refused, repaired) = (read(BareNewlines::Refuse), read(BareNewlines::Repair));
        prop_assert_eq!((refused.0, refused.1), (repaired.0, repaired.1));
        let octets = repaired.2.expect("all can be repaired");
        if refused.1 {
            prop_assert_eq!(crate::smtp::chunking::check_line_ends(&octets), Ok(()));
            let sent = stuffed(&octets);
            let mut again = DataReader::new(10 * OCTETS_MAX, BareNewlines::Refuse);
            prop_assert_eq!(again.take(&sent), sent.len());
            prop_assert_eq!(again.finish(), Ok(octets));
        }
    }

    #[test]
    fn stuffing_is_undone_by_reading(lines in proptest::collection::vec("[.a ]{0,5}", 0..8), step in 1..9_usize) {
        let content: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let mut reader = DataReader::new(OCTETS_MAX, BareNewlines::Refuse);
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
            let mut reader = DataReader::new(OCTETS_MAX, BareNewlines::Refuse);
            let mut taken = 0;
            for piece in wire.as_bytes().chunks(step) {
                taken += reader.take(piece);
            }
            (taken, reader.is_done(), reader.finish())
        };
        prop_assert_eq!(read(step), read(wire.len().max(1)));
    }
}
