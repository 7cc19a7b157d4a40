//! The fields of an event as SparkPost types them: nearly all are strings, numbers among them.

use super::{Booleans, Form, Times};
use crate::{event::Metadata, ids::Timestamp, json};
use std::{fmt::Display, io::Write};

/// Appends fields to an object that has one already.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pub(super) to: &'a mut Vec<u8>,
    pub(super) form: Form,
}

impl Fields<'_> {
    pub(super) fn text(&mut self, name: &str, value: &str) {
        json::name(name, self.to);
        json::text(value, self.to);
    }

    pub(super) fn text_if_any(&mut self, name: &str, value: &str) {
        json::text_if_any(name, value, self.to);
    }

    /// A string of several parts, none of which needs an escape.
    pub(super) fn plain(&mut self, name: &str, value: impl Display) {
        json::name(name, self.to);
        write!(self.to, "\"{value}\"").expect("a Vec takes every write");
    }

    pub(super) fn plain_if_any(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.plain(name, value);
        }
    }

    /// A string, its ASCII in lower case.
    pub(super) fn lower_case(&mut self, name: &str, value: &str) {
        match value.bytes().any(|octet| octet.is_ascii_uppercase()) {
            true => self.text(name, &value.to_ascii_lowercase()),
            false => self.text(name, value),
        }
    }

    pub(super) fn boolean(&mut self, name: &str, value: bool) {
        json::name(name, self.to);
        self.to.extend_from_slice(match (self.form.booleans, value) {
            (Booleans::Json, true) => b"true",
            (Booleans::Json, false) => b"false",
            (Booleans::Digits, true) => b"\"1\"",
            (Booleans::Digits, false) => b"\"0\"",
        });
    }

    /// The time of an event, as the form wants it.
    pub(super) fn time(&mut self, name: &str, at: Timestamp) {
        let (seconds, milliseconds) = (at.0.div_euclid(1_000), at.0.rem_euclid(1_000));
        match self.form.times {
            Times::Seconds => self.plain(name, seconds),
            Times::Fractions => self.plain(name, format_args!("{seconds}.{milliseconds:03}")),
            Times::Iso => self.iso(name, at, "+00:00"),
        }
    }

    /// A time by ISO 8601, with milliseconds.
    pub(super) fn iso(&mut self, name: &str, at: Timestamp, zone: &str) {
        let (year, month, day) = civil(at.day());
        let of_day = at.0.rem_euclid(Timestamp::DAY_MS);
        let (seconds, milliseconds) = (of_day / 1_000, of_day % 1_000);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        self.plain(
            name,
            format_args!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}\
                 {zone}"
            ),
        );
    }

    /// An object of the sender's own.
    pub(super) fn metadata(&mut self, name: &str, value: &Metadata) {
        match value.is_empty() {
            true => {
                json::name(name, self.to);
                self.to.extend_from_slice(b"{}");
            }
            false => json::field(name, value, self.to),
        }
    }

    pub(super) fn texts(&mut self, name: &str, values: &[String]) {
        json::name(name, self.to);
        self.to.push(b'[');
        for (place, value) in values.iter().enumerate() {
            if place > 0 {
                self.to.push(b',');
            }
            json::text(value, self.to);
        }
        self.to.push(b']');
    }

    /// An object with fields of its own; none where it would be empty.
    pub(super) fn object_if_any(&mut self, name: &str, fields: impl FnOnce(&mut Fields<'_>)) {
        let before = self.to.len();
        json::name(name, self.to);
        let start = self.to.len();
        fields(self);
        // Each field begins with a comma, and the first one's is where the brace has to be.
        match self.to.get_mut(start) {
            Some(comma) => *comma = b'{',
            None => return self.to.truncate(before),
        }
        self.to.push(b'}');
    }
}

/// Year, month and day of a day since the Unix epoch (the Gregorian calendar, whose 400 years
/// have 146,097 days; years begin with March, so that the leap day comes last).
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let is_next_year = i64::from(month >= 10);
    (era * 400 + year_of_era + is_next_year, (month + 2) % 12 + 1, of_month)
}

#[cfg(test)]
mod tests {
    use super::civil;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn days_are_those_of_the_calendar(day in -3_000_000_i64..2_000_000) {
            prop_assume!((-4_371_587..2_932_896).contains(&day));
            let time = jiff::Timestamp::from_second(day * 86_400).expect("a time");
            let date = jiff::tz::Offset::UTC.to_datetime(time).date();
            let wanted = (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
            prop_assert_eq!(civil(day), wanted);
        }
    }
}
