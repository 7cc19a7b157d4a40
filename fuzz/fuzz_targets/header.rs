//! Header fields: they cover the block, and what is read from their values is no longer
//! than it can be.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::{
    encoded_word,
    message::{
        content_type::{ContentType, TransferEncoding},
        header::{fields, is_blank, line_end, unfold},
    },
};

/// Most octets of UTF-8 that one octet of a value becomes: three when it is taken for
/// windows-1252, and these three times three when an encoded word is made of them.
const GROWTH_MAX: usize = 9;

fuzz_target!(|block: &[u8]| {
    let mut position = 0;
    for field in fields(block) {
        assert_eq!(field.range.start, position);
        assert!(field.range.end > position);
        position = field.range.end;
        assert!(field.name.len() + field.raw_value.len() <= field.range.len());
        check_value(field.raw_value);
    }
    assert!(position == block.len() || is_blank(&block[position..line_end(block, position)]));
    // A value without a name before it, as a test or another caller may have it.
    check_value(block);
});

fn check_value(raw_value: &[u8]) {
    let value = unfold(raw_value);
    assert!(value.len() <= raw_value.len());
    assert!(!value.contains(&b'\n'));
    check_media_type(&value);
    TransferEncoding::parse(&value);
    assert!(encoded_word::decode(&value).len() <= GROWTH_MAX * value.len());
}

fn check_media_type(value: &[u8]) {
    let media_type = ContentType::parse(value);
    assert!(!media_type.essence.bytes().any(|octet| octet.is_ascii_uppercase()));
    for name in ["boundary", "charset", "name", "filename", "format"] {
        let parameter = media_type.parameter(name);
        assert!(parameter.is_none_or(|parameter| parameter.len() <= value.len()));
    }
    let boundary = media_type.boundary();
    assert!(boundary.is_none_or(|boundary| !boundary.trim_ascii_end().is_empty()));
}
