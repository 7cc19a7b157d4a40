//! A record of an MTA: what every format comes down to.

use crate::{
    event::{Event, Occurrence},
    ids::{EventId, MessageId, Timestamp},
};

/// What a line, or several, of an MTA's records say happened to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Timestamp,
    /// The message, where the record has the value of our header field. Without it, the queue id
    /// in `occurrence` is what the message is found by.
    pub message_id: Option<MessageId>,
    /// What happened.
    pub occurrence: Occurrence,
}

impl Record {
    /// The event that it is.
    pub fn into_event(self, event_id: EventId) -> Event {
        let message_id = self.message_id.unwrap_or(MessageId::UNKNOWN);
        Event { event_id, timestamp: self.at, message_id, occurrence: self.occurrence }
    }
}

/// Why a line says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct LineError {
    /// What is wrong with it, without its content.
    pub reason: String,
}

/// How records are read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The header field with the message id, in lower case.
    pub message_id_header: String,
    /// The header field with the subaccount, in lower case.
    pub subaccount_header: String,
    /// The time now, for records that do not tell the year.
    pub now: Timestamp,
}

/// Reads the lines of one file or pipe, from its start on. Lines come without their end.
pub trait Parser: Send {
    /// Takes a line, and adds the records that are complete with it. A line that cannot be read
    /// is told, and changes nothing for the others.
    fn line(&mut self, line: &[u8], records: &mut Vec<Record>) -> Result<(), LineError>;
}
