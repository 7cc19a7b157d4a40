//! Consumers of the event log: each reads with a cursor of its own and brings events somewhere.

pub mod feeder;
pub mod form;
pub mod http;
pub mod ingest;
pub mod ndjson;
pub mod redis;
pub mod secret;
pub mod sink;
pub mod store;
pub mod unsubscribe;
pub mod webhook;
