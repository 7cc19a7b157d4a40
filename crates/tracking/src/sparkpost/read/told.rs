//! The fields of an event that was written elsewhere: looked up by name, read by what they
//! should be.

use super::ReadError;
use crate::ids::Timestamp;
use serde_json::{Map, Value};
use std::{borrow::Cow, net::IpAddr, str::FromStr};

/// Seconds of the last time that can be written with a year of four digits.
const SECONDS_MAX: i64 = 253_402_300_799;

/// The fields of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Told<'a> {
    /// A string that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn string(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_owned()
    }

    /// A string, or a number as it stands there.
    pub(super) fn text_or_number(&self, name: &str) -> Option<Cow<'a, str>> {
        match self.0.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.into()),
            Value::Number(number) => Some(number.to_string().into()),
            _ => None,
        }
    }

    /// What a string or a number says; none where there is no such field, or an empty one.
    pub(super) fn parsed<T: Wanted>(&self, name: &'static str) -> Result<Option<T>, ReadError> {
        let wrong = ReadError::Field { name, wanted: T::WANTED };
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(_) => {
                let text = self.text_or_number(name);
                text.and_then(|text| text.parse().ok()).map(Some).ok_or(wrong)
            }
        }
    }

    /// `true`, `"true"`, `"1"` and 1 are the same.
    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        match self.0.get(name)? {
            Value::Bool(value) => Some(*value),
            _ => match self.text_or_number(name)?.as_ref() {
                "1" | "true" => Some(true),
                "0" | "false" => Some(false),
                _ => None,
            },
        }
    }

    pub(super) fn address(&self, name: &str) -> Option<IpAddr> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    pub(super) fn object(
        &self,
        name: &'static str,
    ) -> Result<Option<&'a Map<String, Value>>, ReadError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(ReadError::Field { name, wanted: "an object" }),
        }
    }

    pub(super) fn texts(&self, name: &'static str) -> Result<Vec<String>, ReadError> {
        let wrong = || ReadError::Field { name, wanted: "an array of strings" };
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(values)) => {
                let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or_else(wrong)
            }
            Some(_) => Err(wrong()),
        }
    }

    /// A time: Unix seconds, as a string or a number, whole or with a fraction; or by ISO 8601.
    pub(super) fn time(&self, name: &'static str) -> Result<Timestamp, ReadError> {
        let text = self.text_or_number(name);
        text.as_deref()
            .and_then(|text| seconds(text).or_else(|| iso(text)))
            .filter(|at| (0..=SECONDS_MAX * 1_000 + 999).contains(&at.0))
            .ok_or(ReadError::Field { name, wanted: "Unix seconds, or a time by ISO 8601" })
    }
}

fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|o| o.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let milliseconds: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    let whole: i64 = whole.parse().ok()?;
    Some(Timestamp(whole.checked_mul(1_000)?.checked_add(milliseconds)?))
}

fn iso(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|time| Timestamp(time.as_millisecond()))
}

/// What a text is read as, and what it has to be.
pub(super) trait Wanted: FromStr {
    const WANTED: &'static str;
}

impl Wanted for u8 {
    const WANTED: &'static str = "a number up to 255";
}

impl Wanted for u16 {
    const WANTED: &'static str = "the code of a reply";
}

impl Wanted for u32 {
    const WANTED: &'static str = "a number below 2^32";
}

impl Wanted for u64 {
    const WANTED: &'static str = "a number below 2^64";
}

impl Wanted for crate::ids::MessageId {
    const WANTED: &'static str = "20 lower-case hexadecimal characters";
}

impl Wanted for crate::ids::TransmissionId {
    const WANTED: &'static str = "a decimal number below 2^63";
}
