//! What KumoMTA posts: its log records, one JSON object, a list of them, or one a line. A request
//! is answered 200 when its events are on disk, so that KumoMTA tries again what was not.

use super::{
    counters::SourceCounters,
    recorder::{APPEND_EVENTS, record_now},
};
use crate::{event_log::writer::Writer, net};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Body,
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::de::IgnoredAny;
use std::{
    convert::Infallible,
    error::Error,
    io,
    net::TcpListener,
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::sync::CancellationToken;
use tracking::delivery::{Format, Lines, Reading};

/// Malformed records of a request that are told one by one.
const TOLD_MAX: usize = 20;

/// Where records are posted, and by whom.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// The path of the URL.
    pub path: String,
    /// The secret of those who may post, if there is one: a Bearer token, or the password of
    /// Basic (RFC 6750, RFC 7617).
    pub token: Option<String>,
    /// Largest request, in octets.
    pub body_octets_max: usize,
    /// Connections at the same time; more wait to be accepted.
    pub connections_max: usize,
    /// How long a request may take to come in.
    pub timeout: Duration,
    /// How records are read.
    pub reading: Reading,
}

/// Takes requests until `shutdown`, and then those that are under way; blocks until all have
/// ended.
pub fn run(
    config: HttpConfig,
    listener: TcpListener,
    writer: Writer,
    counters: Arc<SourceCounters>,
    shutdown: &CancellationToken,
) -> io::Result<()> {
    let connections_max = config.connections_max;
    let endpoint = Rc::new(Endpoint { config, writer, counters });
    let serve = |stream| serve(endpoint.clone(), stream, shutdown.clone());
    net::accept(listener, connections_max, "with records", shutdown, serve)
}

struct Endpoint {
    config: HttpConfig,
    writer: Writer,
    counters: Arc<SourceCounters>,
}

async fn serve(endpoint: Rc<Endpoint>, stream: TcpStream, shutdown: CancellationToken) {
    let limit = endpoint.config.timeout;
    let service = service_fn(|request| {
        let endpoint = endpoint.clone();
        async move { Ok::<_, Infallible>(endpoint.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limit)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // The request under way has its own limit, and the log as much again.
            timeout(2 * limit, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection with records ended");
    }
}

type Answer = Response<Full<Bytes>>;

impl Endpoint {
    async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        if request.uri().path() != self.config.path {
            return answer(StatusCode::NOT_FOUND, "records are not posted here\n");
        }
        if request.method() != Method::POST {
            let mut refused = answer(StatusCode::METHOD_NOT_ALLOWED, "only POST\n");
            refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return refused;
        }
        if !self.is_allowed(request.headers().get(header::AUTHORIZATION)) {
            let mut refused = answer(StatusCode::UNAUTHORIZED, "who are you?\n");
            let schemes = HeaderValue::from_static("Bearer, Basic realm=\"records\"");
            refused.headers_mut().insert(header::WWW_AUTHENTICATE, schemes);
            return refused;
        }
        let body = Limited::new(request.into_body(), self.config.body_octets_max);
        match timeout(self.config.timeout, body.collect()).await {
            Ok(Ok(body)) => self.take(&body.to_bytes()).await,
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                answer(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large\n")
            }
            Ok(Err(_)) => answer(StatusCode::BAD_REQUEST, "the request has broken off\n"),
            Err(_elapsed) => answer(StatusCode::REQUEST_TIMEOUT, "the request took too long\n"),
        }
    }

    fn is_allowed(&self, field: Option<&HeaderValue>) -> bool {
        let Some(token) = &self.config.token else { return true };
        let Some((scheme, given)) = field.and_then(|field| field.to_str().ok()?.split_once(' '))
        else {
            return false;
        };
        let given = match scheme {
            scheme if scheme.eq_ignore_ascii_case("bearer") => given.as_bytes().to_vec(),
            scheme if scheme.eq_ignore_ascii_case("basic") => {
                let pair = STANDARD.decode(given).unwrap_or_default();
                pair.splitn(2, |octet| *octet == b':').nth(1).unwrap_or_default().to_vec()
            }
            _ => return false,
        };
        // How long a comparison takes tells nothing.
        aws_lc_rs::constant_time::verify_slices_are_equal(&given, token.as_bytes()).is_ok()
    }

    /// Records what a request holds. A record that is malformed, or larger than any log takes,
    /// does not hold up the others: it would come again for ever.
    async fn take(&self, body: &[u8]) -> Answer {
        let Some(values) = values(body) else {
            self.counters.malformed_lines.increment();
            tracing::warn!("a request with records is no JSON");
            return answer(StatusCode::BAD_REQUEST, "the request is no JSON\n");
        };
        let reading = Reading { now: SystemTime::now().into(), ..self.config.reading.clone() };
        let (mut lines, mut events) = (Lines::new(Format::KumoMta, &reading), Vec::new());
        let (mut malformed, last) = (0, values.len().saturating_sub(1));
        for (index, value) in values.into_iter().enumerate() {
            self.counters.lines.increment();
            if let Err(error) = lines.line(value, &mut events) {
                self.counters.malformed_lines.increment();
                malformed += 1;
                if malformed <= TOLD_MAX {
                    tracing::warn!("record {} of a request: {error}", index + 1);
                }
            }
            // No more is in memory, or waits for the disk, than one append has.
            if events.len() >= APPEND_EVENTS || index == last {
                if let Err(told) = record_now(&self.writer, &events, &self.counters).await {
                    return self.later(&told);
                }
                events.clear();
            }
        }
        if malformed > TOLD_MAX {
            tracing::warn!("{} more records of a request are none", malformed - TOLD_MAX);
        }
        answer(StatusCode::OK, "recorded\n")
    }

    fn later(&self, told: &str) -> Answer {
        self.counters.retries.increment();
        tracing::warn!("posted records are not recorded for now: {told}");
        let mut later = answer(StatusCode::SERVICE_UNAVAILABLE, "try again later\n");
        later.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        later
    }
}

/// Each JSON object of a body, octet for octet: of a list, or one behind the other. None where it
/// is no JSON to its end.
fn values(body: &[u8]) -> Option<Vec<&[u8]>> {
    let body = body.trim_ascii();
    let (mut rest, is_list) = match body.strip_prefix(b"[") {
        Some(inside) => (inside.strip_suffix(b"]")?.trim_ascii(), true),
        None => (body, false),
    };
    let mut values = Vec::new();
    while !rest.is_empty() {
        let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
        stream.next()?.ok()?;
        let (value, after) = rest.split_at(stream.byte_offset());
        values.push(value.trim_ascii());
        rest = after.trim_ascii_start();
        if is_list && !rest.is_empty() {
            rest = rest.strip_prefix(b",")?.trim_ascii_start();
            if rest.is_empty() {
                return None;
            }
        }
    }
    Some(values)
}

fn answer(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, media_type);
    answer
}

#[cfg(test)]
mod tests;
