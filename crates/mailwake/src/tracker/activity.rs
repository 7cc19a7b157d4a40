//! What a connection is doing, and how long it may. Octets and requests are noted as they
//! come; when the connection is to be closed goes out. A timer looks at it now and then, so
//! that a request needs none of its own.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// How long a connection may take, and how much it may ask.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) header_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) requests_max: u32,
}

impl Limits {
    /// When the connection is to be closed, if it goes on doing what it does.
    pub(super) fn deadline(&self, activity: &Activity) -> Instant {
        let deadline = match activity.phase.get() {
            Phase::Waiting { since } => since + self.idle_timeout,
            Phase::Arriving { since } => since + self.header_timeout,
            Phase::Answering => Instant::now() + self.header_timeout,
        };
        match activity.spent.get() {
            Some(since) => deadline.min(since + self.header_timeout),
            None => deadline,
        }
    }

    /// When a timer has to look at a connection again. What begins in between has its
    /// deadline after that, so nothing needs to wake the timer.
    pub(super) fn next_look(&self, activity: &Activity) -> Instant {
        let shortest = self.header_timeout.min(self.idle_timeout);
        self.deadline(activity).min(Instant::now() + shortest)
    }
}

/// What a connection is doing, and since when.
pub(super) struct Activity {
    phase: Cell<Phase>,
    requests: Cell<u32>,
    under_way: Cell<u32>,
    /// Since when it has asked all that it may.
    spent: Cell<Option<Instant>>,
    protocol: Cell<Protocol>,
}

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1 or 1.0 (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113).
    Http2,
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
    pub(super) fn new() -> Self {
        Self {
            phase: Cell::new(Phase::Arriving { since: Instant::now() }),
            requests: Cell::new(0),
            under_way: Cell::new(0),
            spent: Cell::new(None),
            protocol: Cell::new(Protocol::Http1),
        }
    }

    pub(super) fn speaks(&self, protocol: Protocol) {
        self.protocol.set(protocol);
    }

    fn received(&self) {
        // In HTTP/2 octets need not belong to a request; one that never becomes whole has
        // as long as a connection without any.
        if self.protocol.get() == Protocol::Http1
            && let Phase::Waiting { .. } = self.phase.get()
        {
            self.phase.set(Phase::Arriving { since: Instant::now() });
        }
    }

    /// A request is complete, and is under way until what is returned is dropped.
    pub(super) fn request(self: &Rc<Self>, limits: &Limits) -> UnderWay {
        self.phase.set(Phase::Answering);
        self.under_way.set(self.under_way.get() + 1);
        self.requests.set(self.requests.get().saturating_add(1));
        if self.requests.get() >= limits.requests_max && self.spent.get().is_none() {
            self.spent.set(Some(Instant::now()));
        }
        UnderWay { activity: self.clone() }
    }

    /// Has it asked all that it may?
    pub(super) fn is_spent(&self) -> bool {
        self.spent.get().is_some()
    }
}

/// A request that is being answered.
pub(super) struct UnderWay {
    activity: Rc<Activity>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let others = self.activity.under_way.get() - 1;
        self.activity.under_way.set(others);
        if others == 0 {
            self.activity.phase.set(Phase::Waiting { since: Instant::now() });
        }
    }
}

/// What every connection over HTTP/2 begins with (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that notes when octets come in.
pub(super) struct Watched<S> {
    stream: S,
    activity: Rc<Activity>,
    /// Octets that were read ahead, and which of them are to be read still.
    ahead: [u8; PREFACE.len()],
    left: std::ops::Range<usize>,
}

impl<S: AsyncRead + Unpin> Watched<S> {
    pub(super) fn new(stream: S, activity: Rc<Activity>) -> Self {
        Self { stream, activity, ahead: [0; PREFACE.len()], left: 0..0 }
    }

    /// What the client speaks, by the first octets that come.
    pub(super) async fn protocol(&mut self) -> io::Result<Protocol> {
        use tokio::io::AsyncReadExt;
        loop {
            let known = self.left.end;
            if self.ahead[..known] != PREFACE[..known] {
                return Ok(Protocol::Http1);
            }
            if known == PREFACE.len() {
                return Ok(Protocol::Http2);
            }
            match self.stream.read(&mut self.ahead[known..]).await? {
                0 => return Ok(Protocol::Http1),
                read => self.left.end += read,
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let octets = self.left.len().min(buffer.remaining());
        let end = self.left.start + octets;
        buffer.put_slice(&self.ahead[self.left.start..end]);
        self.left.start = end;
        // What came behind them goes with them: hyper would double its buffer for it.
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.received();
        }
        match octets {
            0 => polled,
            // Where the stream has ended or failed, there is nothing behind these octets: the
            // next read finds its end.
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
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
