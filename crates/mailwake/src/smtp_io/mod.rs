//! SMTP over sockets: lines in, replies out, and the connection to upstream. What
//! lines and replies mean is decided in `mail::smtp`.

pub mod circuit;
mod stream;
pub mod transcript;
pub mod upstream;
pub mod upstreams;
pub mod wire;
