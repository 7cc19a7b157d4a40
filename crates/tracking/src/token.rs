//! Link tokens.
