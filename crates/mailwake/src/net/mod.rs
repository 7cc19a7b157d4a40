//! Sockets and networks: listeners, limits, TLS, and who belongs to which network. Addresses
//! and certificates come in, bound sockets and configurations of TLS go out; no protocol is
//! spoken here.

pub mod tls;

pub mod network;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener},
};

/// Connections that may wait to be accepted; the kernel may allow fewer.
const BACKLOG: i32 = 1024;

/// Binds `address` as often as there are threads that accept, with `SO_REUSEPORT`: the
/// kernel spreads connections over the listeners, and no lock is shared. With port 0 all
/// get the same free port. They do not block.
///
/// Another process of the same user can bind the port as well; what is to be there only
/// once needs a lock of its own, as the event log has.
pub fn listen(address: SocketAddr, listeners: usize) -> io::Result<Vec<TcpListener>> {
    let first = listen_once(address)?;
    let bound = first.local_addr()?;
    let others = (1..listeners).map(|_| listen_once(bound));
    std::iter::once(Ok(first)).chain(others).collect()
}

fn listen_once(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier process may still be closing.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
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
