//! The whole way, with programs that are none of ours: MTAs of the test's own, smtp-sink,
//! and clients. Those with an MTA run as root; see CONTRIBUTING.md.

mod auth;
mod browser;
mod chunks;
mod conformance;
mod crash;
mod delivery;
mod failover;
mod notification;
mod recipes;
mod records;
mod reload;
mod sessions;
mod smtpapi;
mod sparkpost;
mod tls;
mod unsubscribe;
mod verdicts;
