//! `kind = "ndjson"`: lines of JSON in files, or on standard output.

use super::{form, limits};
use crate::{
    config::reader::Section,
    feeders::{
        ndjson::{LineForm, NdjsonConfig, Place},
        sink::Limits,
    },
};
use std::{path::Path, time::Duration};

/// Octets that are written at once, at most.
const OCTETS_MOST: usize = 64 << 20;

pub(super) fn read(table: &Section<'_>, directory: &Path, name: &str) -> NdjsonConfig {
    let right = "must be a directory, or \"-\" for standard output";
    let place: Option<String> = table.parsed("directory", "", right);
    let place = match place.as_deref() {
        Some("-") => Place::Output,
        Some(path) => Place::Directory(path.into()),
        None => Place::Directory(directory.join(name)),
    };
    let octets = table.integer("file_mib_max", 256, 1..=1 << 20, "MiB");
    let minutes = table.integer("file_age_minutes_max", 60, 1..=44_640, "minutes");
    let is_sparkpost = table.choice("format", &[("sparkpost", true), ("mailwake", false)]);
    let sparkpost = form(table);
    let defaults = Limits {
        events_max: 10_000,
        octets_max: 4 << 20,
        age_max: Duration::from_secs(1),
        event_age_max: None,
    };
    NdjsonConfig {
        place,
        name: name.into(),
        octets_max: octets << 20,
        age_max: Duration::from_secs(60 * minutes),
        limits: limits(table, defaults, OCTETS_MOST),
        form: if is_sparkpost { LineForm::SparkPost(sparkpost) } else { LineForm::Mailwake },
    }
}
