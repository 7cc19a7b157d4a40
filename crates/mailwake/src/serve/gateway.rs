//! The gateway's start: each listener gets what it needs, and what it shares with others.
//! What is live in it is replaced here when the configuration was read again.

use super::{sockets::listen_alone, tags};
use crate::{
    config::{self, Config, TagsConfig},
    event_log::writer::Writer,
    gateway::{
        self, Ask, Counters, Ends, GatewayConfig, Live, Shared, Socket, Tags,
        accepted::AcceptedMemory, scopes::Scopes,
    },
    net::{
        self,
        network::Network,
        tls::{client::Verification, server::ServerTls},
    },
    policy::Policy,
    smtp_io::{upstream::Target, upstreams::Upstreams},
};
use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use std::{
    fs,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::SystemTime,
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use tracking::token::key::KeyRing;

/// What all listeners are given.
pub(super) struct Supplies {
    pub(super) writer: Writer,
    pub(super) keys: Arc<KeyRing>,
    pub(super) transcript_for: Option<Network>,
    pub(super) tags: TagsConfig,
    /// Cancelled when sessions under way are to be cut off.
    pub(super) halt: CancellationToken,
    pub(super) counters: Arc<Counters>,
    pub(super) policy: Arc<Policy>,
}

/// The listeners, ready to run.
pub(super) struct Listeners {
    counters: Arc<Counters>,
    listeners: Vec<Listener>,
    /// Who keeps the tags, and what is asked.
    keeper: (tags::Store, mpsc::Receiver<Ask>),
    shared: Arc<Shared>,
}

/// A listener, ready to run.
struct Listener {
    config: GatewayConfig,
    /// Its sockets, each with its address as it is configured.
    sockets: Vec<(SocketAddr, TcpListener)>,
    ends: Ends,
}

/// What can be replaced while the listeners run.
#[derive(Default)]
pub(super) struct Reloads {
    /// Each listener's, with its name.
    live: Vec<(String, Arc<ArcSwap<Live>>)>,
    certificates: Vec<Arc<ServerTls>>,
    policy: Arc<Policy>,
}

impl Listeners {
    /// Reads what the listeners need, and has them take connections.
    pub(super) fn open(
        config: &config::Gateway,
        sockets: Vec<Vec<net::Bound>>,
        supplies: &Supplies,
    ) -> Result<(Self, Reloads)> {
        if let Some(directory) = config.accepted_file.parent() {
            fs::create_dir_all(directory)
                .with_context(|| format!("make {}", directory.display()))?;
        }
        let accepted = AcceptedMemory::open(&config.accepted_file, SystemTime::now().into())
            .with_context(|| format!("open {}", config.accepted_file.display()))?;
        let store = tags::Store::open(&supplies.tags)?;
        let (tags, asks) = Tags::kept(supplies.tags.patience);
        let halt = supplies.halt.clone();
        let shared = Shared::new(accepted, config.sessions_max, config.memory, halt, tags);
        let policy = supplies.policy.clone();
        let (mut listeners, mut reloads) = (Vec::new(), Reloads { policy, ..Reloads::default() });
        let mut targets = Vec::new();
        for (listener, bound) in config.listeners.iter().zip(sockets) {
            let ends = ends(listener, supplies, &shared, &mut targets)?;
            // Known from now on, also to who scrapes before it has begun.
            supplies.counters.listener(&listener.config.name);
            reloads.live.push((listener.config.name.clone(), ends.live.clone()));
            reloads.certificates.extend(ends.certificate.clone());
            let sockets: Vec<_> = listener.listen.iter().copied().zip(bound).collect();
            listeners.push((listener.config.clone(), sockets, ends));
        }
        supplies.counters.watch(targets);
        let listen = |(address, socket)| Ok((address, listen_alone(socket)?));
        let listeners = listeners.into_iter().map(|(config, sockets, ends)| {
            let sockets = sockets.into_iter().map(listen).collect::<Result<_>>()?;
            Ok(Listener { config, sockets, ends })
        });
        let listeners = listeners.collect::<Result<_>>()?;
        let counters = supplies.counters.clone();
        Ok((Self { counters, listeners, keeper: (store, asks), shared }, reloads))
    }

    /// Serves clients of all listeners until `shutdown`. When one ends, the others do too.
    pub(super) async fn run(self, shutdown: CancellationToken) -> Result<()> {
        let mut running = JoinSet::new();
        let (store, asks) = self.keeper;
        let are_over = CancellationToken::new();
        let keeper = tokio::spawn(store.keep(asks, self.shared, are_over.clone()));
        for Listener { config, sockets, ends } in self.listeners {
            let sockets = sockets.into_iter().map(|(listen, listener)| {
                Ok(Socket { listen, listener: tokio::net::TcpListener::from_std(listener)? })
            });
            let sockets = sockets.collect::<Result<_>>()?;
            let (counters, shutdown) = (self.counters.clone(), shutdown.clone());
            running.spawn(gateway::run(config, sockets, ends, counters, shutdown));
        }
        let mut first = Ok(());
        while let Some(ended) = running.join_next().await {
            shutdown.cancel();
            first = first.and(ended.map_err(Into::into).and_then(|ended| Ok(ended?)));
        }
        // The last sessions may have said new tags.
        are_over.cancel();
        first.and(keeper.await.map_err(Into::into))
    }
}

fn ends(
    listener: &config::Listener,
    supplies: &Supplies,
    shared: &Arc<Shared>,
    targets: &mut Vec<Arc<Target>>,
) -> Result<Ends> {
    let name = &listener.config.name;
    let certificate = listener.load_certificate().with_context(|| format!("listener {name:?}"))?;
    let config = &listener.config.upstreams;
    let upstreams =
        Upstreams::load(config, targets).with_context(|| format!("listener {name:?}"))?;
    if config.members.iter().any(|member| member.verification == Verification::Nothing) {
        warn!(
            listener = name,
            "upstream's certificate is not checked (upstream_tls_insecure_skip_verify): \
             whoever is in the way can read and change mail"
        );
    }
    let (keys, transcript_for) = (supplies.keys.clone(), supplies.transcript_for);
    let scopes = listener.scopes.clone();
    let live = Arc::new(ArcSwap::from_pointee(Live { scopes, keys, transcript_for }));
    let (writer, policy) = (supplies.writer.clone(), supplies.policy.clone());
    Ok(Ends { writer, live, policy, shared: shared.clone(), certificate, upstreams })
}

impl Reloads {
    /// Replaces what the configuration says now. A listener that is no longer in it goes on
    /// as it is, with the new keys.
    pub(super) fn replace(&self, config: &Config, keys: &Arc<KeyRing>) {
        let listeners = || config.gateway.iter().flat_map(|gateway| &gateway.listeners);
        for (name, live) in &self.live {
            let named = listeners().find(|listener| listener.config.name == *name);
            if named.is_none() {
                warn!(listener = name, "a listener that is to go needs a restart");
            }
            let before = live.load().scopes.clone();
            let scopes = match named {
                Some(listener) => {
                    tell_sockets(listener, &before);
                    listener.scopes.clone().or_before(&before)
                }
                None => before,
            };
            let (keys, transcript_for) = (keys.clone(), config.transcript_for);
            live.store(Arc::new(Live { scopes, keys, transcript_for }));
        }
        let is_known = |name: &str| self.live.iter().any(|(known, _)| known == name);
        for new in listeners().filter(|listener| !is_known(&listener.config.name)) {
            warn!(listener = new.config.name, "a new listener needs a restart");
        }
        for certificate in &self.certificates {
            certificate.reload();
        }
        self.policy.reload(config.policy.clone());
    }
}

/// Sockets that come or go need a restart.
fn tell_sockets(listener: &config::Listener, before: &Scopes) {
    let name = &listener.config.name;
    for socket in listener.listen.iter().filter(|socket| !before.has(**socket)) {
        warn!(listener = name, %socket, "a new socket needs a restart");
    }
    for socket in before.sockets().filter(|socket| !listener.listen.contains(socket)) {
        warn!(listener = name, %socket, "a socket that is to go needs a restart");
    }
}
