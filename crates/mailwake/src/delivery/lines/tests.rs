use super::*;

/// The lines of a text that comes in pieces of this many octets; `None` for one that is too
/// long.
fn lines(text: &str, piece: usize, octets_max: usize) -> Vec<Option<String>> {
    let mut buffer = LineBuffer::new(Format::Postfix, octets_max);
    let (mut lines, mut wanted) = (Vec::new(), text.split('\n'));
    let mut take = |line: Result<&[u8], Torn>| {
        let octets = line.map_or_else(|torn| torn.octets, |line| line.len() as u64);
        assert_eq!(Some(octets), wanted.next().map(|line| line.len() as u64));
        lines.push(line.ok().map(|line| String::from_utf8_lossy(line).into_owned()));
    };
    for octets in text.as_bytes().chunks(piece) {
        buffer.push(octets, &mut take);
    }
    buffer.end(&mut take);
    assert_eq!(buffer.unfinished(), 0);
    lines
}

#[test]
fn lines_are_the_same_in_pieces_of_any_size() {
    let text = "one\n\ntwo and three\nfour";
    for piece in 1..=text.len() {
        let wanted = ["one", "", "two and three", "four"].map(|line| Some(line.to_owned()));
        assert_eq!(lines(text, piece, 100), wanted, "{piece}");
    }
}

#[test]
fn format_may_have_a_limit_of_its_own() {
    let mut buffer = LineBuffer::new(Format::KumoMta, 4);
    buffer.push(b"too long\n", |line| assert_eq!(line, Ok(&b"too long"[..])));
}

#[test]
fn line_that_is_too_long_is_passed_over_whole() {
    let text = "one\ntoo long\nfour\nagain";
    for piece in 1..=text.len() {
        let wanted = [Some("one".to_owned()), None, Some("four".to_owned()), None];
        assert_eq!(lines(text, piece, 4), wanted, "{piece}");
    }
}
