//! HTTP for sinks: a request goes out, status and the beginning of the answer come in. A
//! connection is kept for the next request; no redirect is followed. Where the URL is not the
//! operator's own, it leads nowhere but to the internet.

mod answer;
mod target;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use target::Url;

use crate::net::{
    network::Network,
    public::is_public,
    tls::{
        TlsError,
        client::{LiveClientTls, OwnCertificate, Verification},
    },
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{HOST, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    task::JoinSet,
    time::{sleep, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

/// How long a connection may take to be ready for the next request.
const READY_PATIENCE: Duration = Duration::from_millis(100);

/// Octets of the head of an answer.
const HEAD_OCTETS_MAX: usize = 32 * 1024;

/// How long the next address of a host waits for one that has not answered (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Addresses of a host that are tried.
const ADDRESSES_MAX: usize = 8;

/// Where requests may go, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// Whether URLs of http are taken as well.
    pub allows_http: bool,
    /// Whether addresses that are not of the internet are.
    pub reach: Reach,
    /// How certificates of servers are looked at.
    pub verification: Verification,
    /// The certificate that is shown to servers who ask for one.
    pub own_certificate: Option<OwnCertificate>,
    /// How long a request may take, from the look-up of the host to the end of the answer.
    pub timeout: Duration,
}

/// Which addresses may be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All.
    Everywhere,
    /// Those of the internet, and of these networks.
    Internet(Vec<Network>),
}

/// A request.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is asked for.
    pub method: Method,
    /// Its fields, but for those that every request has.
    pub headers: HeaderMap,
    /// Its content.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The URL is one of http.
    #[error("the URL is not one of https")]
    NotHttps,
    /// The host is none of the internet.
    #[error("its host is not one of the internet, nor of a network that is allowed")]
    Private,
    /// The name, the connection or TLS is no good.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// What came back is no HTTP, or the connection was lost.
    #[error("speak HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
}

/// An open connection.
type Sender = SendRequest<Full<Bytes>>;

/// Sends requests, one after the other.
#[derive(Debug)]
pub struct Client {
    config: HttpConfig,
    tls: LiveClientTls,
    /// A connection that may still be good, and to whom.
    kept: Option<(Url, Sender)>,
}

impl Client {
    /// A client with these limits. Certificates are read now, and again when they change.
    pub fn load(config: HttpConfig) -> Result<Self, TlsError> {
        let tls = LiveClientTls::load(config.verification.clone(), config.own_certificate.clone())?;
        Ok(Self { config, tls, kept: None })
    }

    /// Sends a request, and gives what came back. A request that could not be sent over a kept
    /// connection goes over a new one; one that may have arrived is never sent again.
    pub async fn call(&mut self, url: &Url, call: Call) -> Result<Answer, HttpError> {
        let begun = Instant::now();
        let deadline = begun + self.config.timeout;
        let elapsed = |_| HttpError::Timeout(self.config.timeout);
        let kept = self.kept.take().filter(|(to, _)| to.is_same_place(url));
        let kept = kept.map(|(_, sender)| sender);
        let request = request(url, call);
        let exchange = async {
            let (response, mut sender) = self.exchange(kept, url, request).await?;
            let (head, body) = response.into_parts();
            let (content, is_whole) = answer::content(body, deadline).await;
            // Who answers before the request is read to its end may never read on; the answer
            // counts all the same.
            let ready = timeout(READY_PATIENCE, sender.ready()).await;
            let is_open = is_whole && matches!(ready, Ok(Ok(())));
            Ok((Answer::of(&head, content, begun.elapsed()), is_open.then_some(sender)))
        };
        let exchanged = timeout_at(deadline.into(), exchange).await;
        let (answer, sender) = exchanged.map_err(elapsed).flatten()?;
        self.kept = sender.map(|sender| (url.clone(), sender));
        Ok(answer)
    }

    /// Sends a request over a connection of its own, as many at a time as are asked for, and gives
    /// the status of the answer. Its content is not read.
    pub async fn status_of(&self, url: &Url, call: Call) -> Result<StatusCode, HttpError> {
        let elapsed = |_| HttpError::Timeout(self.config.timeout);
        let exchange = self.exchange(None, url, request(url, call));
        let (response, _) =
            timeout(self.config.timeout, exchange).await.map_err(elapsed).flatten()?;
        Ok(response.status())
    }

