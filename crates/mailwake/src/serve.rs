//! The long-running process: binds, starts every part, and stops them in order.
