//! Who asks: the address of the connection, or what trusted proxies say. Nobody else is
//! believed.

use super::{
    config::{ClientAddressFrom, TrackerConfig},
    counters::FrontCounters,
};
use crate::net::{
    network::Network,
    proxy_header::{self, ReadError},
};
use hyper::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use std::{net::IpAddr, time::Duration};
use tokio::net::TcpStream;
use tracking::forwarded::{self, ForwardedField};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Which proxies are trusted, and where they tell of their client.
pub(super) struct Proxies {
    trusted: Vec<Network>,
    from: ClientAddressFrom,
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) address: IpAddr,
    /// Are its requests those of others?
    pub(super) is_proxy: bool,
}

impl Proxies {
    pub(super) fn new(config: &TrackerConfig) -> Self {
        Self { trusted: config.trusted_proxies.clone(), from: config.client_address_from }
    }

    /// Whose connection it is, by its address alone.
    pub(super) fn peer(&self, address: IpAddr) -> Peer {
        // A socket for both families tells IPv4 addresses as IPv6 ones.
        let address = address.to_canonical();
        Peer { address, is_proxy: self.is_trusted(address) }
    }

    /// Reads the PROXY header where a trusted balancer is to send one.
    pub(super) async fn introduced(
        &self,
        peer: Peer,
        stream: &mut TcpStream,
        limit: Duration,
    ) -> Result<Peer, ReadError> {
        if !peer.is_proxy || self.from != ClientAddressFrom::ProxyProtocol {
            return Ok(peer);
        }
        let header = proxy_header::read(stream, limit).await?;
        let address = header.client.map_or(peer.address, |client| client.ip().to_canonical());
        Ok(Peer { address, is_proxy: false })
    }

    /// The client of a request. Where a proxy says nothing that can be read, it is the proxy.
    pub(super) fn client(
        &self,
        peer: Peer,
        fields: &HeaderMap,
        counters: &FrontCounters,
    ) -> IpAddr {
        let (name, field) = match self.from {
            _ if !peer.is_proxy => return peer.address,
            ClientAddressFrom::ProxyProtocol => return peer.address,
            ClientAddressFrom::XForwardedFor => (X_FORWARDED_FOR, ForwardedField::XForwardedFor),
            ClientAddressFrom::Forwarded => (FORWARDED, ForwardedField::Forwarded),
            ClientAddressFrom::XRealIp => (X_REAL_IP, ForwardedField::XRealIp),
        };
        let values = fields.get_all(name).iter().map(HeaderValue::as_bytes);
        match forwarded::client(field, values, |address| self.is_trusted(address)) {
            Ok(client) => client.unwrap_or(peer.address),
            Err(error) => {
                tracing::debug!(%error, "the address of the proxy counts");
                counters.client_addresses_unknown.increment();
                peer.address
            }
        }
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}
