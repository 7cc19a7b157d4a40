//! One line of Exim's main log, taken apart.

use crate::{
    delivery::{LineError, syslog::Syslog},
    ids::Timestamp,
};
use jiff::{civil, tz::Offset};
use std::{borrow::Cow, net::IpAddr};

/// What a line says of a message.
#[derive(Debug)]
pub(super) struct Line<'l> {
    pub(super) id: &'l str,
    pub(super) what: What<'l>,
}

#[derive(Debug)]
pub(super) enum What<'l> {
    Arrival(Arrival<'l>),
    Try(Box<Try<'l>>),
    /// Nobody is left to deliver it to.
    Completed,
}

/// `<=`
#[derive(Debug)]
pub(super) struct Arrival<'l> {
    pub(super) from: &'l str,
    pub(super) size: Option<u64>,
    /// Exim has made it, about another message.
    pub(super) is_notification: bool,
    pub(super) login: &'l str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// `=>`, `->`, and `>>` for what went through while it came in.
    Delivered,
    /// `==`
    Deferred,
    /// `**`
    Failed,
}

/// An attempt for one recipient.
#[derive(Debug)]
pub(super) struct Try<'l> {
    pub(super) way: Way,
    /// Where it went in the end.
    pub(super) address: &'l str,
    /// Whom it came for, where that is another.
    pub(super) original: Option<&'l str>,
    pub(super) fields: Fields<'l>,
    /// Why it failed.
    pub(super) reason: &'l str,
}

impl Try<'_> {
    /// Whom the message came for.
    pub(super) fn recipient(&self) -> &str {
        self.original.unwrap_or(self.address)
    }
}

/// The fields of an attempt. What the line does not have is empty.
#[derive(Debug, Default)]
pub(super) struct Fields<'l> {
    pub(super) from: &'l str,
    pub(super) router: &'l str,
    pub(super) transport: &'l str,
    pub(super) host: &'l str,
    pub(super) address: Option<IpAddr>,
    pub(super) interface: Option<IpAddr>,
    pub(super) tls: &'l str,
    pub(super) confirmation: String,
    pub(super) size: Option<u64>,
    pub(super) queue_time_ms: Option<u64>,
    pub(super) delivery_time: &'l str,
}

