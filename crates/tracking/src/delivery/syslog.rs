//! Lines of syslog (RFC 3164, RFC 5424 and what is in use between), and entries of the journal
//! as `journalctl -o json` and `-o export` write them.

use super::LineError;
use crate::ids::Timestamp;
use jiff::{civil, tz::TimeZone};
use serde::Deserialize;
use serde_json::Value;

/// Octets of an entry of the journal that are kept.
const ENTRY_OCTETS_MAX: usize = 256 << 10;

/// What a program has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) at: Timestamp,
    /// Its name, such as `postfix/smtp`.
    pub(super) tag: String,
    pub(super) text: String,
}

/// Reads lines of syslog or of the journal, whichever they are.
#[derive(Debug)]
pub(super) struct Syslog {
    time_zone: TimeZone,
    /// When the last line was written, or the time now before the first one.
    near: Timestamp,
    has_begun: bool,
    entry: Entry,
}

/// An entry of the journal's export format that is not complete.
#[derive(Debug, Default)]
struct Entry {
    at: Option<Timestamp>,
    tag: String,
    text: String,
    /// A field whose octets may hold line ends: its name, and what is there of it.
    binary: Option<(String, Vec<u8>)>,
}

impl Syslog {
    pub(super) fn new(time_zone: TimeZone, now: Timestamp) -> Self {
        Self { time_zone, near: now, has_begun: false, entry: Entry::default() }
    }

    /// When the last line was written.
    pub(super) fn near(&self) -> Option<Timestamp> {
        self.has_begun.then_some(self.near)
    }

    /// Goes on behind a line of this time.
    pub(super) fn go_on(&mut self, near: Timestamp) {
        (self.near, self.has_begun) = (near, true);
    }

    /// The time now, for the first line: it may come days after reading has begun.
    pub(super) fn set_now(&mut self, now: Timestamp) {
        if !self.has_begun {
            self.near = now;
        }
    }

    /// Is an entry of the journal's export format begun, and not complete?
    pub(super) fn is_within_entry(&self) -> bool {
        self.is_within_field() || self.entry.at.is_some()
    }

    /// Is the next line a part of a field, whatever it looks like?
    pub(super) fn is_within_field(&self) -> bool {
        self.entry.binary.is_some()
    }

    /// The entry that is begun comes to nothing.
    pub(super) fn give_up_entry(&mut self) {
        self.entry = Entry::default();
    }

    /// What is complete with a line; nothing where it is empty, or a part of an entry.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<Option<Said>, LineError> {
        if self.is_within_field() || is_export(line) || (line.is_empty() && self.entry.at.is_some())
        {
            return self.export(line);
        }
        // An entry that was torn is not waited for.
        self.give_up_entry();
        let line = line.trim_ascii_start();
        if line.is_empty() {
            return Ok(None);
        }
        if line.starts_with(b"{") {
            return json(line).map(Some);
        }
        let line = String::from_utf8_lossy(line);
        let (at, rest) = self.time(&line)?;
        (self.near, self.has_begun) = (at, true);
        // The host, then the program with its process id.
        let (_host, rest) = rest.split_once(' ').unwrap_or_default();
        let (tag, text) = tag(rest).ok_or_else(|| LineError::new("no program in the line"))?;
        Ok(Some(Said { at, tag: tag.into(), text: text.into() }))
    }

    fn time<'l>(&self, line: &'l str) -> Result<(Timestamp, &'l str), LineError> {
        let line = priority_stripped(line);
        if line.starts_with(|first: char| first.is_ascii_digit()) {
            let (time, rest) = line.split_once(' ').unwrap_or((line, ""));
            return Ok((self.whole_time(time)?, rest));
        }
        let (time, rest) = line.split_at_checked(15).unwrap_or((line, ""));
        let at = self.time_without_year(time).ok_or_else(|| LineError::new("no time"))?;
        Ok((at, rest.strip_prefix(' ').unwrap_or(rest)))
    }

    /// RFC 3339, or without its zone.
    fn whole_time(&self, time: &str) -> Result<Timestamp, LineError> {
        let whole = time.parse::<jiff::Timestamp>().ok();
        let whole = whole.map(|at| Timestamp(at.as_millisecond()));
        let at = whole.or_else(|| self.of_zone(time.parse().ok()?));
        at.ok_or_else(|| LineError::new("no time"))
    }

    /// A time that does not tell its zone.
    pub(super) fn of_zone(&self, time: civil::DateTime) -> Option<Timestamp> {
        let at = self.time_zone.to_ambiguous_timestamp(time).compatible().ok()?;
        Some(Timestamp(at.as_millisecond()))
    }

    /// RFC 3164 §4.1.2, `Apr  5 16:41:54`. The year is the last one in which that was not to
    /// come; later, the one that is nearest to the line before.
    fn time_without_year(&self, time: &str) -> Option<Timestamp> {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let mut words = time.split_ascii_whitespace();
        let (month, day, clock) = (words.next()?, words.next()?, words.next()?);
        let month = MONTHS.iter().position(|name| *name == month)?;
        let month = i8::try_from(month + 1).ok()?;
        let clock: civil::Time = clock.parse().ok()?;
        let near = jiff::Timestamp::from_millisecond(self.near.0).ok()?;
        let year = near.to_zoned(self.time_zone.clone()).year();
        let candidates = [year + 1, year, year - 1].into_iter().filter_map(|year| {
            // The 29th of February is none in most years.
            let date = civil::Date::new(year, month, day.parse().ok()?).ok()?;
            let at = self.time_zone.to_ambiguous_timestamp(date.to_datetime(clock));
            Some(Timestamp(at.compatible().ok()?.as_millisecond()))
        });
        if self.has_begun {
            return candidates.min_by_key(|at| at.0.abs_diff(self.near.0));
        }
        // Clocks differ.
        let latest = Timestamp(self.near.0 + Timestamp::DAY_MS);
        let mut candidates: Vec<_> = candidates.collect();
        candidates.sort_unstable();
        candidates.iter().rev().find(|at| **at <= latest).or(candidates.first()).copied()
    }

    /// A line of the journal's export format. An entry ends with an empty line.
    fn export(&mut self, line: &[u8]) -> Result<Option<Said>, LineError> {
        if let Some((name, mut octets)) = self.entry.binary.take() {
            octets.extend_from_slice(line);
            let wanted = octets.first_chunk().map(|length| u64::from_le_bytes(*length));
            let is_short =
                wanted.is_none_or(|wanted| (octets.len() as u64) < wanted.saturating_add(8));
            if is_short && octets.len() < ENTRY_OCTETS_MAX {
                octets.push(b'\n');
                self.entry.binary = Some((name, octets));
            } else {
                let text = String::from_utf8_lossy(octets.get(8..).unwrap_or_default());
                self.entry.take(&name, &text);
            }
            return Ok(None);
        }
        if line.is_empty() {
            let entry = std::mem::take(&mut self.entry);
            let at =
                entry.at.ok_or_else(|| LineError::new("an entry of the journal without time"))?;
            (self.near, self.has_begun) = (at, true);
            return Ok(Some(Said { at, tag: entry.tag, text: entry.text }));
        }
        let line = String::from_utf8_lossy(line);
        match line.split_once('=') {
            Some((name, value)) => self.entry.take(name, value),
            None => self.entry.binary = Some((line.into_owned(), Vec::new())),
        }
        Ok(None)
    }
}

