//! What the gateway does against clients that do harm, by malice or by mistake. Numbers of
//! the configuration come in, delays and refusals go out.

use crate::net::network::Network;
use mail::{
    message::header,
    smtp::data::{BareNewlines, DataError},
};
use std::time::Duration;

/// Refused commands in a row that are answered at once: who mistypes is no attacker.
const ERRORS_FREE: usize = 3;

/// What the gateway does against clients that do harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Safety {
    /// Most sessions at a time of one address, or of one network of IPv6; more are told 421.
    pub sessions_per_address_max: usize,
    /// Whose sessions are not counted by address. Those of loopback never are.
    pub exempt: Vec<Network>,
    /// How long a refused command waits for its reply.
    pub tarpit: Tarpit,
    /// What becomes of a bare CR, a bare LF and NUL in content.
    pub newlines: BareNewlines,
    /// Most Received fields of a message; one with more goes round in a loop.
    pub received_max: usize,
}

/// The memory that messages in hand may take together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Most octets of it.
    pub octets_max: usize,
    /// How long a message waits for it.
    pub wait: Duration,
}

/// How long a refused command waits for its reply: longer with each in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tarpit {
    /// How much longer each waits.
    pub step: Duration,
    /// The longest wait.
    pub most: Duration,
}

impl Tarpit {
    /// How long the last one of so many refused commands in a row waits.
    pub(super) fn delay(self, errors: usize) -> Duration {
        let steps = u32::try_from(errors.saturating_sub(ERRORS_FREE)).unwrap_or(u32::MAX);
        self.step.saturating_mul(steps).min(self.most)
    }
}

/// Refuses a message that has come by too many hosts (RFC 5321 §6.3).
pub(super) fn check_hops(content: &[u8], received_max: usize) -> Result<(), DataError> {
    let received = header::fields(content).filter(|field| field.is("Received"));
    match received.take(received_max.saturating_add(1)).count() > received_max {
        true => Err(DataError::TooManyHops),
        false => Ok(()),
    }
}

#[test]
fn delay_grows_with_each_error_in_a_row() {
    let tarpit = Tarpit { step: Duration::from_secs(1), most: Duration::from_secs(5) };
    let seconds = [0, 1, 3, 4, 5, 8, 9, usize::MAX].map(|errors| tarpit.delay(errors).as_secs());
    assert_eq!(seconds, [0, 0, 0, 1, 2, 5, 5, 5]);
}

#[test]
fn hops_are_counted_in_the_header() {
    let message = |received: usize| {
        let fields = "received: by mx.example\r\n\tfor you\r\n".repeat(received);
        format!("{fields}Subject: x\r\n\r\nReceived: no\r\n").into_bytes()
    };
    assert_eq!(check_hops(&message(3), 3), Ok(()));
    assert_eq!(check_hops(&message(4), 3), Err(DataError::TooManyHops));
}
