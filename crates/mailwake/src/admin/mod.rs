//! The operators' view over HTTP: `/metrics` for Prometheus, `/health` and `/ready` for
//! whoever watches the process. Requests come in, text goes out; what it says comes from
//! a `Source`, so that no part is asked from here.

mod answer;
#[cfg(test)]
mod tests;

use crate::{net, telemetry::Exposition};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, future::Future, io, net::TcpListener, rc::Rc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::sync::CancellationToken;

/// Octets of a request up to the end of its header fields; more are answered 431. It is
/// the least that hyper takes.
const HEADER_OCTETS_MAX: usize = 8 * 1024;

/// The limits of the operators' view. `Default` gives the defaults named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminConfig {
    /// Connections at the same time; more wait to be accepted. Default: 64.
    pub connections_max: usize,
    /// How long a connection may take, from its first octet to the end of its one
    /// answer. Default: 10 s.
    pub timeout: Duration,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { connections_max: 64, timeout: Duration::from_secs(10) }
    }
}

/// Who knows what operators ask.
pub trait Source {
    /// Every metric, as it is now.
    fn metrics(&self) -> Exposition;

    /// Why the process is not ready, a line each; none when it is.
    fn troubles(&self) -> impl Future<Output = Vec<String>>;
}

/// Answers requests until `shutdown`, and then those that are under way; blocks until
/// all have ended. A connection serves one request, so that none outlives its time.
pub fn run(
    config: AdminConfig,
    listener: TcpListener,
    source: impl Source + 'static,
    shutdown: &CancellationToken,
) -> io::Result<()> {
    let source = Rc::new(source);
    let serve = |stream| serve(config.timeout, stream, source.clone());
    net::accept(listener, config.connections_max, "to the operators' view", shutdown, serve)
}

/// Serves the one request of a connection.
async fn serve(limit: Duration, stream: TcpStream, source: Rc<impl Source + 'static>) {
    let service = service_fn(|request| {
        let source = source.clone();
        async move { Ok::<_, Infallible>(answer::to(&request, &*source).await) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .half_close(true)
        .header_read_timeout(None)
        .max_header_size(HEADER_OCTETS_MAX)
        .max_buf_size(HEADER_OCTETS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(limit, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "connection to the operators' view ended"),
        Err(_elapsed) => tracing::debug!("connection to the operators' view took too long"),
    }
}
