//! Requests to the authority, in TLS, each over a connection of its own.

use crate::net::tls::client::{ClientTls, Verification};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, Uri, header::HOST};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use std::{path::PathBuf, pin::Pin, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

/// Octets of an answer: a chain of certificates has some thousand.
const ANSWER_OCTETS_MAX: usize = 1 << 20;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of the authority.
pub(super) struct Authority {
    verification: Verification,
}

impl Authority {
    /// Its certificate is held against the authorities in a file, or those of the system.
    pub(super) fn new(ca_file: Option<PathBuf>) -> Self {
        let verification = ca_file.map_or(Verification::System, Verification::Authorities);
        Self { verification }
    }
}

impl HttpClient for Authority {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let verification = self.verification.clone();
        Box::pin(async move {
            let asked = timeout(REQUEST_TIMEOUT, ask(request, &verification)).await;
            let answer = asked.map_err(|_elapsed| other("no answer in 30 s"))??;
            Ok(BytesResponse::from(answer))
        })
    }
}

async fn ask(
    request: Request<BodyWrapper<Bytes>>,
    verification: &Verification,
) -> Result<Response<Full<Bytes>>, Error> {
    let uri = request.uri().clone();
    let host = uri.host().ok_or_else(|| other("a URL without a host"))?;
    let name = host.trim_start_matches('[').trim_end_matches(']');
    if uri.scheme_str() != Some("https") {
        return Err(other("a URL without https"));
    }
    let tls = ClientTls::load(name, verification).map_err(other)?;
    let stream = TcpStream::connect((name, uri.port_u16().unwrap_or(443))).await.map_err(other)?;
    let stream = TlsConnector::from(tls.config).connect(tls.name, stream).await.map_err(other)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(other)?;
    // It ends with the answer, or with the sender.
    tokio::spawn(connection);
    let answer = sender.send_request(in_origin_form(request, &uri)?).await.map_err(other)?;
    let (head, body) = answer.into_parts();
    let content = Limited::new(body, ANSWER_OCTETS_MAX).collect().await.map_err(Error::Other)?;
    Ok(Response::from_parts(head, Full::new(content.to_bytes())))
}

/// With the host in its field, and the path alone in the line (RFC 9112 §3.2.1).
fn in_origin_form(
    mut request: Request<BodyWrapper<Bytes>>,
    uri: &Uri,
) -> Result<Request<BodyWrapper<Bytes>>, Error> {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.parse().map_err(other)?;
    request.headers_mut().insert(HOST, host);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse()?;
    Ok(request)
}

fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Other(error.into())
}
