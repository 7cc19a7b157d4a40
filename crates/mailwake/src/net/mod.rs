//! Sockets and networks: listeners, limits, TLS, who belongs to which network, and who is
//! behind a load balancer. Addresses and certificates come in, bound sockets, connections
//! and configurations of TLS go out; of what is said on a connection, only the header that a
//! balancer puts in front of it is read here.

mod accept;
pub mod network;
pub mod per_address;
pub mod proxy_header;
pub mod public;
pub mod redis;
pub mod tls;

pub use accept::accept;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener},
};

/// Connections that may wait to be accepted; the kernel may allow fewer.
const BACKLOG: i32 = 1024;

/// Sockets that have an address, and do not listen yet: who connects is refused.
#[derive(Debug)]
pub struct Bound {
    sockets: Vec<Socket>,
    address: SocketAddr,
}

/// Binds `address`, which nobody else may listen at.
pub fn bind(address: SocketAddr) -> io::Result<Bound> {
    let socket = bind_once(address, false)?;
    let address = address_of(&socket)?;
    Ok(Bound { sockets: vec![socket], address })
}

/// The same beside others. An address for all of IPv6 is not one for IPv4 as well where one
/// of the others has its port.
pub fn bind_beside(address: SocketAddr, others: &[SocketAddr]) -> io::Result<Bound> {
    let is_other = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
    let is_wildcard = address.is_ipv6() && address.ip().is_unspecified();
    if address.port() == 0 || !is_wildcard || !others.iter().any(is_other) {
        return bind(address);
    }
    let socket = new_socket(address, false)?;
    socket.set_only_v6(true)?;
    socket.bind(&address.into())?;
    Ok(Bound { sockets: vec![socket], address })
}

/// Binds `address` as often as there are threads that accept, with `SO_REUSEPORT`: the
/// kernel spreads connections over the listeners, and no lock is shared. With port 0 all
/// get the same free port.
///
/// Another process of the same user can bind the port as well; what is to be there only
/// once needs a lock of its own, as the event log has.
pub fn bind_shared(address: SocketAddr, listeners: usize) -> io::Result<Bound> {
    let first = bind_once(address, true)?;
    let address = address_of(&first)?;
    let others = (1..listeners).map(|_| bind_once(address, true));
    let sockets: io::Result<Vec<_>> = std::iter::once(Ok(first)).chain(others).collect();
    Ok(Bound { sockets: sockets?, address })
}

impl Bound {
    /// The address, with its port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes connections from now on. The listeners do not block.
    pub fn listen(self) -> io::Result<Vec<TcpListener>> {
        let listen = |socket: Socket| socket.listen(BACKLOG).map(|()| socket.into());
        self.sockets.into_iter().map(listen).collect()
    }
}

fn bind_once(address: SocketAddr, is_shared: bool) -> io::Result<Socket> {
    let socket = new_socket(address, is_shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn new_socket(address: SocketAddr, is_shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier process may still be closing.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(is_shared)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn address_of(socket: &Socket) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?.as_socket();
    address.ok_or_else(|| io::Error::other("a socket without an address"))
}

/// Raises the limit of open files to what the system allows this process, and tells it;
/// none where there is no limit. Each connection takes one.
pub fn raise_open_files_limit() -> io::Result<Option<u64>> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    }
    Ok(limit.maximum)
}

#[cfg(test)]
mod tests;
