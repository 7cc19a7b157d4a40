//! The clock and the randomness that ids are made of. Randomness is the system's, which may
//! have none to give; then there are no ids, and no message is taken.

use std::time::SystemTime;
use tracking::{
    event::{Event, Occurrence},
    ids::{EventId, MessageId, Timestamp, TransmissionId},
};

/// Why there is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random octets")]
pub struct NoRandomness;

/// Where random octets come from: it fills all of the slice.
pub type Randomness = fn(&mut [u8]) -> Result<(), NoRandomness>;

/// The randomness of the system.
pub fn system_randomness(octets: &mut [u8]) -> Result<(), NoRandomness> {
    aws_lc_rs::rand::fill(octets).map_err(|_| NoRandomness)
}

/// Makes ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    randomness: Randomness,
}

impl Stamp {
    pub(super) fn new(randomness: Randomness) -> Self {
        Self { randomness }
    }

    fn random<const N: usize>(self) -> Result<[u8; N], NoRandomness> {
        let mut octets = [0; N];
        (self.randomness)(&mut octets)?;
        Ok(octets)
    }

    pub(super) fn message_id(self, now: Timestamp) -> Result<MessageId, NoRandomness> {
        Ok(MessageId::new(now, self.random()?))
    }

    pub(super) fn transmission_id(self, now: Timestamp) -> Result<TransmissionId, NoRandomness> {
        Ok(TransmissionId::new(now, self.random()?))
    }

    /// An event that happens now.
    pub(super) fn event(
        self,
        message_id: MessageId,
        occurrence: Occurrence,
    ) -> Result<Event, NoRandomness> {
        let timestamp = now();
        let event_id = EventId::new(timestamp, self.random()?);
        Ok(Event { event_id, timestamp, message_id, occurrence, is_from_elsewhere: false })
    }
}

/// Octets that nobody has had before, or at least nobody while the system has none to give.
pub(super) fn octets() -> [u8; 16] {
    let mut octets = [0; 16];
    if system_randomness(&mut octets).is_err() {
        octets[..8].copy_from_slice(&now().0.to_be_bytes());
    }
    octets
}

pub(super) fn now() -> Timestamp {
    SystemTime::now().into()
}