/// The time at the start of a line, `2026-11-22 09:00:00.123 +0100`, and what follows, without
/// `[process]`. None where a line does not begin so.
pub(super) fn own_time<'l>(
    line: &'l [u8],
    syslog: &Syslog,
) -> Result<Option<(Timestamp, Cow<'l, str>)>, LineError> {
    // In the form of RFC 3339 a T would stand there.
    if line.get(10) != Some(&b' ') || !line.starts_with(b"2") {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(line);
    let wrong = || LineError::new("no time");
    let mut words = text.splitn(3, ' ');
    let (date, clock) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let time: civil::DateTime = format!("{date}T{clock}").parse().map_err(|_| wrong())?;
    let mut rest = words.next().unwrap_or_default();
    let zone = rest.split(' ').next().and_then(offset);
    let at = match zone {
        Some(offset) => {
            rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
            offset.to_timestamp(time).ok().map(|at| Timestamp(at.as_millisecond()))
        }
        None => syslog.of_zone(time),
    };
    let rest = match rest.split_once("] ") {
        Some((process, rest)) if process.starts_with('[') => rest,
        _ => rest,
    };
    Ok(Some((at.ok_or_else(wrong)?, rest.to_owned().into())))
}

/// `+0100`
fn offset(word: &str) -> Option<Offset> {
    let (sign, digits) = word.split_at_checked(1)?;
    let sign = match sign {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let is_offset = digits.len() == 4 && digits.bytes().all(|octet| octet.is_ascii_digit());
    let number: i32 = digits.parse().ok().filter(|_| is_offset)?;
    Offset::from_seconds(sign * (number / 100 * 3_600 + number % 100 * 60)).ok()
}

/// What a line says behind its time, if it is about a message that comes or goes.
pub(super) fn read(text: &str) -> Result<Option<Line<'_>>, LineError> {
    let Some((id, rest)) = text.split_once(' ') else { return Ok(None) };
    if !is_id(id) {
        return Ok(None);
    }
    let (mark, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let way = match mark {
        "<=" => return Ok(Some(Line { id, what: What::Arrival(arrival(rest)) })),
        "Completed" => return Ok(Some(Line { id, what: What::Completed })),
        "=>" | "->" | ">>" => Way::Delivered,
        "==" => Way::Deferred,
        "**" => Way::Failed,
        // `*>` was not delivered, for it was asked not to.
        _ => return Ok(None),
    };
    let Some(attempt) = attempt(way, rest)? else { return Ok(None) };
    Ok(Some(Line { id, what: What::Try(Box::new(attempt)) }))
}

/// Six, six and two letters or digits; since 4.97 six, eleven and four.
fn is_id(word: &str) -> bool {
    let mut parts = word.split('-');
    let lengths = [(); 3].map(|()| parts.next().unwrap_or_default().len());
    let is_of_letters = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    ([6, 6, 2] == lengths || [6, 11, 4] == lengths)
        && parts.next().is_none()
        && word.bytes().all(is_of_letters)
}

fn arrival(rest: &str) -> Arrival<'_> {
    let (from, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (mut size, mut refers, mut login) = (None, false, "");
    let mut words = Words(rest);
    while let Some((name, value)) = words.next_field() {
        match name {
            "S" => size = value.parse().ok(),
            // Of a notification, the message that it is about.
            "R" => refers = is_id(value),
            "A" => login = value.split_once(':').map_or("", |(_, login)| login),
            _ => {}
        }
    }
    let is_null = from == "<>";
    let from = if is_null { "" } else { from };
    Arrival { from, size, is_notification: is_null && refers, login }
}

fn attempt(way: Way, rest: &str) -> Result<Option<Try<'_>>, LineError> {
    let (address, rest) =
        address(rest).ok_or_else(|| LineError::new("an attempt without an address"))?;
    // `** bob@example.com: Unrouteable address`
    if let Some(address) = address.strip_suffix(':').filter(|_| way != Way::Delivered) {
        let (fields, original) = (Fields::default(), None);
        return Ok(Some(Try { way, address, original, fields, reason: rest }));
    }
    let mut words = Words(rest);
    let original = words.original();
    // `=> ann <ann@example.com>` of a local delivery.
    let mut fields = Fields::default();
    loop {
        if let Some(reason) = words.0.strip_prefix(": ") {
            return Ok(Some(Try { way, address, original, fields, reason }));
        }
        let Some((name, value)) = words.next_field() else { break };
        match name {
            "F" => fields.from = value.trim_start_matches('<').trim_end_matches('>'),
            "R" => fields.router = value,
            "T" => fields.transport = value,
            "S" => fields.size = value.parse().ok(),
            "H" => {
                fields.host = value;
                fields.address = words.bracketed();
            }
            "I" => fields.interface = bracketed(value).0,
            "X" => fields.tls = value,
            "C" => fields.confirmation = unescaped(value),
            "QT" => fields.queue_time_ms = milliseconds(value),
            "DT" => fields.delivery_time = value,
            // Nothing was tried: it is not time yet.
            "defer" if ["(-51)", "(-52)", "(-53)"].contains(&value) => return Ok(None),
            _ => {}
        }
    }
    if way != Way::Delivered {
        return Err(LineError::new("a failure without its reason"));
    }
    Ok(Some(Try { way, address, original, fields, reason: "" }))
}

/// The first address, whose local part may be quoted, and what follows.
fn address(rest: &str) -> Option<(&str, &str)> {
    let quoted = rest.strip_prefix('"').and_then(|inside| {
        let end = quote_end(inside)?;
        Some(end + 2)
    });
    let from = quoted.unwrap_or(0);
    // A pipe or file has spaces as it likes; then comes whom it was for.
    let end = match rest.starts_with(['|', '/', ':']) {
        true => rest.find(" <").unwrap_or(rest.len()),
        false => rest[from..].find(' ').map_or(rest.len(), |end| from + end),
    };
    let (address, rest) = rest.split_at(end);
    (!address.is_empty()).then(|| (address, rest.strip_prefix(' ').unwrap_or(rest)))
}

/// Where a quoted text ends whose first quote is gone.
fn quote_end(inside: &str) -> Option<usize> {
    let mut is_escaped = false;
    inside.bytes().position(|octet| {
        let ends = octet == b'"' && !is_escaped;
        is_escaped = octet == b'\\' && !is_escaped;
        ends
    })
}

fn unescaped(text: &str) -> String {
    text.replace("\\\"", "\"")
}

/// The words of a line, from the left on. What is left begins with `: ` where a reason comes.
struct Words<'l>(&'l str);

