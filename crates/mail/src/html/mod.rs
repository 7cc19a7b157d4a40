//! HTML by spans: which octets are a tag, an attribute, a text.
