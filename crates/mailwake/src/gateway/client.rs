//! Who the client of a session is. A connection comes in, and what trusted peers say of it;
//! what the session, the log and events know of the client goes out.

use super::{Gateway, RefusalReason, session::SessionError};
use crate::{
    net::{
        network::Network,
        proxy_header::{self, ReadError},
    },
    smtp_io::wire::WireError,
};
use mail::smtp::{client::Client, session::Trust};
use std::net::{IpAddr, SocketAddr};
use tokio::net::TcpStream;
use tracing::warn;
use tracking::event;

/// The address of the client: that of the connection, or what a load balancer says. One of
/// the configured balancers must say it; of others nothing is believed.
pub(super) async fn address(
    gateway: &Gateway,
    stream: &mut TcpStream,
) -> Result<SocketAddr, SessionError> {
    let listener = &gateway.config.listener;
    let peer = stream.peer_addr().map_err(WireError::Io)?;
    if !is_among(&listener.proxy_protocol_from, peer.ip()) {
        return Ok(peer);
    }
    let header = tokio::select! {
        header = proxy_header::read(stream, listener.proxy_protocol_timeout) => header,
        () = gateway.shutdown.cancelled() => Err(ReadError::Closed),
    };
    match header {
        Ok(header) => Ok(header.client.unwrap_or(peer)),
        Err(error) => {
            if !matches!(error, ReadError::Closed) {
                gateway.counters.refusals.of(RefusalReason::NoProxyHeader).increment();
                warn!(balancer = %peer.ip(), %error, "a connection of a load balancer was closed");
            }
            Err(error.into())
        }
    }
}

/// What the client may tell of others.
pub(super) fn trust(gateway: &Gateway, client: &Client) -> Trust {
    let listener = &gateway.config.listener;
    let is_trusted =
        |networks: &[Network]| client.address.is_some_and(|address| is_among(networks, address));
    Trust {
        xclient: is_trusted(&listener.xclient_from),
        xforward: is_trusted(&listener.xforward_from),
        xsetcontext: is_trusted(&listener.xsetcontext_from),
        xdumpcontext: is_trusted(&listener.xdumpcontext_from),
        xremoteip: is_trusted(&listener.xremoteip_from),
    }
}

/// Is the address in one of the networks?
fn is_among(networks: &[Network], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(address))
}

/// What an event tells of the client.
pub(super) fn of_event(client: &Client) -> event::Client {
    let Client { address, port, name, helo, protocol, .. } = client.clone();
    event::Client {
        client_address: address,
        client_port: port,
        client_name: name.unwrap_or_default(),
        client_helo: helo.unwrap_or_default(),
        client_protocol: protocol.unwrap_or_default(),
    }
}
