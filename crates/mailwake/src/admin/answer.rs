//! What is answered to a request. Nothing of the request stands in it.

use super::Source;
use crate::telemetry::Exposition;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{self, HeaderValue},
};

/// An answer with its content.
pub(super) type Answer = Response<Full<Bytes>>;

const TEXT: &str = "text/plain; charset=utf-8";

const UNKNOWN: &str = "there are /metrics, /health and /ready\n";

/// The answer to a request. A query behind the path is passed over.
pub(super) async fn to<B>(request: &Request<B>, source: &impl Source) -> Answer {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n".into());
        // RFC 9110 §15.5.6 wants the methods named.
        refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/metrics" => text(StatusCode::OK, Exposition::CONTENT_TYPE, source.metrics().into_text()),
        // That there is an answer is the answer.
        "/health" => text(StatusCode::OK, TEXT, "alive\n".into()),
        "/ready" => match &source.troubles().await[..] {
            [] => text(StatusCode::OK, TEXT, "ready\n".into()),
            troubles => text(StatusCode::SERVICE_UNAVAILABLE, TEXT, lines(troubles)),
        },
        _ => text(StatusCode::NOT_FOUND, TEXT, UNKNOWN.into()),
    }
}

/// One line for each text, whatever stands in it.
fn lines(texts: &[String]) -> String {
    texts.iter().map(|text| format!("{}\n", text.replace(['\r', '\n'], " "))).collect()
}

fn text(status: StatusCode, media_type: &'static str, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    let fields = answer.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
