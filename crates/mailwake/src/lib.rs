//! The machine around `mail` and `tracking`: sockets, disk, HTTP and SQL. The folders
//! are the parts of ARCHITECTURE.md; `tests/it/layering.rs` holds their arrows.

pub mod admin;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod demo;
pub mod event_log;
pub mod feeders;
pub mod gateway;
pub mod link_tool;
pub mod net;
pub mod policy;
pub mod serve;
pub mod smtp_io;
pub mod stores;
pub mod telemetry;
pub mod tracker;
