//! What a server answers: its status, and as much of its content as is of use.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{HeaderMap, StatusCode, body::Incoming, header::RETRY_AFTER, http::response::Parts};
use jiff::fmt::rfc2822::DateTimeParser;
use std::{
    borrow::Cow,
    time::{Duration, Instant, SystemTime},
};
use tokio::time::timeout_at;

/// Octets of the content that are read. Answers to batches are short.
const CONTENT_OCTETS_MAX: usize = 64 * 1024;

/// Octets of what an operator is told of an answer.
const TOLD_OCTETS_MAX: usize = 240;

/// How long the content may take, once the status is here.
const CONTENT_PATIENCE: Duration = Duration::from_secs(2);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// How long the server wants to be left alone (RFC 9110 §10.2.3).
    pub retry_after: Option<Duration>,
    /// The beginning of its content; a part of it where the connection broke off.
    pub content: Bytes,
    /// How long it took.
    pub latency: Duration,
}

impl Answer {
    pub(super) fn of(head: &Parts, content: Bytes, latency: Duration) -> Self {
        let retry_after = retry_after(&head.headers, SystemTime::now());
        Self { status: head.status, retry_after, content, latency }
    }

    /// What the answer says, for an operator: the status, and the beginning of its content or of
    /// the messages in it, without addresses.
    pub fn told(&self) -> String {
        let text = String::from_utf8_lossy(&self.content);
        let messages = messages(&self.content).unwrap_or_else(|| text.into_owned());
        let is_text = |c: &char| c.is_whitespace() || !c.is_control();
        let messages: String = messages.chars().filter(is_text).collect();
        let words = messages.split_whitespace();
        let words = words.map(without_address);
        let mut told = format!("status {}", self.status.as_u16());
        let mut between = ": ";
        for word in words {
            if told.len() + word.len() > TOLD_OCTETS_MAX {
                break;
            }
            told = told + between + &word;
            between = " ";
        }
        told
    }
}

/// A word without what may be an address, of a person or in a URL: its name and password, and its
/// query, in which there may be secrets too.
fn without_address(word: &str) -> Cow<'_, str> {
    if word.contains('@') || word.contains("%40") {
        return "...@...".into();
    }
    match word.split_once("://").and_then(|(_, rest)| rest.split_once(['?', '#'])) {
        Some((_, query)) => format!("{}...", &word[..word.len() - query.len()]).into(),
        None => word.into(),
    }
}

/// The messages of `{"errors":[{"message":"…"}]}`, as SparkPost's APIs answer.
fn messages(content: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(content).ok()?;
    let errors = answer.get("errors")?.as_array()?.iter();
    let messages: Vec<_> = errors.filter_map(|error| error.get("message")?.as_str()).collect();
    (!messages.is_empty()).then(|| messages.join("; "))
}

/// The content, and whether it was read to its end. Once there is a status, what it says counts:
/// content that does not come is no reason to send the request again.
pub(super) async fn content(mut body: Incoming, deadline: Instant) -> (Bytes, bool) {
    let mut content = Vec::new();
    let deadline = deadline.min(Instant::now() + CONTENT_PATIENCE);
    loop {
        let frame = match timeout_at(deadline.into(), body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return (content.into(), true),
            Ok(Some(Err(_))) | Err(_) => return (content.into(), false),
        };
        let data = frame.data_ref().map(Bytes::as_ref).unwrap_or_default();
        let room = CONTENT_OCTETS_MAX - content.len();
        content.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return (content.into(), false);
        }
    }
}

/// Seconds, or a date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTimeParser::new().parse_timestamp(value).ok()?;
    let date = SystemTime::from(date);
    Some(date.duration_since(now).unwrap_or_default())
}
