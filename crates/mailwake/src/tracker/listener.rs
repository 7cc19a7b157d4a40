//! Takes connections from one listener and has them served, up to a limit; at a shutdown
//! it takes no more, and waits for those it has.

use super::{connection::Connections, counters::Counters, recorder::Log};
use crate::net::tls::domains::DomainsTls;
use std::{future::poll_fn, io, net::SocketAddr, rc::Rc, sync::Arc, task::Poll, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_local,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long accepting pauses when the system gives no connection, most likely because
/// no file can be opened.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Accepted = io::Result<(TcpStream, SocketAddr)>;

/// A listener, and what becomes of its connections.
pub(super) struct Listener<L> {
    pub(super) socket: TcpListener,
    /// Where connections are in TLS.
    pub(super) tls: Option<Arc<DomainsTls>>,
    pub(super) connections: Rc<Connections<L>>,
    /// Connections that there may be, shared by all listeners.
    pub(super) places: Arc<Semaphore>,
    pub(super) counters: Arc<Counters>,
    pub(super) drain_timeout: Duration,
    /// Cancelled when connections are to be cut off.
    pub(super) halt: CancellationToken,
}

impl<L: Log> Listener<L> {
    /// Serves connections until `shutdown`, and then those that are left.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        // Its own token, so that threads do not share the lock of one.
        let stopping = shutdown.child_token();
        let tasks = TaskTracker::new();
        while let Some(place) = stopping.run_until_cancelled(self.place()).await {
            match stopping.run_until_cancelled(self.socket.accept()).await {
                None => break,
                Some(Ok(accepted)) => self.start(accepted, place, &stopping, &tasks),
                Some(Err(error)) => pause(&error).await,
            }
        }
        // What the kernel has accepted already would be reset with the listener.
        while let Some(Ok(accepted)) = self.accepted_already().await
            && let Ok(place) = self.places.clone().try_acquire_owned()
        {
            self.start(accepted, place, &stopping, &tasks);
        }
        drop(self.socket);
        tasks.close();
        let drained = self.halt.run_until_cancelled(timeout(self.drain_timeout, tasks.wait()));
        if !matches!(drained.await, Some(Ok(()))) {
            tracing::warn!(connections = tasks.len(), "connections cut off at shutdown");
        }
    }

    async fn place(&self) -> OwnedSemaphorePermit {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return place;
        }
        self.counters.connections_at_limit.increment();
        self.places.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    fn start(
        &self,
        (stream, peer): (TcpStream, SocketAddr),
        place: OwnedSemaphorePermit,
        stopping: &CancellationToken,
        tasks: &TaskTracker,
    ) {
        self.counters.connections.increment();
        // Answers are single writes; waiting for more would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "connection stays without TCP_NODELAY");
        }
        let (connections, tls) = (self.connections.clone(), self.tls.clone());
        let stopping = stopping.clone();
        // Made where it is awaited: what is moved there would be in memory twice.
        spawn_local(tasks.track_future(async move {
            connections.serve(stream, peer.ip(), tls, stopping).await;
            drop(place);
        }));
    }

    async fn accepted_already(&self) -> Option<Accepted> {
        poll_fn(|context| match self.socket.poll_accept(context) {
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }
}

async fn pause(error: &io::Error) {
    // The client has gone already.
    if error.kind() == io::ErrorKind::ConnectionAborted {
        return;
    }
    tracing::warn!(%error, "no connection can be accepted");
    sleep(ACCEPT_PAUSE).await;
}
