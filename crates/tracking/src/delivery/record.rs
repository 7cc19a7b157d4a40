//! A record of an MTA: what every format comes down to.

use crate::{
    event::{Event, Occurrence},
    ids::{EventId, MessageId, Timestamp},
};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// What a line, or several, of an MTA's records say happened to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
        Event {
            event_id,
            timestamp: self.at,
            message_id,
            occurrence: self.occurrence,
            is_from_elsewhere: false,
        }
    }
}

/// Why a line says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct LineError {
    /// What is wrong with it, without its content.
    pub reason: String,
}

impl LineError {
    /// Of a line with this wrong in it.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// How records are read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The header field with the message id, in lower case.
    pub message_id_header: String,
    /// The header field with the subaccount, in lower case.
    pub subaccount_header: String,
    /// The time now, for records that do not tell theirs, or not the year. `Parser::set_now` tells
    /// a later one.
    pub now: Timestamp,
    /// The zone of times that do not tell theirs.
    pub time_zone: TimeZone,
}

impl Reading {
    /// As records are read where nothing else is configured, with times in UTC.
    pub fn new(now: Timestamp) -> Self {
        Self {
            message_id_header: "x-sp-message-id".into(),
            subaccount_header: "x-sp-subaccount-id".into(),
            now,
            time_zone: TimeZone::UTC,
        }
    }
}

/// Reads the lines of one file or pipe, from its start on. Lines come without their end.
pub trait Parser: Send {
    /// Takes a line, and adds the records that are complete with it. A line that cannot be read
    /// is told, and changes nothing for the others.
    fn line(&mut self, line: &[u8], records: &mut Vec<Record>) -> Result<(), LineError>;

    /// Does the last line end within a record, which goes on in the next one?
    fn is_within_record(&self) -> bool {
        false
    }

    /// Takes the time now, for records that do not tell theirs, or not the year.
    fn set_now(&mut self, _now: Timestamp) {}

    /// No line follows: adds what can be said of a record that is not complete.
    fn end(&mut self, _records: &mut Vec<Record>) -> Result<(), LineError> {
        Ok(())
    }

    /// What it has to know again where reading goes on after a restart: the names of the
    /// columns, the mail under way. Nothing where each line says all by itself.
    fn state(&self) -> Option<String> {
        None
    }

    /// Takes what `state` gave. What cannot be read is passed over: it was of another mailwake.
    fn restore(&mut self, _state: &str) {}
}
