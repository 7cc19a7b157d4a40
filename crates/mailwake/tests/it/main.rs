//! Every integration test of mailwake, in one binary.

mod admin;
mod classify;
mod context;
mod demo;
mod dialogs;
mod docs;
mod e2e;
mod faults;
mod import;
mod ingest;
mod layering;
mod listeners;
mod memory;
mod policy;
mod protocol;
mod records;
mod redis;
mod scopes;
mod support;
mod tags;
mod tracker;
mod webhooks;
