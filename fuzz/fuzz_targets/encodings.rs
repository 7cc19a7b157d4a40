//! Transfer encodings: a body whose edits were encoded decodes to the edited content,
//! lines that no edit touches keep their octets, and edits of plain text that the line
//! limit allows leave no line over it.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mail::message::{
    content_type::TransferEncoding,
    edit::{Edit, EditList},
    encoding::{Decoded, LineEnd, LineLimit, decode},
    splice::{Splice, Splicer},
};
use std::ops::Range;

/// RFC 5322 §2.1.1.
const LINE_MAX: usize = 998;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    encoding: Encoding,
    has_crlf: bool,
    edits: Vec<(u8, u8, &'a [u8])>,
    body: &'a [u8],
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Encoding {
    QuotedPrintable,
    Base64,
    EightBit,
}

fuzz_target!(|input: Input<'_>| {
    let line_end = if input.has_crlf { LineEnd::CrLf } else { LineEnd::Lf };
    match input.encoding {
        Encoding::QuotedPrintable => {
            check(&input, TransferEncoding::QuotedPrintable, line_end);
        }
        Encoding::Base64 => check(&input, TransferEncoding::Base64, line_end),
        Encoding::EightBit => check_line_limit(&input),
    }
});

fn check(input: &Input<'_>, encoding: TransferEncoding, line_end: LineEnd) {
    let body = input.body;
    let Ok(decoded) = Decoded::new(body, encoding) else { return };
    let content = decoded.content().to_vec();
    assert_eq!(decode(body, encoding).as_deref(), Ok(&*content));
    let all = edits(&input.edits, content.len());
    let ranges: Vec<_> = all.iter().map(|edit| edit.range).collect();
    let editable = decoded.editable(&ranges).expect("stretches decode to their content");
    // A copy makes only some of the edits that were planned.
    let mut edits = editable.edits();
    for (edit, (skipped, ..)) in all.iter().zip(&input.edits) {
        if skipped % 4 != 3 {
            edits.push(edit.range, edit.replacement).expect("the edits are in order");
        }
    }
    let mut splicer = Splicer::new(body, body.len(), 0);
    editable.splice(0..body.len(), &edits, line_end, &mut splicer).expect("stretches are in order");
    let (edited, splices) = splicer.finish();
    let read_back = decode(&edited, encoding).expect("what is encoded can be decoded");
    assert_eq!(read_back, edits.apply(&content));
    assert!(splices.keep_the_rest(body, &edited));
    let (before, after) = ((body, 0..body.len()), (&*edited, 0..edited.len()));
    let splices = splices.within(0..body.len());
    assert!(editable.is_held_by(before, after, splices, &edits));
    if encoding == TransferEncoding::QuotedPrintable {
        check_untouched_lines(body, &all, splices);
    }
}

/// Each line of the body that is encoded anew holds an edit, or a part of one.
fn check_untouched_lines(body: &[u8], edits: &EditList, splices: &[Splice]) {
    let mut edits = edits.iter().map(|edit| edit.range).peekable();
    let (mut position, mut start) = (0, 0);
    for Splice { original, .. } in splices {
        start += decoded_len(&body[position..original.start]);
        position = original.start;
        let mut from = start;
        for line in body[original.clone()].split_inclusive(|octet| *octet == b'\n') {
            let to = from + decoded_len(line);
            // An edit that cuts a CRLF in two joins its line and the next.
            let is_before = |range: &Range<usize>| range.end + 1 < from;
            while edits.next_if(is_before).is_some() {}
            let is_touched = edits.peek().is_some_and(|range| range.start <= to);
            assert!(is_touched, "{line:?} at {from} of the content");
            from = to;
        }
    }
}

/// An escape never spans lines, so a stretch of whole lines decodes by itself.
fn decoded_len(lines: &[u8]) -> usize {
    let decoded = decode(lines, TransferEncoding::QuotedPrintable);
    decoded.map_or(0, |decoded| decoded.len())
}

fn check_line_limit(input: &Input<'_>) {
    let text = expanded(input.body);
    let edits = edits(&input.edits, text.len());
    let mut limit = LineLimit::new(&text);
    let mut allowed = EditList::new(text.len());
    for Edit { range, replacement } in &edits {
        let replacement = expanded(replacement);
        let edit = Edit { range: range.clone(), replacement: &replacement };
        if limit.allows(&edit, 0) {
            allowed.push(range, &replacement).expect("the edits are in order");
        }
    }
    if longest_line(&text) <= LINE_MAX {
        assert!(longest_line(&allowed.apply(&text)) <= LINE_MAX);
    }
}

/// Octets above ASCII stand for runs, so that a short input makes a long line.
fn expanded(octets: &[u8]) -> Vec<u8> {
    let run = |octet: &u8| match octet {
        0x80.. => vec![b'x'; usize::from(octet - 0x7F) * 4],
        _ => vec![*octet],
    };
    octets.iter().flat_map(run).collect()
}

fn longest_line(text: &[u8]) -> usize {
    let visible = |line: &[u8]| line.strip_suffix(b"\r").unwrap_or(line).len();
    text.split(|octet| *octet == b'\n').map(visible).max().unwrap_or(0)
}

/// Edits in order, made of what is skipped, what is taken out and what comes in.
fn edits(input: &[(u8, u8, &[u8])], len: usize) -> EditList {
    let mut edits = EditList::new(len);
    let mut position = 0;
    for (skipped, taken, replacement) in input {
        let start = (position + usize::from(*skipped)).min(len);
        let end = (start + usize::from(*taken)).min(len);
        edits.push(start..end, replacement).expect("the edits are in order");
        position = end;
    }
    edits
}
