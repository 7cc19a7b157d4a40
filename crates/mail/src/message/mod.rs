//! Messages by octet ranges: header fields, parts, transfer encodings, edits.
