//! What is known of the client of a session: what its connection tells, and what it says.

use std::net::{IpAddr, SocketAddr};

/// A client, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: Option<u16>,
    /// What it called itself in HELO or EHLO.
    pub helo: Option<String>,
    /// What it speaks: SMTP, or ESMTP when it has said EHLO.
    pub protocol: Option<String>,
}

impl Client {
    /// A client that has not said anything yet.
    pub fn at(address: SocketAddr) -> Self {
        let ip = address.ip().to_canonical();
        Self { address: Some(ip), port: Some(address.port()), ..Self::default() }
    }

    /// Takes what its HELO or EHLO said, given the whole line.
    pub fn greeted(&mut self, line: &str, is_extended: bool) {
        let name = line.get(4..).unwrap_or_default().trim();
        self.helo = (!name.is_empty()).then(|| name.into());
        self.protocol = Some(if is_extended { "ESMTP" } else { "SMTP" }.into());
    }
}
