//! SMTP over sockets: lines in, replies out, and the connection to upstream.
