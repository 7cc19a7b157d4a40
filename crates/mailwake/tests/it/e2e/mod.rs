//! The whole way, with programs that are none of ours: a Postfix of the test's own,
//! smtp-sink and swaks. Those with a Postfix run as root; see CONTRIBUTING.md.

mod auth;
mod chunks;
mod crash;
mod delivery;
mod failover;
mod notification;
mod recipes;
mod reload;
mod sessions;
mod tls;
