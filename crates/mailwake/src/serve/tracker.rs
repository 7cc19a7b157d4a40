//! The tracker's start: its listeners, its certificates, and how they are obtained.

use crate::{
    config, net,
    net::tls::domains::DomainsTls,
    tracker::{Front, Listening, acme::Challenges},
};
use anyhow::{Context, Result};
use std::sync::Arc;
use tracing::info;

/// Has the listeners take connections.
pub(super) fn open(
    config: &config::Tracker,
    sockets: Vec<net::Bound>,
) -> Result<(Front, Option<Arc<DomainsTls>>)> {
    let certificates = config.load_certificates().context("tracker")?;
    let listeners = config.listeners.iter().zip(sockets).map(|(listener, socket)| {
        let address = socket.address();
        let sockets = socket.listen().with_context(|| format!("listen on {address}"))?;
        let tls = certificates.clone().filter(|_| listener.is_tls);
        info!(
            listener = listener.name,
            listen = %address,
            tls = listener.is_tls,
            threads = sockets.len(),
            "tracker is ready"
        );
        Ok(Listening { sockets, tls })
    });
    let listeners = listeners.collect::<Result<_>>()?;
    Ok((Front { listeners, challenges: Challenges::default() }, certificates))
}
