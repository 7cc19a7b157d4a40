//! Values as records write them: times, addresses, message ids.

use super::LineError;
use crate::{
    event::{Attempt, UpstreamReply},
    ids::{MessageId, Timestamp},
};
use jiff::{civil, tz::Offset};
use std::net::{IpAddr, SocketAddr};

/// A number of seconds, also with a fraction, as milliseconds. Refuses negative ones and those
/// beyond the year 9999.
pub(super) fn milliseconds(seconds: &str) -> Option<i64> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let is_digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let digit = |index| fraction.as_bytes().get(index).map_or(0, |digit| i64::from(digit - b'0'));
    let thousandths = digit(0) * 100 + digit(1) * 10 + digit(2);
    (whole <= 253_402_300_799).then_some(whole * 1_000 + thousandths)
}

/// A time: Unix seconds, or a date, a time of day and an offset, as in `2026-09-21
/// 12:00:05+0000`, with or without a fraction, a `T`, a space before the offset, and a colon in
/// it; `Z` is no offset. A time without an offset is none: nobody knows which one it is. Refuses
/// times before 1970.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(milliseconds) = milliseconds(text) {
        return Some(Timestamp(milliseconds));
    }
    let octets = text.as_bytes();
    let number = |from: usize, to: usize| {
        let digits = octets.get(from..to)?;
        let is_number = digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0')))
    };
    let is = |index: usize, wanted: &[u8]| octets.get(index).is_some_and(|o| wanted.contains(o));
    if !(is(4, b"-") && is(7, b"-") && is(10, b" Tt") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let date = civil::Date::new(number(0, 4)?, narrow(number(5, 7)?)?, narrow(number(8, 10)?)?);
    let second = match number(17, 19)? {
        // A leap second is told as the one before it, as Unix time has none.
        60 => 59,
        second => narrow(second)?,
    };
    let (hour, minute) = (narrow(number(11, 13)?)?, narrow(number(14, 16)?)?);
    let behind = text.get(19..)?;
    let end_of_fraction = match behind.strip_prefix(['.', ',']) {
        Some(fraction) => {
            1 + fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len())
        }
        None => 0,
    };
    let digit = |index: usize| {
        let digit = behind.as_bytes().get(index).filter(|_| index < end_of_fraction);
        digit.map_or(0, |digit| i32::from(digit - b'0'))
    };
    let nanosecond = (digit(1) * 100 + digit(2) * 10 + digit(3)) * 1_000_000;
    let offset = offset(behind[end_of_fraction..].trim_start())?;
    let time = civil::Time::new(hour, minute, second, nanosecond).ok()?;
    let timestamp = offset.to_timestamp(date.ok()?.to_datetime(time)).ok()?.as_millisecond();
    (timestamp >= 0).then_some(Timestamp(timestamp))
}

fn narrow(number: i16) -> Option<i8> {
    i8::try_from(number).ok()
}

fn offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.as_bytes() {
        [b'Z' | b'z'] => return Some(Offset::UTC),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits {
        [a, b] => ([*a, *b], [b'0'; 2]),
        [a, b, c, d] | [a, b, b':', c, d] => ([*a, *b], [*c, *d]),
        _ => return None,
    };
    let number = |digits: [u8; 2]| {
        let is_number = digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| i32::from(digits[0] - b'0') * 10 + i32::from(digits[1] - b'0'))
    };
    let seconds = number(hours)? * 3_600 + number(minutes).filter(|minutes| *minutes < 60)? * 60;
    Offset::from_seconds(sign * seconds).ok()
}

/// An address, by itself, in brackets, or with a port behind it.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    bare.parse().ok().or_else(with_port)
}

/// A message id of ours, as a header field carries it. Programs on its way may have put spaces
/// around it, and written its digits in upper case.
pub(super) fn message_id(text: &str) -> Option<MessageId> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.to_ascii_lowercase().parse().ok())
}

/// What remote MTAs say, with what the record says of the attempt.
pub(super) fn reply(
    error_code: u16,
    raw_reason: impl Into<String>,
    queue_id: Option<&str>,
    attempt: Attempt,
) -> UpstreamReply {
    UpstreamReply {
        error_code,
        raw_reason: raw_reason.into(),
        queue_id: queue_id.filter(|id| !id.is_empty()).map(Into::into),
        attempt: Some(Box::new(attempt)),
    }
}

/// A line that is text. Octets that are no UTF-8 are told as U+FFFD.
pub(super) fn text(line: &[u8], octets_max: usize) -> Result<std::borrow::Cow<'_, str>, LineError> {
    match line.len() <= octets_max {
        true => Ok(String::from_utf8_lossy(line)),
        false => Err(LineError::new(format!("the line has more than {octets_max} octets"))),
    }
}

#[cfg(test)]
mod tests;
