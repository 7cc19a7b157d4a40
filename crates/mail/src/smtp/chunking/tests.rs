use super::*;

fn check_size(argument: &str, wanted: Option<(u64, bool)>) {
    let size = ChunkSize::parse(argument).map(|size| (size.octets, size.is_last));
    assert_eq!(size, wanted, "{argument:?}");
}

#[test]
fn chunk_tells_its_size() {
    check_size("0", Some((0, false)));
    check_size("86 LAST", Some((86, true)));
    check_size(" 1000000  last ", Some((1_000_000, true)));
    check_size("18446744073709551615", Some((u64::MAX, false)));
}

#[test]
fn size_that_is_none_is_told() {
    for argument in ["", "LAST", "-1", "+1", "1x", "1 LAST 2", "1 FIRST", "18446744073709551616"] {
        check_size(argument, None);
    }
}

fn check(chunks: &[&[u8]], is_binary: bool, wanted: Result<&[u8], DataError>) {
    let mut assembly = Assembly::new(20, BareNewlines::Refuse);
    chunks.iter().for_each(|chunk| assembly.take(chunk));
    assert_eq!(assembly.finish(is_binary), wanted.map(<[u8]>::to_vec), "{chunks:?}");
}

#[test]
fn chunks_are_put_together() {
    check(&[], false, Ok(b""));
    check(&[b"a: b\r", b"", b"\n\r\n.\r\n"], false, Ok(b"a: b\r\n\r\n.\r\n"));
    check(&[b"without an end"], false, Ok(b"without an end"));
}

#[test]
fn content_may_be_as_large_as_the_limit() {
    check(&[&[b'a'; 15], &[b'b'; 5]], false, Ok(b"aaaaaaaaaaaaaaabbbbb"));
    check(&[&[b'a'; 15], &[b'b'; 6]], false, Err(DataError::TooLarge));
    check(&[&[b'a'; 21], b"b"], true, Err(DataError::TooLarge));
}

#[test]
fn bare_cr_and_lf_are_refused() {
    check(&[b"a\n"], false, Err(DataError::BareLineFeed));
    check(&[b"\na"], false, Err(DataError::BareLineFeed));
    check(&[b"a\rb"], false, Err(DataError::BareCarriageReturn));
    check(&[b"a\r"], false, Err(DataError::BareCarriageReturn));
    check(&[b"a\r\r\n"], false, Err(DataError::BareCarriageReturn));
}

#[test]
fn binary_content_has_any_octets_behind_its_header() {
    check(&[b"a: b\r\n\r\n\n\r\0\n"], true, Ok(b"a: b\r\n\r\n\n\r\0\n"));
    check(&[b"a: b\n\r\n\r\n"], true, Err(DataError::BareLineFeed));
    check(&[b"no header\r"], true, Err(DataError::BareCarriageReturn));
}

#[test]
fn nul_is_for_binary_content() {
    check(&[b"a\0b"], false, Err(DataError::Nul));
    check(&[b"a: \0\r\n\r\nb"], true, Err(DataError::Nul));
}

fn check_repaired(chunks: &[&[u8]], is_binary: bool, wanted: Result<&[u8], DataError>) {
    let mut assembly = Assembly::new(20, BareNewlines::Repair);
    chunks.iter().for_each(|chunk| assembly.take(chunk));
    assert_eq!(assembly.finish(is_binary), wanted.map(<[u8]>::to_vec), "{chunks:?}");
}

#[test]
fn what_is_bare_is_repaired_wherever_chunks_end() {
    check_repaired(&[b"a\r", b"\nb\r", b"c\n", b"d\r"], false, Ok(b"a\r\nb\r\nc\r\nd\r\n"));
    check_repaired(&[b"\n.", b"\r\n", b"\0."], false, Ok(b"\r\n.\r\n."));
    check_repaired(&[b"a\r\r", b"\nb"], false, Ok(b"a\r\nb"));
}

#[test]
fn repaired_content_keeps_to_the_limit() {
    check_repaired(&[&[b'\n'; 10]], false, Ok(&b"\r\n".repeat(10)));
    check_repaired(&[&[b'\n'; 11]], false, Err(DataError::TooLarge));
}

#[test]
fn binary_content_is_not_repaired() {
    check_repaired(&[b"a: b\r\n\r\n\n\0"], true, Ok(b"a: b\r\n\r\n\n\0"));
    check_repaired(&[b"a: b\n\n\0"], true, Err(DataError::BareLineFeed));
}
