//! Identifiers, each a type of its own. What makes them unique (the time, random
//! octets) is a parameter: nothing here reads a clock or draws random numbers.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// Milliseconds since the Unix epoch, UTC. The one form of time in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds in a day.
    pub const DAY_MS: i64 = 86_400_000;

    /// Whole days since the Unix epoch, UTC.
    pub fn day(self) -> i64 {
        self.0.div_euclid(Self::DAY_MS)
    }
}

impl From<std::time::SystemTime> for Timestamp {
    fn from(time: std::time::SystemTime) -> Self {
        let since_epoch = match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()),
            Err(before) => i64::try_from(before.duration().as_millis()).map(|ms| -ms),
        };
        Self(since_epoch.unwrap_or(i64::MAX))
    }
}

/// 2020-01-01T00:00:00Z, from which message ids count their milliseconds.
const MESSAGE_EPOCH_MS: i64 = 1_577_836_800_000;

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be {shape}")]
pub struct IdError {
    kind: &'static str,
    shape: &'static str,
}

/// The id of one message to one recipient: 80 bits, ordered by time, written as 20
/// lower-case hexadecimal characters, which is the shape of SparkPost's `message_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId([u8; 10]);

impl MessageId {
    /// Stands in records of MTAs that do not tell the message id.
    pub const UNKNOWN: Self = Self([0; 10]);

    /// 40 bits of milliseconds since 2020 (enough until 2054) and 40 random bits.
    pub fn new(now: Timestamp, nonce: [u8; 5]) -> Self {
        let milliseconds = (now.0 - MESSAGE_EPOCH_MS).max(0).to_be_bytes();
        let mut octets = [0; 10];
        octets[..5].copy_from_slice(&milliseconds[3..]);
        octets[5..].copy_from_slice(&nonce);
        Self(octets)
    }

    /// When it was made, if it was made by `new`.
    pub fn made_at(&self) -> Timestamp {
        let [a, b, c, d, e, ..] = self.0;
        Timestamp(MESSAGE_EPOCH_MS + i64::from_be_bytes([0, 0, 0, a, b, c, d, e]))
    }

    /// The id with these octets.
    pub fn from_octets(octets: [u8; 10]) -> Self {
        Self(octets)
    }

    /// The id as it is written, in ASCII.
    pub(crate) fn digits(&self) -> [u8; 20] {
        // It stands in every event, and formatting each octet takes five times as long.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 20];
        for (pair, octet) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(octet >> 4)];
            pair[1] = DIGITS[usize::from(octet & 0xf)];
        }
        text
    }

    /// The ten octets of the id.
    pub fn octets(&self) -> &[u8; 10] {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.digits()).expect("hexadecimal digits are ASCII"))
    }
}

impl FromStr for MessageId {
    type Err = IdError;

    /// Refuses anything but 20 lower-case hexadecimal characters.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = IdError { kind: "message id", shape: "20 lower-case hexadecimal characters" };
        let digits = text.as_bytes();
        let is_hex = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 20 || !digits.iter().all(is_hex) {
            return Err(wrong);
        }
        let mut octets = [0; 10];
        for (index, octet) in octets.iter_mut().enumerate() {
            *octet = u8::from_str_radix(&text[2 * index..2 * index + 2], 16)
                .map_err(|_| wrong.clone())?;
        }
        Ok(Self(octets))
    }
}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What all copies of one DATA share: 63 bits, written in decimal (contracts of the
/// SparkPost events API).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransmissionId(u64);

impl TransmissionId {
    /// 40 bits of milliseconds since 2020 and 23 random bits.
    pub fn new(now: Timestamp, nonce: [u8; 3]) -> Self {
        let milliseconds = (now.0 - MESSAGE_EPOCH_MS).max(0).cast_unsigned() & 0xff_ffff_ffff;
        let [a, b, c] = nonce;
        Self(milliseconds << 23 | u64::from(u32::from_be_bytes([0, a & 0x7f, b, c])))
    }
}

impl fmt::Display for TransmissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TransmissionId {
    type Err = IdError;

    /// Refuses anything but a decimal number below 2^63.
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse()
            .ok()
            .filter(|number| *number < 1 << 63)
            .map(Self)
            .ok_or(IdError { kind: "transmission id", shape: "a decimal number below 2^63" })
    }
}

impl Serialize for TransmissionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TransmissionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The id of one event, a UUID of version 7 (RFC 9562 §5.7): ordered by time, and the
/// same however often the event is sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(uuid::Uuid);

impl EventId {
    /// The id of an event that happened `now`; `nonce` is random.
    pub fn new(now: Timestamp, nonce: [u8; 10]) -> Self {
        let milliseconds = now.0.max(0).cast_unsigned();
        Self(uuid::Builder::from_unix_timestamp_millis(milliseconds, &nonce).into_uuid())
    }

    /// The id of an event that a record tells, and that has the same id whenever the record is
    /// read: of the time and `digest`, which is made of what the record is.
    pub fn of_record(at: Timestamp, digest: [u8; 10]) -> Self {
        Self::new(at, digest)
    }

    /// The sixteen octets of the id.
    pub fn octets(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id as it is written, in ASCII.
    pub(crate) fn digits(&self) -> [u8; uuid::fmt::Hyphenated::LENGTH] {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        self.0.hyphenated().encode_lower(&mut text);
        text
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EventId {
    type Err = IdError;

    /// Refuses what is no UUID.
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self).map_err(|_| IdError { kind: "event id", shape: "a UUID" })
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
