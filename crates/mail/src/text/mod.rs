//! Plain text: where a reader sees a URL.
