//! The clock and the randomness that ids are made of.

use std::time::SystemTime;
use tracking::{
    event::{Event, Occurrence},
    ids::{EventId, MessageId, Timestamp, TransmissionId},
};

/// Random octets of the system.
fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    aws_lc_rs::rand::fill(&mut octets).expect("the system gives random octets once it has started");
    octets
}

/// Octets that nobody has had before.
pub(super) fn octets() -> [u8; 16] {
    random()
}

pub(super) fn now() -> Timestamp {
    SystemTime::now().into()
}

pub(super) fn message_id(now: Timestamp) -> MessageId {
    MessageId::new(now, random())
}

pub(super) fn transmission_id(now: Timestamp) -> TransmissionId {
    TransmissionId::new(now, random())
}

/// An event that happens now.
pub(super) fn event(message_id: MessageId, occurrence: Occurrence) -> Event {
    let timestamp = now();
    Event { event_id: EventId::new(timestamp, random()), timestamp, message_id, occurrence }
}
