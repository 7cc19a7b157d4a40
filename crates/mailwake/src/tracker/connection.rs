//! One connection: it is seen whose it is and what it speaks; requests in HTTP/1.1 or 1.0
//! (RFC 9112), or in HTTP/2 (RFC 9113) come in, answers go out. It ends when the client
//! wants, when it takes too long, or at a shutdown.

use super::{
    acme::Challenges,
    activity::{Activity, Limits, Protocol, Watched},
    answer::Answer,
    client::{Peer, Proxies},
    config::TrackerConfig,
    counters::Counters,
    recorder::Log,
    worker::{Answering, Worker},
};
use crate::net::{
    per_address::{Counted, PerAddress},
    proxy_header::ReadError,
    tls::domains::DomainsTls,
};
use http_body_util::Full;
use hyper::{
    Method, Request,
    body::{Body, Incoming},
    header::{CONNECTION, CONTENT_LENGTH, HeaderValue},
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    future::poll_fn,
    net::IpAddr,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::Poll,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::spawn_local,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// The least that hyper takes as the size of its buffer.
const BUFFER_OCTETS_MIN: usize = 8 * 1024;

/// What a client may send ahead in HTTP/2 before it is read, in octets: a request has little
/// content. It is the least that RFC 9113 §6.9.2 allows without a change of settings.
const WINDOW_OCTETS: u32 = 65_535;

/// Requests of a connection that its client may take back before they are looked at, and
/// mistakes in it that are answered one by one. More end the connection (CVE-2023-44487).
const RESETS_MAX: usize = 32;

/// How all connections of a thread are served.
pub(super) struct Connections<L> {
    http1: http1::Builder,
    http2: http2::Builder<OfThisThread>,
    limits: Limits,
    proxies: Proxies,
    by_address: Arc<PerAddress>,
    challenges: Challenges,
    counters: Arc<Counters>,
    worker: Rc<Worker<L>>,
}

impl<L: Log> Connections<L> {
    pub(super) fn new(
        config: &TrackerConfig,
        by_address: Arc<PerAddress>,
        challenges: Challenges,
        counters: Arc<Counters>,
        worker: Worker<L>,
    ) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .max_header_size(config.header_octets_max)
            .max_buf_size(config.header_octets_max.max(BUFFER_OCTETS_MIN))
            // An answer is small: its head and content in one buffer need one plain send, which
            // saves more than the copy costs.
            .writev(false)
            // A client may close its side once it has asked; and not having to look for
            // that while an event is written saves a system call for each request.
            .half_close(true)
            // `Limits` has timeouts that need no timer for each request.
            .header_read_timeout(None);
        let mut http2 = http2::Builder::new(OfThisThread);
        http2
            .max_header_list_size(u32::try_from(config.header_octets_max).unwrap_or(u32::MAX))
            .max_concurrent_streams(config.streams_per_connection_max)
            .max_pending_accept_reset_streams(RESETS_MAX)
            .max_local_error_reset_streams(RESETS_MAX)
            .initial_stream_window_size(WINDOW_OCTETS)
            .initial_connection_window_size(WINDOW_OCTETS);
        let limits = Limits {
            header_timeout: config.header_timeout,
            idle_timeout: config.idle_timeout,
            requests_max: config.requests_per_connection_max,
        };
        let proxies = Proxies::new(config);
        let worker = Rc::new(worker);
        Self { http1, http2, limits, proxies, by_address, challenges, counters, worker }
    }

    /// Called when no connection is left: what was recorded goes to the event log.
    pub(super) async fn close(&self) {
        self.worker.close().await;
    }

    /// Serves a connection until it ends. After `stopping`, it ends with the answers that
    /// it waits for.
    pub(super) async fn serve(
        self: Rc<Self>,
        mut stream: TcpStream,
        address: IpAddr,
        tls: Option<Arc<DomainsTls>>,
        stopping: CancellationToken,
    ) {
        let activity = Rc::new(Activity::new());
        let Some((peer, _counted)) = self.admit(&mut stream, address).await else { return };
        if let Some(tls) = tls {
            // What TLS keeps is large, and plain connections need not have room for it.
            return Box::pin(self.serve_tls(stream, &tls, peer, activity, stopping)).await;
        }
        let mut io = Watched::new(stream, activity.clone());
        let opened = timeout_at(self.limits.deadline(&activity), io.protocol());
        match opened.await {
            Ok(Ok(Protocol::Http1)) => self.serve_http1(io, peer, activity, stopping).await,
            // So is what HTTP/2 keeps.
            Ok(Ok(Protocol::Http2)) => {
                Box::pin(self.serve_http2(io, peer, activity, stopping)).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "connection ended"),
            Err(_elapsed) => {}
        }
    }

    async fn serve_tls(
        self: Rc<Self>,
        stream: TcpStream,
        tls: &DomainsTls,
        peer: Peer,
        activity: Rc<Activity>,
        stopping: CancellationToken,
    ) {
        let front = &self.counters.front;
        let handshake = TlsAcceptor::from(tls.config()).accept(stream);
        let stream = match timeout_at(self.limits.deadline(&activity), handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(%error, "no TLS");
                front.tls_handshakes_failed.increment();
                return;
            }
            Err(_elapsed) => return front.tls_handshakes_failed.increment(),
        };
        front.tls_connections.increment();
        // HTTP/2 needs ALPN in TLS (RFC 9113 §3.2).
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let mut io = Watched::new(stream, activity.clone());
        // As above: at a shutdown hyper ends a connection that has not begun to ask.
        if timeout_at(self.limits.deadline(&activity), io.protocol()).await.is_err() {
            return;
        }
        match is_http2 {
            true => self.serve_http2(io, peer, activity, stopping).await,
            false => self.serve_http1(io, peer, activity, stopping).await,
        }
    }

    /// Whose connection it is, if it is served.
    async fn admit(&self, stream: &mut TcpStream, address: IpAddr) -> Option<(Peer, Counted)> {
        let front = &self.counters.front;
        let direct = self.proxies.peer(address);
        let peer = self.proxies.introduced(direct, stream, self.limits.header_timeout).await;
        let peer = match peer {
            Ok(peer) => peer,
            Err(ReadError::Closed) => return None,
            Err(error) => {
                tracing::warn!(proxy = %address, %error, "a connection of a proxy was closed");
                front.proxy_headers_missing.increment();
                return None;
            }
        };
        match self.by_address.count(peer.address) {
            Ok(counted) => Some((peer, counted)),
            Err(error) => {
                tracing::debug!(%error, "a connection was closed");
                front.connections_of_address_refused.increment();
                None
            }
        }
    }

    async fn serve_http1<S: AsyncRead + AsyncWrite + Unpin>(
        self: Rc<Self>,
        io: Watched<S>,
        peer: Peer,
        activity: Rc<Activity>,
        stopping: CancellationToken,
    ) {
        let service = service_fn(|request: Request<_>| {
            let under_way = activity.request(&self.limits);
            let is_last = activity.is_spent();
            let answering = self.respond(request, peer);
            async move {
                let mut answer = answering.answer().await;
                if is_last {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                drop(under_way);
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = pin!(self.http1.serve_connection(TokioIo::new(io), service));
        self.drive(connection, http1::Connection::graceful_shutdown, &activity, stopping).await;
    }

    async fn serve_http2<S: AsyncRead + AsyncWrite + Unpin>(
        self: Rc<Self>,
        io: Watched<S>,
        peer: Peer,
        activity: Rc<Activity>,
        stopping: CancellationToken,
    ) {
        self.counters.front.http2_connections.increment();
        activity.speaks(Protocol::Http2);
        let service = service_fn(|request: Request<_>| {
            let under_way = activity.request(&self.limits);
            let is_head = *request.method() == Method::HEAD;
            let answering = self.respond(request, peer);
            async move {
                let answer = answering.answer().await;
                drop(under_way);
                Ok::<_, Infallible>(if is_head { head_of(answer) } else { answer })
            }
        });
        let connection = pin!(self.http2.serve_connection(TokioIo::new(io), service));
        self.drive(connection, http2::Connection::graceful_shutdown, &activity, stopping).await;
    }

    fn respond(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> Answering<impl Future<Output = ()> + use<L>> {
        if let Some(answer) = self.challenges.respond(&request) {
            self.counters.front.challenges_answered.increment();
            return Answering::Decided { answer, recorded: None };
        }
        let client = self.proxies.client(peer, request.headers(), &self.counters.front);
        self.worker.respond(request, client)
    }

    /// Has a connection go on until it ends by itself or must. It is to take no further
    /// requests (`finish`) after `stopping`, and when it has asked all that it may.
    async fn drive<C: Future<Output = hyper::Result<()>>>(
        &self,
        mut connection: Pin<&mut C>,
        finish: impl Fn(Pin<&mut C>),
        activity: &Activity,
        stopping: CancellationToken,
    ) {
        let mut stop = pin!(stopping.cancelled());
        let mut is_finishing = false;
        let mut timer = pin!(sleep_until(self.limits.next_look(activity)));
        loop {
            // Requests come in only while the connection is polled, so nothing has to wake
            // this.
            let spent = poll_fn(|_context| match activity.is_spent() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            });
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "connection ended");
                    }
                    return;
                }
                () = stop.as_mut(), if !is_finishing => {
                    is_finishing = true;
                    finish(connection.as_mut());
                }
                () = spent, if !is_finishing => {
                    is_finishing = true;
                    finish(connection.as_mut());
                }
                () = timer.as_mut() => {
                    if self.limits.deadline(activity) <= Instant::now() {
                        return;
                    }
                    timer.as_mut().reset(self.limits.next_look(activity));
                }
            }
        }
    }
}

/// The answer to HEAD: how long its content would be, without it (RFC 9110 §9.3.2). hyper sees to
/// that over HTTP/1 alone; a client of HTTP/2 takes content for an error (RFC 9113 §8.1.1).
fn head_of(answer: Answer) -> Answer {
    let (mut head, content) = answer.into_parts();
    if let Some(octets @ 1..) = content.size_hint().exact() {
        head.headers.insert(CONTENT_LENGTH, octets.into());
    }
    Answer::from_parts(head, Full::default())
}

/// Runs what the requests of a connection need in the thread that has it.
#[derive(Clone, Copy)]
struct OfThisThread;

impl<F: Future<Output = ()> + 'static> Executor<F> for OfThisThread {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}
