//! JSON that is appended without serde, where an event is written tens of thousands of times a
//! second: names and values come in, octets go out.

use serde::Serialize;

/// The name of a field that is not the first one.
pub(crate) fn name(name: &str, to: &mut Vec<u8>) {
    to.extend_from_slice(b",\"");
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b"\":");
}

/// A field whose value serde writes.
pub(crate) fn field(of: &str, what: &impl Serialize, to: &mut Vec<u8>) {
    name(of, to);
    value(what, to);
}

/// A field with a string; none for an empty one.
pub(crate) fn text_if_any(of: &str, what: &str, to: &mut Vec<u8>) {
    if !what.is_empty() {
        name(of, to);
        text(what, to);
    }
}

/// What serde writes.
pub(crate) fn value(what: &impl Serialize, to: &mut Vec<u8>) {
    serde_json::to_writer(to, what)
        .expect("an event has no map with other keys than strings, and a Vec takes every write");
}

/// A string (RFC 8259 §7). Nearly none has anything to be escaped.
pub(crate) fn text(what: &str, to: &mut Vec<u8>) {
    // Without an early end, many octets are looked at together.
    let is_special = |octet: u8| (octet < b' ') | (octet == b'"') | (octet == b'\\');
    if what.bytes().fold(false, |any, octet| any | is_special(octet)) {
        return value(&what, to);
    }
    to.push(b'"');
    to.extend_from_slice(what.as_bytes());
    to.push(b'"');
}
