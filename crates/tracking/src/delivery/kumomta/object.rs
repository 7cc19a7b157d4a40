//! The fields of a log record, taken out one by one: what is left is kept as it is.

use crate::{
    delivery::value::{address, time},
    event::Attempt,
    ids::Timestamp,
};
use serde_json::{Map, Value};

/// A JSON object of which fields are taken.
#[derive(Debug)]
pub(super) struct Object(Map<String, Value>);

impl Object {
    pub(super) fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// A field, unless it is null.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// A text; empty where there is none. Something else than a text stays.
    pub(super) fn text(&mut self, name: &str) -> String {
        match self.take(name) {
            Some(Value::String(text)) => text,
            Some(other) => {
                self.0.insert(name.into(), other);
                String::new()
            }
            None => String::new(),
        }
    }

    /// A text or a list of them, with at least one; `None` for anything else.
    pub(super) fn texts(&mut self, name: &str, most: usize) -> Option<Vec<String>> {
        let text = |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        match self.take(name)? {
            Value::Array(values) if (1..=most).contains(&values.len()) => {
                values.into_iter().map(text).collect()
            }
            other => text(other).map(|text| vec![text]),
        }
    }

    /// A time as text (RFC 3339), or else one in seconds.
    pub(super) fn time(&mut self, as_text: &str, in_seconds: &str) -> Option<Timestamp> {
        let text = self.text(as_text);
        let seconds = self.take(in_seconds);
        time(&text).or_else(|| match seconds? {
            Value::Number(number) => time(&number.to_string()),
            Value::String(text) => time(&text),
            _ => None,
        })
    }

    /// The value of a header field, whatever the case of its name; the first of several.
    pub(super) fn header(&mut self, name: &str) -> Option<String> {
        let headers = self.0.get_mut("headers")?.as_object_mut()?;
        let key = headers.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
        match headers.remove(&key)? {
            Value::String(text) => Some(text),
            Value::Array(values) => values.into_iter().find_map(|value| match value {
                Value::String(text) => Some(text),
                _ => None,
            }),
            other => {
                headers.insert(key, other);
                None
            }
        }
    }

    fn number(&mut self, name: &str) -> Option<u64> {
        match self.take(name)? {
            Value::Number(number) if number.is_u64() => number.as_u64(),
            other => {
                self.0.insert(name.into(), other);
                None
            }
        }
    }

    /// What it says of the attempt, but for the recipient and the response.
    pub(super) fn attempt(&mut self, at: Timestamp, is_report: bool) -> Attempt {
        let mut attempt = Attempt {
            msg_from: self.text("sender"),
            bounce_category: self.text("bounce_classification"),
            ip_pool: self.text("egress_pool"),
            binding: self.text("egress_source"),
            msg_size: self.number("size").filter(|octets| *octets > 0),
            num_retries: self.number("num_attempts").and_then(|number| number.try_into().ok()),
            ..Attempt::default()
        };
        let protocol = self.text("delivery_protocol");
        if !protocol.eq_ignore_ascii_case("ESMTP") {
            attempt.delv_method = protocol.to_ascii_lowercase();
        }
        // `campaign:tenant@domain!routing_domain`, of which any but the domain may be missing.
        let queue = self.text("queue");
        let domain = queue.rsplit(['@', '!']).next().unwrap_or_default();
        attempt.routing_domain = domain.into();
        if queue.len() > domain.len() {
            self.0.insert("queue".into(), Value::String(queue));
        }
        if let Some(Value::Object(peer)) = self.take("peer_address") {
            let mut peer = Self(peer);
            attempt.remote_mta = peer.text("name").trim_end_matches('.').into();
            attempt.ip_address = address(&peer.text("addr")).filter(|ip| !ip.is_unspecified());
            self.keep("peer_address", peer.rest());
        }
        if let Some(Value::Object(source)) = self.take("source_address") {
            let mut source = Self(source);
            attempt.sending_ip = address(&source.text("address"));
            self.keep("source_address", source.rest());
        }
        let created = self.time("created_time", "created");
        if let (Some(created), false) = (created, is_report) {
            attempt.queued_at = Some(created);
            attempt.queue_time = u64::try_from(at.0 - created.0).ok();
        }
        attempt
    }

    /// Puts back what is left of a field.
    pub(super) fn keep(&mut self, name: &str, rest: Map<String, Value>) {
        self.0.insert(name.into(), Value::Object(rest));
    }

    /// What is left, but for what is empty.
    pub(super) fn rest(self) -> Map<String, Value> {
        let is_empty = |value: &Value| match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(values) => values.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        self.0.into_iter().filter(|(_, value)| !is_empty(value)).collect()
    }
}

/// What the other side answered.
#[derive(Debug, Default)]
pub(super) struct Response {
    pub(super) code: u16,
    /// The enhanced status code; empty for none.
    pub(super) status: String,
    /// The text with its enhanced status code.
    pub(super) text: String,
    /// What else there is of it.
    pub(super) rest: Map<String, Value>,
}

/// Reads a response: KumoMTA has its enhanced status code apart from the text.
pub(super) fn response(told: Option<Value>) -> Response {
    let Some(Value::Object(fields)) = told else { return Response::default() };
    let mut fields = Object(fields);
    let code = fields.number("code").and_then(|code| u16::try_from(code).ok()).unwrap_or_default();
    let status = fields.take("enhanced_code").and_then(|status| {
        if let Value::String(text) = status {
            return Some(text);
        }
        let number = |name| status.get(name).and_then(Value::as_u64);
        Some(format!("{}.{}.{}", number("class")?, number("subject")?, number("detail")?))
    });
    let status = status.unwrap_or_default();
    let content = fields.text("content").lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let text = match content.starts_with(&status) {
        true => content,
        false => format!("{status} {content}").trim_end().to_owned(),
    };
    Response { code, status, text, rest: fields.rest() }
}
