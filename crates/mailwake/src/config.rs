//! The configuration file: read once, checked whole.
