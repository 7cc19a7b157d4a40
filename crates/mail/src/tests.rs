//! Golden files of what readers make of octets: `testdata/mime` has messages with the
//! tree of their parts, `testdata/html` has HTML with its tokens, one a line.
//! `UPDATE_GOLDEN=1` writes what stands beside the input; the review reads the difference.
//! `testdata/README.md` says what the lines mean.

use crate::{
    html::tokenizer::{Attribute, Namespace, Quote, Tag, Token, Tokenizer, Unfinished},
    message::{
        content_type::TransferEncoding,
        part::{Part, split},
    },
};
use std::{env, fs, ops::Range, path::Path};

/// How many files of a kind there are at least, so that none gets lost unnoticed.
const FILES_MIN: usize = 15;
/// Longer bodies are shown in part: so many octets of their start and of their end.
const SHOWN: usize = 30;

#[test]
fn parts_are_as_expected() {
    check("mime", "eml", "parts", told_parts);
}

#[test]
fn tokens_are_as_expected() {
    check("html", "html", "tokens", told_tokens);
}

/// Holds what is told of each file of a folder against the golden file beside it.
fn check(folder: &str, ending: &str, golden_ending: &str, told: fn(&[u8]) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(folder);
    let entries = fs::read_dir(&folder).expect("the folder is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry of it").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    assert!(paths.len() >= FILES_MIN, "only {} in {}", paths.len(), folder.display());
    let mut differences = Vec::new();
    for path in paths {
        let told = told(&fs::read(&path).expect("a file can be read"));
        let path = path.with_extension(golden_ending);
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &told).expect("a golden file can be written");
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        if golden != told {
            let (number, expected, found) = first_difference(&golden, &told);
            let path = path.display();
            differences
                .push(format!("{path}, line {number}:\n  expected {expected}\n  found    {found}"));
        }
    }
    let count = differences.len();
    assert!(count == 0, "{count} other than expected:\n{}", differences.join("\n"));
}

/// The number of the first line that differs, and both forms of it.
fn first_difference<'a>(golden: &'a str, told: &'a str) -> (usize, &'a str, &'a str) {
    let [mut expected, mut found] = [golden, told].map(|text| text.split_inclusive('\n'));
    let mut number = 1;
    loop {
        let (golden, line) = (expected.next(), found.next());
        if golden != line {
            let shown = |line: Option<&'a str>| line.map_or("the end", str::trim_ascii_end);
            return (number, shown(golden), shown(line));
        }
        number += 1;
    }
}

/// A line for each part, or why there is none.
fn told_parts(message: &[u8]) -> String {
    let tree = match split(message) {
        Ok(tree) => tree,
        Err(error) => return format!("refused: {error}\n"),
    };
    let parts = tree.parts().iter().enumerate();
    parts.map(|(index, part)| told_part(message, &tree.path(index), part)).collect()
}

fn told_part(message: &[u8], path: &str, part: &Part) -> String {
    let content = &part.content;
    let encoding = match content.encoding {
        TransferEncoding::SevenBit => "7bit",
        TransferEncoding::EightBit => "8bit",
        TransferEncoding::Binary => "binary",
        TransferEncoding::QuotedPrintable => "quoted-printable",
        TransferEncoding::Base64 => "base64",
        TransferEncoding::Unknown => "unknown",
    };
    let disposition = content.disposition.as_ref().map(|found| found.essence.as_str());
    let disposition = disposition.map(|essence| format!(", disposition \"{essence}\""));
    let facts = [
        (part.is_split, ", split"),
        (!part.has_blank_line, ", no blank line"),
        (content.is_ambiguous, ", ambiguous"),
        (content.has_digest, ", digest"),
    ];
    let facts = facts.iter().filter(|(is_so, _)| *is_so).map(|(_, fact)| *fact);
    format!(
        "{path} {} {encoding}{}{}, header {:?}, body {:?}: {}\n",
        content.media_type.essence,
        disposition.unwrap_or_default(),
        facts.collect::<String>(),
        part.header,
        part.body,
        excerpt(&message[part.body.clone()]),
    )
}

/// Octets in quotes, without their middle if they are many.
fn excerpt(octets: &[u8]) -> String {
    if octets.len() <= 2 * SHOWN {
        return format!("\"{}\"", octets.escape_ascii());
    }
    let (start, end) = (&octets[..SHOWN], &octets[octets.len() - SHOWN..]);
    format!("\"{}\" ... \"{}\"", start.escape_ascii(), end.escape_ascii())
}

/// A line for each token, and one for what the end cut off.
fn told_tokens(html: &[u8]) -> String {
    let mut tokenizer = Tokenizer::new(html);
    let mut lines = String::new();
    for token in tokenizer.by_ref() {
        let (range, told) = told_token(html, &token);
        lines += &format!("{range:?} {told}\n");
    }
    if let Some((start, what)) = tokenizer.unfinished() {
        let what = match what {
            Unfinished::Tag => "tag",
            Unfinished::Comment => "comment",
            Unfinished::RawText => "raw text",
        };
        lines += &format!("{start}.. cut off: {what}\n");
    }
    lines
}

fn told_token(html: &[u8], token: &Token) -> (Range<usize>, String) {
    let octets = |range: &Range<usize>| html[range.clone()].escape_ascii().to_string();
    match token {
        Token::Text(range) => (range.clone(), format!("text \"{}\"", octets(range))),
        Token::Comment(range) => (range.clone(), format!("comment \"{}\"", octets(range))),
        Token::Doctype(range) => (range.clone(), format!("doctype \"{}\"", octets(range))),
        Token::StartTag(tag) => {
            let attributes = tag.attributes(html).map(|attribute| told_attribute(html, &attribute));
            let attributes: String = attributes.collect();
            (tag.range.clone(), format!("start {}{attributes}{}", octets(&tag.name), facts(tag)))
        }
        Token::EndTag(tag) => {
            (tag.range.clone(), format!("end {}{}", octets(&tag.name), facts(tag)))
        }
    }
}

/// An attribute in the quotes that it has, or ` name` for one without a value.
fn told_attribute(html: &[u8], attribute: &Attribute) -> String {
    let name = html[attribute.name.clone()].escape_ascii();
    let value = html[attribute.value.clone()].escape_ascii();
    match attribute.quote {
        Quote::NoValue => format!(" {name}"),
        Quote::Unquoted => format!(" {name}={value}"),
        Quote::Single => format!(" {name}='{value}'"),
        Quote::Double => format!(" {name}=\"{value}\""),
    }
}

fn facts(tag: &Tag) -> String {
    let namespace = match tag.namespace {
        Namespace::Html => "",
        Namespace::Svg => ", SVG",
        Namespace::MathMl => ", MathML",
    };
    let closing = if tag.is_self_closing { ", self-closing" } else { "" };
    format!("{namespace}{closing}")
}
