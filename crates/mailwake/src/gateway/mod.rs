//! The gateway: an SMTP proxy that makes one tracked copy for each recipient.
