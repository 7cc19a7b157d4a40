//! What others say of mail comes in, and goes to the log as events. It is acknowledged, and never
//! read again, only when its events are on disk.

pub mod redis;
