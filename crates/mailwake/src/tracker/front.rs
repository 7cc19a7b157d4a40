//! Where the tracker listens, and over what: sockets that share a port for each listener come
//! in, those of each thread go out.

use super::acme::Challenges;
use crate::net::tls::domains::DomainsTls;
use std::{net::TcpListener, sync::Arc};

/// A listener: its sockets, one for each thread (`net::bind_shared`), and its certificates.
#[derive(Debug)]
pub struct Listening {
    /// As many as there are threads.
    pub sockets: Vec<TcpListener>,
    /// Where connections are in TLS.
    pub tls: Option<Arc<DomainsTls>>,
}

/// All listeners.
#[derive(Debug, Default)]
pub struct Front {
    /// At least one.
    pub listeners: Vec<Listening>,
    /// What an authority is answered while a certificate is obtained.
    pub challenges: Challenges,
}

/// A socket of one thread.
pub(super) struct Socket {
    pub(super) socket: TcpListener,
    pub(super) tls: Option<Arc<DomainsTls>>,
}

impl Front {
    /// One listener without TLS.
    pub fn plain(sockets: Vec<TcpListener>) -> Self {
        Self {
            listeners: vec![Listening { sockets, tls: None }],
            challenges: Challenges::default(),
        }
    }

    /// The sockets of each thread: one of every listener.
    pub(super) fn by_thread(self) -> Vec<Vec<Socket>> {
        let mut threads = Vec::new();
        for Listening { sockets, tls } in self.listeners {
            threads.resize_with(threads.len().max(sockets.len()), Vec::new);
            for (thread, socket) in threads.iter_mut().zip(sockets) {
                thread.push(Socket { socket, tls: tls.clone() });
            }
        }
        threads
    }
}
