//! Webhooks, and feeders of batches as such: endpoints that fail, and what receivers check.

mod faults;
mod operations;
mod signature;
mod traffic;
