//! A message as it is known after its reception: what feeders put to its events.

use crate::{
    event::{Attempt, Reception},
    ids::{MessageId, Timestamp},
};

/// What is known of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecord {
    /// The message.
    pub message_id: MessageId,
    /// When the gateway had it ready.
    pub received_at: Timestamp,
    /// When upstream took it over, if it did.
    pub injected_at: Option<Timestamp>,
    /// What its reception says.
    pub reception: Reception,
    /// What the last record of an MTA says of it.
    pub attempt: Option<Attempt>,
}
