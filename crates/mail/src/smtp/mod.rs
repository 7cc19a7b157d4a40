//! SMTP (RFC 5321) without a socket: commands, replies, message content, the session.