    /// The head of the answer, and the connection that it came over.
    async fn exchange(
        &self,
        kept: Option<Sender>,
        url: &Url,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Sender), HttpError> {
        if !url.is_https() && !self.config.allows_http {
            return Err(HttpError::NotHttps);
        }
        if let Some(mut sender) = kept {
            match sender.try_send_request(request).await {
                Ok(response) => return Ok((response, sender)),
                // The server has closed it meanwhile, and got nothing.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(HttpError::Http(failed.into_error())),
                },
            }
        }
        let mut sender = self.connect(url).await?;
        let response = sender.send_request(request).await?;
        Ok((response, sender))
    }

    async fn connect(&self, url: &Url) -> Result<Sender, HttpError> {
        let stream = self.reach(url).await?;
        stream.set_nodelay(true).map_err(|error| HttpError::Io { what: "connect", error })?;
        if !url.is_https() {
            return speak(stream).await;
        }
        let tls = |error| HttpError::Io { what: "speak TLS", error };
        let name = ServerName::try_from(url.host().to_owned());
        let name = name.map_err(|error| tls(io::Error::other(error)))?;
        let connector = TlsConnector::from(self.tls.current());
        speak(connector.connect(name, stream).await.map_err(tls)?).await
    }

    /// Connects to one of the addresses of the host that are allowed, the first that answers. It
    /// is these that were looked at: the name is not looked up again.
    async fn reach(&self, url: &Url) -> Result<TcpStream, HttpError> {
        let io = |what| move |error| HttpError::Io { what, error };
        let found = lookup_host((url.host(), url.port())).await;
        let found: Vec<SocketAddr> = found.map_err(io("look up the host"))?.collect();
        let none = match found.is_empty() {
            true => io("look up the host")(io::Error::other("it has no address")),
            false => HttpError::Private,
        };
        let allowed = found.into_iter().filter(|address| self.is_allowed(*address));
        match connect_to_first(interlaced(allowed.collect())).await {
            Some(connected) => connected.map_err(io("connect")),
            None => Err(none),
        }
    }

    fn is_allowed(&self, address: SocketAddr) -> bool {
        let ip = address.ip();
        match &self.config.reach {
            Reach::Everywhere => true,
            Reach::Internet(private) => {
                is_public(ip) || private.iter().any(|network| network.contains(ip))
            }
        }
    }
}

/// A connection to the first of these that answers; none without an address.
async fn connect_to_first(addresses: Vec<SocketAddr>) -> Option<io::Result<TcpStream>> {
    let (mut attempts, mut last) = (JoinSet::new(), None);
    let mut addresses = addresses.into_iter().take(ADDRESSES_MAX);
    loop {
        if let Some(address) = addresses.next() {
            attempts.spawn(TcpStream::connect(address));
        }
        tokio::select! {
            biased;
            ended = attempts.join_next() => match ended {
                Some(Ok(Ok(stream))) => return Some(Ok(stream)),
                Some(Ok(Err(error))) => last = Some(Err(error)),
                Some(Err(_)) => {}
                None => return last,
            },
            // An address that does not answer takes no time from the others.
            () = sleep(ATTEMPT_DELAY), if addresses.len() > 0 => {}
        }
    }
}

/// Addresses by turns of both families, the first one first (RFC 8305 §4).
fn interlaced(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let count = addresses.len();
    let is_first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (ours, others): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == is_first);
    let (mut ours, mut others) = (ours.into_iter(), others.into_iter());
    let turns = (0..count).flat_map(|_| [ours.next(), others.next()]);
    turns.flatten().collect()
}

fn request(url: &Url, call: Call) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(call.body));
    *request.method_mut() = call.method;
    *request.uri_mut() = url.path().clone();
    let agent = HeaderValue::from_static(concat!("mailwake/", env!("CARGO_PKG_VERSION")));
    let headers = request.headers_mut();
    headers.insert(HOST, url.authority().clone());
    headers.insert(USER_AGENT, agent);
    headers.extend(call.headers);
    request
}

async fn speak<S>(stream: S) -> Result<Sender, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_OCTETS_MAX);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    // It ends with its sender, or with the server, and tells the sender of it.
    tokio::spawn(connection);
    Ok(sender)
}