impl Entry {
    fn take(&mut self, name: &str, value: &str) {
        match name {
            "__REALTIME_TIMESTAMP" => self.at = microseconds(value),
            "SYSLOG_IDENTIFIER" => self.tag = value.into(),
            "MESSAGE" => self.text = value.into(),
            _ => {}
        }
    }
}

/// Names of the journal's fields are of capitals; lines of syslog begin otherwise.
fn is_export(line: &[u8]) -> bool {
    let name = line.split(|octet| *octet == b'=').next().unwrap_or_default();
    let is_name =
        |octet: &u8| octet.is_ascii_uppercase() || octet.is_ascii_digit() || *octet == b'_';
    let begins = |octet: &u8| octet.is_ascii_uppercase() || *octet == b'_';
    name.len() > 1 && name.first().is_some_and(begins) && name.iter().all(is_name)
}

fn microseconds(digits: &str) -> Option<Timestamp> {
    digits.parse::<i64>().ok().map(|microseconds| Timestamp(microseconds / 1_000))
}

/// An entry as `journalctl -o json` writes it.
fn json(line: &[u8]) -> Result<Said, LineError> {
    #[derive(Deserialize)]
    struct JournalEntry {
        #[serde(rename = "__REALTIME_TIMESTAMP")]
        time: String,
        #[serde(rename = "SYSLOG_IDENTIFIER", default)]
        tag: Value,
        #[serde(rename = "MESSAGE", default)]
        text: Value,
    }
    let entry: JournalEntry = serde_json::from_slice(line).map_err(|error| {
        LineError::new(format!("no entry of the journal: {:?}", error.classify()))
    })?;
    let at = microseconds(&entry.time)
        .ok_or_else(|| LineError::new("an entry of the journal without time"))?;
    Ok(Said { at, tag: text_of(&entry.tag), text: text_of(&entry.text) })
}

/// A field: a text, or a list of octets where it is not UTF-8.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(octets) => {
            let octet = |value: &Value| value.as_u64().and_then(|octet| u8::try_from(octet).ok());
            let octets: Vec<u8> = octets.iter().filter_map(octet).collect();
            String::from_utf8_lossy(&octets).into_owned()
        }
        _ => String::new(),
    }
}

/// `<22>1 ` of RFC 5424, or `<22>` of RFC 3164, as files of some programs have it.
fn priority_stripped(line: &str) -> &str {
    let Some((_, rest)) = line.strip_prefix('<').and_then(|rest| rest.split_once('>')) else {
        return line;
    };
    rest.strip_prefix("1 ").unwrap_or(rest)
}

/// `postfix/smtp[123]: text`, or `postfix/smtp 123 - - text` of RFC 5424.
fn tag(rest: &str) -> Option<(&str, &str)> {
    let end = rest.find(['[', ':', ' '])?;
    let (tag, after) = rest.split_at(end);
    let text = match after.split_once(": ") {
        Some((id, text)) if id.is_empty() || (id.starts_with('[') && id.ends_with(']')) => text,
        _ if after.starts_with(' ') => after.splitn(5, ' ').nth(4)?,
        _ => return None,
    };
    (!tag.is_empty()).then_some((tag, text.strip_prefix("\u{feff}").unwrap_or(text)))
}

#[cfg(test)]
mod tests;
