//! Messages as RFC 5322 and MIME (RFC 2045-2049) define them, read as ranges of the
//! octets they came in and changed by splicing. Nothing is ever serialised anew.

pub mod content_type;
pub mod edit;
pub mod encoding;
pub mod header;
pub mod part;
pub mod splice;
