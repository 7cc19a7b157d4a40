//! The tracked copy of a message.
