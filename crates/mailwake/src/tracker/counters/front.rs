//! What is counted of connections, before a request is read.

use crate::telemetry::{Counter, Exposition};

/// Counters of connections: who came, over what, and who was turned away.
#[derive(Debug, Default)]
pub struct FrontCounters {
    /// Connections in TLS.
    pub tls_connections: Counter,
    /// Connections without TLS where it was wanted: no certificate for the name that the
    /// client asked for, nothing in common, or too slow.
    pub tls_handshakes_failed: Counter,
    /// Questions of an authority that were answered while a certificate was obtained. They
    /// are no `requests`.
    pub challenges_answered: Counter,
    /// Certificates that were obtained by ACME, renewed ones among them.
    pub certificates_obtained: Counter,
    /// How often one was not obtained when it was to be.
    pub certificates_failed: Counter,
    /// Connections over HTTP/2, in TLS or not.
    pub http2_connections: Counter,
    /// Connections closed at once: their address has `connections_per_address_max`.
    pub connections_of_address_refused: Counter,
    /// Connections of trusted balancers that did not begin with a PROXY header.
    pub proxy_headers_missing: Counter,
    /// Requests of trusted proxies whose field tells no address; that of the proxy counts.
    pub client_addresses_unknown: Counter,
}

impl FrontCounters {
    /// Each counter's name and what it has counted.
    pub(super) fn all(&self) -> [(&'static str, u64); 9] {
        [
            ("tls_connections", &self.tls_connections),
            ("tls_handshakes_failed", &self.tls_handshakes_failed),
            ("challenges_answered", &self.challenges_answered),
            ("certificates_obtained", &self.certificates_obtained),
            ("certificates_failed", &self.certificates_failed),
            ("http2_connections", &self.http2_connections),
            ("connections_of_address_refused", &self.connections_of_address_refused),
            ("proxy_headers_missing", &self.proxy_headers_missing),
            ("client_addresses_unknown", &self.client_addresses_unknown),
        ]
        .map(|(name, counter)| (name, counter.get()))
    }

    pub(super) fn expose(&self, to: &mut Exposition) {
        to.counter(
            "mailwake_tracker_tls_connections_total",
            "Connections in TLS.",
            self.tls_connections.get(),
        );
        to.counter(
            "mailwake_tracker_tls_handshakes_failed_total",
            "Connections that were to be in TLS, and did not come to it.",
            self.tls_handshakes_failed.get(),
        );
        to.counter(
            "mailwake_tracker_challenges_answered_total",
            "Questions of an authority that were answered while a certificate was obtained.",
            self.challenges_answered.get(),
        );
        to.counter(
            "mailwake_tracker_certificates_obtained_total",
            "Certificates that were obtained by ACME, renewed ones among them.",
            self.certificates_obtained.get(),
        );
        to.counter(
            "mailwake_tracker_certificates_failed_total",
            "How often a certificate was not obtained by ACME when it was to be.",
            self.certificates_failed.get(),
        );
        to.counter(
            "mailwake_tracker_http2_connections_total",
            "Connections over HTTP/2.",
            self.http2_connections.get(),
        );
        to.counter(
            "mailwake_tracker_connections_of_address_refused_total",
            "Connections closed at once, because their address has connections_per_address_max.",
            self.connections_of_address_refused.get(),
        );
        to.counter(
            "mailwake_tracker_proxy_headers_missing_total",
            "Connections of trusted proxies that did not begin with a PROXY header.",
            self.proxy_headers_missing.get(),
        );
        to.counter(
            "mailwake_tracker_client_addresses_unknown_total",
            "Requests of trusted proxies whose field tells no address; that of the proxy counts.",
            self.client_addresses_unknown.get(),
        );
    }
}
