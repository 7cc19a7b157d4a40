//! The tracker: an HTTP server of pixels and redirects. Connections come in; answers go
//! to clients, events to the log, each on disk before its answer. A link redirects only
//! if its token verifies, and then whatever else is broken. No store is asked.

pub mod acme;
mod activity;
mod answer;
mod client;
mod config;
mod connection;
mod counters;
mod engagement;
mod front;
mod key_file;
mod legacy;
mod links;
mod listener;
mod location;
mod nonces;
mod page;
mod recorder;
mod request;
mod unsubscribe;
mod visitors;
mod worker;

pub use config::{AppLinks, ClientAddressFrom, NotFoundPage, RedirectStatus, TrackerConfig};
pub use counters::{Counters, FrontCounters};
pub use front::{Front, Listening};
pub use legacy::LegacyLinks;
pub use unsubscribe::{PageTemplate, PageTemplateError};
pub use visitors::{DoNotTrack, Geo, GeoError, IpAddresses, Visitors};

use crate::{event_log::writer::Writer, net::per_address::PerAddress};
use acme::Challenges;
use arc_swap::ArcSwap;
use connection::Connections;
use listener::Listener;
use recorder::Log;
use std::{
    io,
    rc::Rc,
    sync::Arc,
    thread::{self, ScopedJoinHandle},
};
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracking::token::key::KeyRing;
use worker::Worker;

/// Why the tracker has ended, other than by its shutdown.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A thread or its runtime could not be started.
    #[error("start tracker thread: {0}")]
    Start(#[source] io::Error),
    /// A thread has panicked, which is a mistake in mailwake.
    #[error("tracker thread panicked")]
    Panicked,
}

/// Serves links and pixels until `shutdown`, with as many threads as the listeners have
/// sockets; blocks until all of them have ended.
///
/// Connections under way are served to their end, unless `halt` cuts them off. Keys that
/// are stored in `keys` later are used from the next request on. When one
/// thread ends early, `shutdown` is cancelled, so that the others do not go on without it.
pub fn run(
    config: &TrackerConfig,
    front: Front,
    keys: &Arc<ArcSwap<KeyRing>>,
    writer: &Writer,
    counters: &Arc<Counters>,
    shutdown: &CancellationToken,
    halt: &CancellationToken,
) -> Result<(), RunError> {
    let log = || writer.clone();
    run_with(config, front, keys, &log, counters, shutdown, halt)
}

/// `run`, with any log.
fn run_with<L: Log>(
    config: &TrackerConfig,
    front: Front,
    keys: &Arc<ArcSwap<KeyRing>>,
    log: &(impl Fn() -> L + Sync),
    counters: &Arc<Counters>,
    shutdown: &CancellationToken,
    halt: &CancellationToken,
) -> Result<(), RunError> {
    let places = Arc::new(Semaphore::new(config.connections_max.min(Semaphore::MAX_PERMITS)));
    let by_address =
        PerAddress::new(config.connections_per_address_max, config.trusted_proxies.clone());
    let challenges = front.challenges.clone();
    thread::scope(|scope| {
        let start = |(number, sockets): (usize, Vec<front::Socket>)| {
            let (places, by_address) = (places.clone(), by_address.clone());
            let challenges = challenges.clone();
            thread::Builder::new().name(format!("tracker-{number}")).spawn_scoped(
                scope,
                move || {
                    let _others_end_as_well = shutdown.clone().drop_guard();
                    let worker = Worker::new(config, keys.clone(), log(), counters.clone());
                    let halt = halt.clone();
                    let accepting = Accepting { sockets, places, by_address, challenges, halt };
                    serve(config, accepting, worker, counters, shutdown)
                },
            )
        };
        let threads: Vec<_> = front.by_thread().into_iter().enumerate().map(start).collect();
        if threads.iter().any(Result::is_err) {
            shutdown.cancel();
        }
        // Every thread is waited for; the first error is told.
        threads.into_iter().map(join).fold(Ok(()), Result::and)
    })
}

fn join(thread: io::Result<ScopedJoinHandle<'_, io::Result<()>>>) -> Result<(), RunError> {
    let ended = thread.map_err(RunError::Start)?.join();
    ended.map_err(|_panic| RunError::Panicked)?.map_err(RunError::Start)
}

/// What a thread takes connections with.
struct Accepting {
    sockets: Vec<front::Socket>,
    places: Arc<Semaphore>,
    by_address: Arc<PerAddress>,
    challenges: Challenges,
    halt: CancellationToken,
}

/// A thread: a runtime of its own, which shares nothing with the others but counters.
fn serve<L: Log>(
    config: &TrackerConfig,
    accepting: Accepting,
    worker: Worker<L>,
    counters: &Arc<Counters>,
    shutdown: &CancellationToken,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let Accepting { sockets, places, by_address, challenges, halt } = accepting;
    runtime.block_on(async {
        let connections =
            Connections::new(config, by_address, challenges, counters.clone(), worker);
        let connections = Rc::new(connections);
        let listeners = sockets.into_iter().map(|front::Socket { socket, tls }| {
            socket.set_nonblocking(true)?;
            Ok(Listener {
                socket: tokio::net::TcpListener::from_std(socket)?,
                tls,
                connections: connections.clone(),
                places: places.clone(),
                counters: counters.clone(),
                drain_timeout: config.drain_timeout,
                halt: halt.clone(),
            })
        });
        let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
        let mut running = JoinSet::new();
        for listener in listeners {
            running.spawn_local(listener.run(shutdown.clone()));
        }
        while let Some(ended) = running.join_next().await {
            // It is told as a panic of the thread.
            ended.map_err(io::Error::other)?;
        }
        // What the log has, it writes when it is closed, however long the disk takes.
        let closed = timeout(config.drain_timeout, connections.close());
        if !matches!(halt.run_until_cancelled(closed).await, Some(Ok(()))) {
            tracing::warn!("the event log has not taken all engagements before the shutdown");
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests;
