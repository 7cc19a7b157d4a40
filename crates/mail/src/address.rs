//! Mail addresses as the SMTP envelope writes them (RFC 5321 §4.1.2).
