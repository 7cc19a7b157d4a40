//! The tracker: an HTTP server of pixels and redirects.
