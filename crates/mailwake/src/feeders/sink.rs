//! Where a feeder brings events: one shape for the Ingest API, webhooks, Redis and files. A
//! batch goes in; whether it has arrived comes out. What is tried again, split or put aside, the
//! feeder decides, and no sink does.

use std::{future::Future, ops::Range, time::Duration};
use tracking::{
    event::Event,
    ids::{EventId, MessageId},
    message::MessageRecord,
};

/// An event on its way to a sink.
#[derive(Debug, Clone, Copy)]
pub struct FedEvent<'a> {
    /// What happened; its message id is known, where the form needs messages.
    pub event: &'a Event,
    /// What is known of its message.
    pub message: Option<&'a MessageRecord>,
}

/// How large a batch may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Events.
    pub events_max: usize,
    /// Octets of its body, as `Form::append` makes it.
    pub octets_max: usize,
    /// How long its first event waits for others.
    pub age_max: Duration,
    /// Events older than that are not taken by the far side; none if it takes all.
    pub event_age_max: Option<Duration>,
}

/// Events that go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The same however often the batch is sent, also after a crash.
    pub id: uuid::Uuid,
    /// How often it was sent before.
    pub attempts: u32,
    /// Its events, in the order of the log.
    pub items: Vec<Item>,
    /// What `Form::append` made of them, one behind the other.
    pub body: Vec<u8>,
}

/// An event of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The event.
    pub event_id: EventId,
    /// The message it happened to.
    pub message_id: MessageId,
    /// Where it stands in the body.
    pub range: Range<usize>,
}

/// What the far side said of a batch that it took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The status of its answer, where it has one.
    pub status: Option<u16>,
    /// How many of the events it had already, where it tells.
    pub duplicates: u64,
}

/// Why a batch has not arrived, or may not have. Every variant is something else to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nobody knows, or not now: it is sent again, as it is.
    #[error("{reason}")]
    Retry {
        /// What happened, for the operator: no address of a recipient.
        reason: String,
        /// The status of the answer, where there was one.
        status: Option<u16>,
        /// How long the far side wants to be left alone.
        after: Option<Duration>,
    },
    /// The batch is too large: its halves are sent.
    #[error("{reason}")]
    TooLarge {
        /// What the far side said.
        reason: String,
        /// The status of the answer, where there was one.
        status: Option<u16>,
    },
    /// Something in it is not taken: its halves are sent, until the event is found, which is put
    /// aside.
    #[error("{reason}")]
    Refused {
        /// What the far side said.
        reason: String,
        /// The status of the answer.
        status: Option<u16>,
    },
    /// The far side knows us not: an operator has to act, and until then it is tried now and then.
    #[error("{reason}")]
    Unauthorized {
        /// What the far side said.
        reason: String,
        /// The status of the answer.
        status: Option<u16>,
    },
}

/// How events are written for a sink.
pub trait Form: Send {
    /// Appends an event to the body of a batch. False, and nothing is appended, for one that the
    /// sink does not know.
    fn append(&mut self, event: FedEvent<'_>, body: &mut Vec<u8>) -> bool;

    /// Does it need what is known of messages? Where it does not, events go as the log has them,
    /// before the store has applied them, and also those whose message nobody knows.
    fn needs_messages(&self) -> bool {
        true
    }
}

/// A place where batches go. The next one is written, by its form, while one is under way.
pub trait Sink: Send {
    /// How events are written for it.
    type Form: Form;

    /// What it is, in one word of the configuration: `ingest`, `webhook`, `redis`, `ndjson`.
    fn kind(&self) -> &'static str;

    /// How large a batch may become.
    fn limits(&self) -> Limits;

    /// A writer of bodies.
    fn form(&self) -> Self::Form;

    /// Brings a batch to the far side. It has arrived when this gives a receipt, and not before.
    fn send(&mut self, batch: &Batch) -> impl Future<Output = Result<Receipt, SendError>> + Send;

    /// Sees whether the far side is there, before anything is sent. What is wrong is told to the
    /// operator, and changes nothing.
    fn greet(&mut self) -> impl Future<Output = Result<(), SendError>> + Send {
        async { Ok(()) }
    }

    /// Is called now and then while nothing is under way, for what a sink has to do besides.
    fn rest(&mut self) {}
}
