//! How a line looks.

use crate::feeders::{
    form::SparkPost,
    sink::{FedEvent, Form},
};
use serde::Serialize;
use std::sync::Arc;
use tracking::{
    bounce::Rules,
    event::{self, Reception},
    ids::Timestamp,
    sparkpost,
};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineForm {
    /// As SparkPost writes events.
    SparkPost(sparkpost::Form),
    /// As mailwake keeps them (`docs/events.md`), every type there is, with what is known of the
    /// message under `message`.
    Mailwake,
}

/// Writes lines.
pub enum Line {
    /// SparkPost's.
    SparkPost(Box<SparkPost>),
    /// Those of mailwake.
    Mailwake,
}

/// What a line of mailwake's tells of the message.
#[derive(Serialize)]
struct Message<'m> {
    received_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    injected_at: Option<Timestamp>,
    #[serde(flatten)]
    reception: &'m Reception,
}

impl Line {
    pub(super) fn new(form: LineForm, rules: Arc<Rules>) -> Self {
        match form {
            LineForm::SparkPost(form) => {
                Self::SparkPost(Box::new(SparkPost::new(rules, form, "\n")))
            }
            LineForm::Mailwake => Self::Mailwake,
        }
    }
}

impl Form for Line {
    fn append(&mut self, fed: FedEvent<'_>, body: &mut Vec<u8>) -> bool {
        match self {
            Self::SparkPost(form) => form.append(fed, body),
            Self::Mailwake => {
                append(fed, body);
                true
            }
        }
    }
}

fn append(fed: FedEvent<'_>, body: &mut Vec<u8>) {
    let start = body.len();
    event::encode_to(fed.event, body);
    // The stored form is an octet with the version, and an object.
    body.remove(start);
    let is_reception = matches!(fed.event.occurrence, event::Occurrence::Reception(_));
    if let Some(message) = fed.message.filter(|_| !is_reception) {
        let message = Message {
            received_at: message.received_at,
            injected_at: message.injected_at,
            reception: &message.reception,
        };
        body.pop();
        body.extend_from_slice(b",\"message\":");
        serde_json::to_writer(&mut *body, &message).expect("a Vec takes every write");
        body.push(b'}');
    }
    body.push(b'\n');
}
