//! The HTML tokenizer: its tokens cover the input without a gap, tags hold their names
//! and attributes in order, and a value that is written back is read as it was. The
//! charset that HTML declares is looked for, too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::{
    html::{
        attribute, prescan,
        tokenizer::{Attribute, Quote, Tag, Token, Tokenizer, Unfinished},
    },
    text::charset::Charset,
};

fuzz_target!(|html: &[u8]| {
    Charset::of_html(html, None);
    let label = prescan::charset_label(html);
    assert!(label.is_none_or(|label| !label.is_empty() && label == label.trim_ascii()));
    let mut tokenizer = Tokenizer::new(html);
    let mut position = 0;
    while let Some(token) = tokenizer.next() {
        let range = match &token {
            Token::Text(range) | Token::Comment(range) | Token::Doctype(range) => range,
            Token::StartTag(tag) | Token::EndTag(tag) => {
                check_tag(html, tag);
                &tag.range
            }
        };
        assert_eq!(range.start, position);
        assert!(range.end > position);
        position = range.end;
        assert!(tokenizer.open_foreign().is_none_or(|start| start < position));
    }
    match tokenizer.unfinished() {
        Some((start, Unfinished::RawText)) => {
            assert!(start < html.len());
            assert_eq!(position, html.len());
        }
        Some((start, _)) => assert_eq!(position, start),
        None => assert_eq!(position, html.len()),
    }
});

fn check_tag(html: &[u8], tag: &Tag) {
    assert!(html[tag.range.clone()].starts_with(b"<") && html[tag.range.clone()].ends_with(b">"));
    assert!(html[tag.name.start].is_ascii_alphabetic());
    let mut position = tag.name.end;
    for Attribute { name, value, quote } in tag.attributes(html) {
        assert!(position <= name.start && name.start < name.end);
        assert!(name.end <= value.start && value.start <= value.end);
        position = value.end;
        let around = (html[value.start - 1], html[value.end]);
        match quote {
            Quote::Double => assert_eq!(around, (b'"', b'"')),
            Quote::Single => assert_eq!(around, (b'\'', b'\'')),
            Quote::NoValue => assert!(value.is_empty()),
            Quote::Unquoted => {}
        }
        check_value(&String::from_utf8_lossy(&html[value.clone()]));
    }
    assert!(position < tag.range.end);
}

fn check_value(value: &str) {
    let decoded = attribute::decode(value);
    let mut written = Vec::new();
    attribute::escape_into(&decoded, &mut written);
    let written = String::from_utf8(written).expect("what is escaped is ASCII");
    assert!(!written.contains(['<', '>', '"', '\'']));
    assert_eq!(attribute::decode(&written), decoded);
    let url = attribute::url(&decoded);
    assert!(!url.contains(['\t', '\n', '\r']));
}
