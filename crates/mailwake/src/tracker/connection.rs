//! One connection: requests in HTTP/1.1 or 1.0 (RFC 9112) come in, answers go out, in
//! order. It ends when the client wants, when it takes too long, or at a shutdown.

use super::{config::TrackerConfig, recorder::Log, worker::Worker};
use hyper::{
    header::{CONNECTION, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{
    cell::Cell,
    convert::Infallible,
    io,
    net::IpAddr,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// The least that hyper takes as the size of its buffer.
const BUFFER_OCTETS_MIN: usize = 8 * 1024;

/// How all connections of a thread are served.
pub(super) struct Connections<L> {
    http: http1::Builder,
    limits: Limits,
    worker: Worker<L>,
}

/// How long a connection may take, and how much it may ask.
#[derive(Clone, Copy)]
struct Limits {
    header_timeout: Duration,
    idle_timeout: Duration,
    requests_max: u32,
}

impl Limits {
    /// When the connection is to be closed, if it goes on doing what it does.
    fn deadline(&self, activity: &Activity) -> Instant {
        match activity.phase.get() {
            Phase::Waiting { since } => since + self.idle_timeout,
            Phase::Arriving { since } => since + self.header_timeout,
            Phase::Answering => Instant::now() + self.header_timeout,
        }
    }

    /// When a timer has to look at a connection again. What begins in between has its
    /// deadline after that, so nothing needs to wake the timer.
    fn next_look(&self, activity: &Activity) -> Instant {
        let shortest = self.header_timeout.min(self.idle_timeout);
        self.deadline(activity).min(Instant::now() + shortest)
    }
}

impl<L: Log> Connections<L> {
    pub(super) fn new(config: &TrackerConfig, worker: Worker<L>) -> Self {
        let mut http = http1::Builder::new();
        http.max_header_size(config.header_octets_max)
            .max_buf_size(config.header_octets_max.max(BUFFER_OCTETS_MIN))
            // A client may close its side once it has asked; and not having to look for
            // that while an event is written saves a system call for each request.
            .half_close(true)
            // `Limits` has timeouts that need no timer for each request.
            .header_read_timeout(None);
        let limits = Limits {
            header_timeout: config.header_timeout,
            idle_timeout: config.idle_timeout,
            requests_max: config.requests_per_connection_max,
        };
        Self { http, limits, worker }
    }

    /// Serves a connection until it ends. After `stopping`, it ends with the answer that
    /// it waits for.
    pub(super) async fn serve(
        self: Rc<Self>,
        stream: TcpStream,
        visitor: IpAddr,
        stopping: CancellationToken,
    ) {
        let activity = Rc::new(Activity::new());
        let io = TokioIo::new(Watched { stream, activity: activity.clone() });
        let service = service_fn(|request| {
            let is_last = activity.request() >= self.limits.requests_max;
            let (this, activity) = (self.clone(), activity.clone());
            async move {
                let mut answer = this.worker.respond(request, visitor).await;
                if is_last {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                activity.answered();
                Ok::<_, Infallible>(answer)
            }
        });
        let mut connection = pin!(self.http.serve_connection(io, service));
        let mut stop = pin!(stopping.cancelled());
        let mut is_stopping = false;
        let mut timer = pin!(sleep_until(self.limits.next_look(&activity)));
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "connection ended");
                    }
                    return;
                }
                () = stop.as_mut(), if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = timer.as_mut() => {
                    if self.limits.deadline(&activity) <= Instant::now() {
                        return;
                    }
                    timer.as_mut().reset(self.limits.next_look(&activity));
                }
            }
        }
    }
}

/// What a connection is doing, and since when. A timer looks at it now and then, so that
/// a request needs none of its own.
struct Activity {
    phase: Cell<Phase>,
    requests: Cell<u32>,
}

#[derive(Clone, Copy)]
enum Phase {
    /// For octets of a request.
    Waiting { since: Instant },
    /// Octets of a request have come, or should have: a new connection is to ask at once.
    Arriving { since: Instant },
    /// The request is here. The deadline of the event log ends this.
    Answering,
}

impl Activity {
    fn new() -> Self {
        let phase = Cell::new(Phase::Arriving { since: Instant::now() });
        Self { phase, requests: Cell::new(0) }
    }

    fn received(&self) {
        if let Phase::Waiting { .. } = self.phase.get() {
            self.phase.set(Phase::Arriving { since: Instant::now() });
        }
    }

    /// A request is complete; tells how many there were.
    fn request(&self) -> u32 {
        self.phase.set(Phase::Answering);
        self.requests.set(self.requests.get().saturating_add(1));
        self.requests.get()
    }

    fn answered(&self) {
        self.phase.set(Phase::Waiting { since: Instant::now() });
    }
}

/// A stream that notes when octets come in.
struct Watched {
    stream: TcpStream,
    activity: Rc<Activity>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.received();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
