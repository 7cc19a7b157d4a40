//! Webhooks, and feeders of batches as such: endpoints that fail, and what receivers check.

mod faults;
mod lines;
mod operations;
mod signature;
mod traffic;
