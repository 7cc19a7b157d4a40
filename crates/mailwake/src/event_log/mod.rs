//! The event log: appended to by producers, read by consumers, durable in between.
