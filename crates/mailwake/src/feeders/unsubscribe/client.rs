//! Tells a sender: a form is posted to its URL, and the status of the answer comes back.
//! The URL is what somebody else wrote, so it leads nowhere but to the internet, unless the
//! configuration says so; no redirect is followed, and the body of the answer is not read.

use crate::net::{
    network::Network,
    public::is_public,
    tls::{
        TlsError,
        client::{ClientTls, Verification},
    },
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode, Uri,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tracking::unsubscribe::ONE_CLICK;

/// Octets of the head of an answer.
const HEAD_OCTETS_MAX: usize = 32 * 1024;

/// Where the form may go.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Whether URLs of http are taken as well.
    pub allows_http: bool,
    /// Networks that are not of the internet, and are allowed all the same.
    pub private_networks: Vec<Network>,
    /// How certificates are looked at.
    pub verification: Verification,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// Why a sender was not told.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// No URL that is allowed.
    #[error("no URL of {}", if *.allows_http { "https or http" } else { "https" })]
    Url {
        /// Whether http is.
        allows_http: bool,
    },
    /// Its host is not one of the internet.
    #[error("its host is not one of the internet")]
    Private,
    /// The name or the connection is no good.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// What came back is no HTTP.
    #[error("speak HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
    /// The sender said something else than that it was done.
    #[error("status {0}")]
    Status(StatusCode),
}

impl PostError {
    /// Will another attempt go the same way?
    pub(super) fn is_permanent(&self) -> bool {
        match self {
            Self::Url { .. } | Self::Private => true,
            Self::Status(status) => *status == StatusCode::GONE,
            Self::Io { .. } | Self::Http(_) | Self::Timeout => false,
        }
    }
}

/// Posts forms.
pub struct Client {
    config: ClientConfig,
    tls: TlsConnector,
}

/// The URL of a sender, taken apart.
struct Target {
    is_https: bool,
    host: String,
    port: u16,
    uri: Uri,
}

impl Client {
    /// A client with these limits. Authorities are read now.
    pub fn load(config: ClientConfig) -> Result<Self, TlsError> {
        // The name is that of each server.
        let tls = ClientTls::load("localhost", &config.verification)?.config;
        Ok(Self { config, tls: TlsConnector::from(tls) })
    }

    /// Posts `List-Unsubscribe=One-Click` (RFC 8058 §3.2) to a URL, without cookies or
    /// anything that says who does it.
    pub(super) async fn post(&self, url: &str) -> Result<(), PostError> {
        let told = timeout(self.config.timeout, self.post_at_leisure(url)).await;
        let status = told.map_err(|_elapsed| PostError::Timeout)??;
        if status.is_success() { Ok(()) } else { Err(PostError::Status(status)) }
    }

    async fn post_at_leisure(&self, url: &str) -> Result<StatusCode, PostError> {
        let allows_http = self.config.allows_http;
        let target = Target::of(url).filter(|target| target.is_https || allows_http);
        let target = target.ok_or(PostError::Url { allows_http })?;
        let stream = self.connect(&target).await?;
        stream.set_nodelay(true).map_err(|error| PostError::Io { what: "connect", error })?;
        if !target.is_https {
            return exchange(stream, &target).await;
        }
        let tls = |error| PostError::Io { what: "speak TLS", error };
        let name = ServerName::try_from(target.host.clone())
            .map_err(|error| tls(io::Error::other(error)))?;
        let stream = self.tls.connect(name, stream).await.map_err(tls)?;
        exchange(stream, &target).await
    }

    /// Connects to one of the addresses of the host that are allowed. It is these that were
    /// looked at: the name is not looked up again.
    async fn connect(&self, target: &Target) -> Result<TcpStream, PostError> {
        let io = |what| move |error| PostError::Io { what, error };
        let found = lookup_host((target.host.as_str(), target.port)).await;
        let found: Vec<SocketAddr> = found.map_err(io("look up the host"))?.collect();
        let allowed = found.iter().filter(|address| self.is_allowed(**address));
        let mut last = match found.is_empty() {
            true => io("look up the host")(io::Error::other("it has no address")),
            false => PostError::Private,
        };
        for address in allowed {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = io("connect")(error),
            }
        }
        Err(last)
    }

    fn is_allowed(&self, address: SocketAddr) -> bool {
        let ip = address.ip();
        is_public(ip) || self.config.private_networks.iter().any(|network| network.contains(ip))
    }
}

impl Target {
    fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let is_https = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri.host()?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        (!host.is_empty()).then(|| Self { is_https, host: host.into(), port, uri: uri.clone() })
    }

    /// The Host field: what stands in the URL, without who asks.
    fn authority(&self) -> String {
        let host = self.uri.host().unwrap_or_default();
        self.uri.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

/// The host of a URL in lower case; empty where it has none.
pub(super) fn host(url: &str) -> String {
    Target::of(url).map(|target| target.host.to_ascii_lowercase()).unwrap_or_default()
}

async fn exchange<S>(stream: S, target: &Target) -> Result<StatusCode, PostError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_OCTETS_MAX);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let path = target.uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, target.authority())
        .header(USER_AGENT, concat!("mailwake/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from_static(ONE_CLICK.as_bytes())))
        .map_err(|_| PostError::Url { allows_http: true })?;
    let (mut response, mut connection) =
        (Box::pin(sender.send_request(request)), Box::pin(connection));
    let ended = tokio::select! {
        response = &mut response => return Ok(response?.status()),
        ended = &mut connection => ended,
    };
    // A server that closes behind its answer ends the connection while the answer is still on
    // its way here; without one, there is none to wait for when the connection is gone.
    drop(connection);
    match (response.await, ended) {
        (Ok(response), _) => Ok(response.status()),
        (Err(error), Ok(())) | (Err(_), Err(error)) => Err(error.into()),
    }
}
