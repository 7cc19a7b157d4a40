//! SMTP (RFC 5321) without a socket. Octets of a command, a reply or a message come
//! in, values go out; the session says what a command means and what is to be done,
//! and whoever owns the sockets does it.

pub mod auth;
pub mod chunking;
pub mod client;
pub mod command;
pub mod context;
pub mod data;
pub mod extensions;
pub mod proxy_header;
pub mod reply;
pub mod secret;
pub mod session;
pub(crate) mod xtext;
