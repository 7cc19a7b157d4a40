//! What is known of the client of a session: what its connection tells, what it says, and
//! what a trusted peer tells of it by XCLIENT or XFORWARD.

pub mod attribute;

use attribute::Fact;
use std::net::{IpAddr, SocketAddr};

/// Octets of what a client calls itself that are kept; a domain has no more (RFC 5321
/// §4.5.3.1.2).
const NAME_OCTETS_MAX: usize = 255;

/// A client, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: Option<u16>,
    /// The name of its address.
    pub name: Option<String>,
    /// What it called itself in HELO or EHLO.
    pub helo: Option<String>,
    /// What it speaks: SMTP, or ESMTP when it has said EHLO. A peer may tell of others.
    pub protocol: Option<String>,
    /// The name under which it has authenticated itself to the peer that tells of it.
    pub login: Option<String>,
    /// Under what id the peer knows the message.
    pub ident: Option<String>,
    /// Whether the message began at the peer: LOCAL, or else REMOTE.
    pub source: Option<String>,
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
        let name = &name[..name.floor_char_boundary(NAME_OCTETS_MAX)];
        self.helo = (!name.is_empty()).then(|| name.into());
        self.protocol = Some(if is_extended { "ESMTP" } else { "SMTP" }.into());
    }

    /// Forgets its address, and what belongs to that.
    pub(super) fn forget_address(&mut self) {
        (self.address, self.name, self.port) = (None, None, None);
    }

    /// Takes what a peer tells of it.
    pub fn learn(&mut self, fact: Fact) {
        match fact {
            Fact::Name(name) => self.name = name,
            Fact::Address(address) => self.address = address,
            Fact::Port(port) => self.port = port,
            Fact::Protocol(protocol) => self.protocol = protocol,
            Fact::Helo(helo) => self.helo = helo,
            Fact::Login(login) => self.login = login,
            Fact::Ident(ident) => self.ident = ident,
            Fact::Source(source) => self.source = source,
        }
    }
}

#[cfg(test)]
mod tests;
