//! Content of DATA and of BDAT: in pieces or at once it gives the same, nothing bare gets through,
//! and what is stuffed with dots for the wire is read back as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::smtp::{
    chunking::Assembly,
    data::{BareNewlines, DataError, DataReader, DotStuffer},
};

const OCTETS_MAX: usize = 1024;

fuzz_target!(|input: &[u8]| {
    let Some((&first, wire)) = input.split_first() else { return };
    let piece_len = usize::from(first % 32) + 1;
    let mut ends = Vec::new();
    for newlines in [BareNewlines::Refuse, BareNewlines::Repair] {
        let (content, taken) = read(wire, wire.len().max(1), newlines);
        let (in_pieces, taken_in_pieces) = read(wire, piece_len, newlines);
        assert_eq!((&content, taken), (&in_pieces, taken_in_pieces));
        ends.push((content.is_some(), taken));
        if let Some(Ok(content)) = content {
            check_line_ends(&content);
            assert!(content.len() <= OCTETS_MAX);
            assert!(wire[..taken].ends_with(b".\r\n"));
        }
    }
    // A message ends in the same place, whatever becomes of it.
    assert_eq!(ends[0], ends[1]);
    check_stuffing(wire, piece_len);
    check_chunks(wire, piece_len);
});

/// Content in chunks holds to the same as that of DATA.
fn check_chunks(content: &[u8], chunk_len: usize) {
    for is_binary in [false, true] {
        let repaired = chunked(content, chunk_len, BareNewlines::Repair).finish(false);
        if let Ok(repaired) = repaired {
            check_line_ends(&repaired);
            assert!(repaired.len() <= OCTETS_MAX);
        }
        let assembly = chunked(content, chunk_len, BareNewlines::Refuse);
        let Ok(whole) = assembly.finish(is_binary) else { continue };
        assert!(whole == content && whole.len() <= OCTETS_MAX);
        let header_end = whole.windows(4).position(|four| four == b"\r\n\r\n");
        match header_end {
            Some(end) if is_binary => check_line_ends(&whole[..end]),
            _ => check_line_ends(&whole),
        }
    }
}

fn chunked(content: &[u8], chunk_len: usize, newlines: BareNewlines) -> Assembly {
    let mut assembly = Assembly::new(OCTETS_MAX, newlines);
    content.chunks(chunk_len).for_each(|chunk| assembly.take(chunk));
    assembly
}

/// The content, if its end was found, and how much of the wire belongs to it.
fn read(
    wire: &[u8],
    piece_len: usize,
    newlines: BareNewlines,
) -> (Option<Result<Vec<u8>, DataError>>, usize) {
    let mut reader = DataReader::new(OCTETS_MAX, newlines);
    let mut taken = 0;
    for piece in wire.chunks(piece_len) {
        let of_piece = reader.take(piece);
        taken += of_piece;
        if reader.is_done() {
            return (Some(reader.finish()), taken);
        }
        assert_eq!(of_piece, piece.len());
    }
    (None, taken)
}

/// RFC 5321 §2.3.8: CR and LF only as CRLF; and no NUL.
fn check_line_ends(content: &[u8]) {
    for (at, octet) in content.iter().enumerate() {
        match octet {
            b'\r' => assert_eq!(content.get(at + 1), Some(&b'\n')),
            b'\n' => assert!(at > 0 && content[at - 1] == b'\r'),
            octet => assert_ne!(*octet, 0),
        }
    }
}

fn check_stuffing(content: &[u8], piece_len: usize) {
    let mut stuffer = DotStuffer::default();
    let mut wire = Vec::new();
    for piece in content.chunks(piece_len) {
        stuffer.push(piece, &mut wire);
    }
    stuffer.finish(&mut wire);
    let mut reader = DataReader::new(wire.len(), BareNewlines::Refuse);
    let taken = reader.take(&wire);
    let is_done = reader.is_done();
    // With a bare CR or LF in it there may be an end before the end; the reader refuses it.
    if let Ok(read_back) = reader.finish() {
        assert!(is_done && taken == wire.len());
        let missing: &[u8] =
            if content.is_empty() || content.ends_with(b"\r\n") { b"" } else { b"\r\n" };
        assert_eq!(read_back, [content, missing].concat());
    }
}
