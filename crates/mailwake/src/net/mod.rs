//! Sockets: listeners, limits, shutdown.