impl<'l> Words<'l> {
    /// `(parent) <original>` behind the address, the last of which it came for.
    fn original(&mut self) -> Option<&'l str> {
        let mut original = None;
        loop {
            let (open, close) = match self.0.as_bytes().first() {
                Some(b'(') => ('(', ')'),
                Some(b'<') => ('<', '>'),
                _ => return original,
            };
            let inside = self.0.strip_prefix(open)?;
            let (address, rest) = inside.split_once(close)?;
            original = (open == '<').then_some(address).or(original);
            self.0 = rest.strip_prefix(' ').unwrap_or(rest);
        }
    }

    /// The next field, a word without `=` having the next word for its value.
    fn next_field(&mut self) -> Option<(&'l str, &'l str)> {
        loop {
            let text = self.0.trim_start_matches(' ');
            if text.is_empty() || self.0.starts_with(": ") {
                self.0 = text;
                return None;
            }
            let end = text.find(' ').unwrap_or(text.len());
            let word = &text[..end];
            if let Some((name, value)) = word.split_once('=') {
                if let Some(inside) = value.strip_prefix('"') {
                    let at = name.len() + 2;
                    let end = quote_end(&text[at..])?;
                    self.0 = &text[at + end + 1..];
                    return Some((name, &text[at..at + end])).filter(|_| !inside.is_empty());
                }
                return Some((name, self.up_to_reason(text, end, name.len() + 1)));
            }
            if word == "defer" {
                let rest = text[end..].trim_start_matches(' ');
                let end = rest.find(' ').unwrap_or(rest.len());
                return Some(("defer", self.up_to_reason(rest, end, 0)));
            }
            // `[192.0.2.7]:` of a host that was passed over, or a word of no meaning here.
            self.0 = match word.strip_suffix(':') {
                // Without anything behind it, it would come again and again.
                Some(_) if end < text.len() => &text[end - 1..],
                _ => &text[end..],
            };
            if self.0.starts_with(": ") {
                return Some(("", ""));
            }
        }
    }

    /// The word up to `end`, from `start` on; a colon at its end begins the reason.
    fn up_to_reason(&mut self, text: &'l str, end: usize, start: usize) -> &'l str {
        let has_reason = text[..end].ends_with(':') && end > start && text.len() > end;
        let end = if has_reason { end - 1 } else { end };
        self.0 = &text[end..];
        &text[start..end]
    }

    /// `[192.0.2.7]:25` behind the name of a host, and what it called itself before.
    fn bracketed(&mut self) -> Option<IpAddr> {
        let mut text = self.0.trim_start_matches(' ');
        if text.starts_with('(') {
            text = text.split_once(") ").map_or("", |(_, rest)| rest);
        }
        let (address, rest) = bracketed(text);
        if address.is_some() {
            self.0 = rest;
        }
        address
    }
}

/// `[ADDRESS]` with a port or without, and what follows.
fn bracketed(text: &str) -> (Option<IpAddr>, &str) {
    let Some((address, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) else {
        return (None, text);
    };
    let port = rest.strip_prefix(':').map_or(0, |rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 { digits + 1 } else { 0 }
    });
    (address.parse().ok(), &rest[port..])
}

/// `1d2h3m4s`, `0.123s`, or a number of seconds.
fn milliseconds(text: &str) -> Option<u64> {
    let mut sum = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..end].parse().ok()?;
        let (unit, after) = rest[end..].split_at_checked(1).unwrap_or(("s", ""));
        let seconds = match unit {
            "w" => 604_800.0,
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            _ => return None,
        };
        sum += number * seconds;
        rest = after;
    }
    (0.0..1e12).contains(&sum).then(|| (sum * 1e3).round() as u64)
}
