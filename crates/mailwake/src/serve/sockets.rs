//! The sockets of all parts, bound before any part runs: an address that cannot be had is
//! told before anything has happened. Nobody listens yet.

use super::Roles;
use crate::{config::Config, net};
use anyhow::{Context, Result};
use std::net::{SocketAddr, TcpListener};

/// The sockets of the parts that run.
#[derive(Debug)]
pub(super) struct Sockets {
    /// Those of each listener, in the order of the configuration.
    pub(super) gateway: Vec<Vec<net::Bound>>,
    /// Those of each listener, in the order of the configuration.
    pub(super) tracker: Vec<net::Bound>,
    /// That to which records are posted.
    pub(super) records: Option<net::Bound>,
    pub(super) admin: Option<net::Bound>,
}

impl Sockets {
    pub(super) fn bind(config: &Config, parts: Roles) -> Result<Self> {
        let told = |address: SocketAddr, key: &str| format!("listen on {address} ({key})");
        // Its port is not shared, as the tracker's is: a second process would take half of
        // the scrapes.
        let admin = config.admin.map(|admin| {
            net::bind(admin.listen).with_context(|| told(admin.listen, "admin.listen"))
        });
        let trackers = config.tracker.iter().filter(|_| parts.tracker);
        let tracker = trackers.flat_map(|tracker| {
            tracker.listeners.iter().map(|listener| {
                net::bind_shared(listener.listen, tracker.threads)
                    .with_context(|| told(listener.listen, &listener.listen_key()))
            })
        });
        let gateways = config.gateway.iter().filter(|_| parts.gateway);
        let listeners = gateways.flat_map(|gateway| &gateway.listeners);
        let all: Vec<SocketAddr> =
            listeners.clone().flat_map(|listener| listener.listen.clone()).collect();
        let gateway = listeners.map(|listener| {
            let bind = |listen: &SocketAddr| {
                net::bind_beside(*listen, &all)
                    .with_context(|| told(*listen, &listener.listen_key()))
            };
            listener.listen.iter().map(bind).collect::<Result<Vec<_>>>()
        });
        let mut records = config.delivery.http.iter().filter(|_| parts.delivery).map(|http| {
            net::bind(http.listen).with_context(|| told(http.listen, "delivery.http.listen"))
        });
        Ok(Self {
            records: records.next().transpose()?,
            admin: admin.transpose()?,
            tracker: tracker.collect::<Result<_>>()?,
            gateway: gateway.collect::<Result<_>>()?,
        })
    }
}

/// Has a socket that stands alone listen.
pub(super) fn listen_alone(bound: net::Bound) -> Result<TcpListener> {
    let address = bound.address();
    let listening = bound.listen().with_context(|| format!("listen on {address}"))?;
    listening.into_iter().next().context("a part has a socket")
}
