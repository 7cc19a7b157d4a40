//! `[feeder.NAME]`: where events are brought, each of them by a feeder of its own.

mod ingest;
mod ndjson;
mod redis;
mod webhook;

use super::reader::Section;
use crate::feeders::{
    feeder::{FeederConfig, Filter, Pauses},
    ingest::IngestConfig,
    ndjson::NdjsonConfig,
    redis::RedisSinkConfig,
    secret::Secret,
    sink::Limits,
    webhook::WebhookConfig,
};
use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};
use toml::Value;
use tracking::{
    event::Occurrence,
    sparkpost::{self, Booleans, Names, Times},
};

/// Letters of a name: that of its cursor has a few more.
const NAME_OCTETS_MAX: usize = 48;

/// All feeders, and where they keep what they need.
#[derive(Debug, Clone, Default)]
pub struct FeedersConfig {
    /// The directory.
    pub directory: PathBuf,
    /// Each of them, in the order of their names.
    pub feeders: Vec<Feeder>,
}

/// A feeder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feeder {
    /// What it reads, and how long it tries.
    pub config: FeederConfig,
    /// Where it brings events.
    pub sink: SinkConfig,
}

/// Where a feeder brings events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkConfig {
    /// SparkPost's Ingest API.
    Ingest(Box<IngestConfig>),
    /// Files of lines, or standard output.
    Ndjson(Box<NdjsonConfig>),
    /// A URL of the operator's.
    Webhook(Box<WebhookConfig>),
    /// Redis.
    Redis(Box<RedisSinkConfig>),
}

impl SinkConfig {
    /// Its word in the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ingest(_) => "ingest",
            Self::Ndjson(_) => "ndjson",
            Self::Webhook(_) => "webhook",
            Self::Redis(_) => "redis",
        }
    }
}

/// The kind of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ingest,
    Ndjson,
    Webhook,
    Redis,
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "ingest" => Ok(Self::Ingest),
            "ndjson" => Ok(Self::Ndjson),
            "webhook" => Ok(Self::Webhook),
            "redis" => Ok(Self::Redis),
            _ => Err(()),
        }
    }
}

/// Reads every `[feeder.NAME]`; `root` is the whole file.
pub(super) fn read(
    root: &Section<'_>,
    data_directory: &Path,
    store_directory: &Path,
) -> FeedersConfig {
    let directory = data_directory.join("feeders");
    let directories = (&*directory, store_directory);
    let feeders = root.sections("feeder").into_iter();
    let feeders = feeders.filter_map(|(name, table)| read_feeder(name, &table, directories));
    FeedersConfig { feeders: feeders.collect(), directory: directory.clone() }
}

fn read_feeder(
    name: &str,
    table: &Section<'_>,
    (directory, store_directory): (&Path, &Path),
) -> Option<Feeder> {
    let is_right = |octet: u8| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if !(1..=NAME_OCTETS_MAX).contains(&name.len()) || !name.bytes().all(is_right) {
        table.mistake_of_all(format!(
            "must have a name of at most {NAME_OCTETS_MAX} of a-z, 0-9, - and _"
        ));
    }
    let kind: Option<Kind> =
        table.required("kind", "must be one of \"ingest\", \"ndjson\", \"webhook\", \"redis\"");
    let types: Vec<TypeName> =
        table.list("types", "must be the name of a type of events, such as \"delivery\"");
    let filter = Filter {
        types: types.into_iter().map(|name| name.0).collect(),
        customers: table.list("customers", "must be a name"),
        subaccounts: table.list("subaccounts", "must be the number of one, as a text"),
    };
    let config = FeederConfig {
        name: name.into(),
        directory: directory.into(),
        store_directory: store_directory.into(),
        filter,
        join_wait: milliseconds(table, "join_wait_ms", 5_000, 0..=600_000),
        join_days: table.integer("join_days", 60, 0..=36_500, "days"),
        retry_for: Duration::from_secs(
            3_600 * table.integer("retry_hours", 72, 1..=8_760, "hours"),
        ),
        pauses: Pauses {
            first: milliseconds(table, "retry_pause_ms", 1_000, 1..=60_000),
            longest: Duration::from_secs(table.integer(
                "retry_pause_seconds_max",
                300,
                1..=3_600,
                "seconds",
            )),
        },
    };
    let sink = match kind? {
        Kind::Ingest => SinkConfig::Ingest(Box::new(ingest::read(table)?)),
        Kind::Ndjson => SinkConfig::Ndjson(Box::new(ndjson::read(table, directory, name))),
        Kind::Webhook => SinkConfig::Webhook(Box::new(webhook::read(table)?)),
        Kind::Redis => SinkConfig::Redis(Box::new(redis::read(table)?)),
    };
    Some(Feeder { config, sink })
}

/// The limits of a batch, by keys that all kinds have; `defaults` are those of the kind, and no
/// batch of it is larger than `octets_most`.
fn limits(table: &Section<'_>, defaults: Limits, octets_most: usize) -> Limits {
    let kib = |octets: usize| (octets >> 10) as u64;
    let events = table.count("batch_events_max", defaults.events_max as u64, 1..=100_000, "events");
    let octets =
        table.count("batch_kib_max", kib(defaults.octets_max), 16..=kib(octets_most), "KiB");
    let age = u64::try_from(defaults.age_max.as_millis()).unwrap_or(u64::MAX);
    let hours = defaults.event_age_max.map_or(0, |age| age.as_secs() / 3_600);
    let right = "hours (0: of any age)";
    let hours = table.integer("event_age_hours_max", hours, 0..=87_600, right);
    Limits {
        events_max: events,
        octets_max: octets << 10,
        age_max: milliseconds(table, "batch_age_ms_max", age, 0..=3_600_000),
        event_age_max: (hours > 0).then(|| Duration::from_secs(3_600 * hours)),
    }
}

/// How SparkPost's JSON is written, by keys that all kinds with it have.
fn form(table: &Section<'_>) -> sparkpost::Form {
    sparkpost::Form {
        names: table.choice("names", &[("public", Names::Public), ("internal", Names::Internal)]),
        booleans: table
            .choice("booleans", &[("json", Booleans::Json), ("digits", Booleans::Digits)]),
        times: table.choice(
            "times",
            &[("seconds", Times::Seconds), ("fractions", Times::Fractions), ("iso", Times::Iso)],
        ),
        has_extras: table.boolean("extras", false),
    }
}

fn milliseconds(
    table: &Section<'_>,
    name: &'static str,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Duration {
    Duration::from_millis(table.integer(name, default, range, "milliseconds"))
}

/// A secret, in the file that one key names or in the environment variable that another does:
/// never in the configuration itself. Both are a mistake; without either there is none.
fn secret(
    table: &Section<'_>,
    file_key: &'static str,
    variable_key: &'static str,
) -> Option<Secret> {
    let file: Option<PathBuf> = table.given(file_key, "must be the path of a file");
    let variable: Option<String> =
        table.given(variable_key, "must be the name of an environment variable");
    if let (Some(_), Some(variable)) = (&file, &variable) {
        let right = format!("goes in place of {file_key}, and not with it");
        table.mistake(variable_key, Some(&Value::from(variable.clone())), right);
    }
    file.map(Secret::File).or_else(|| variable.map(Secret::Variable))
}

/// The name of a type of events.
struct TypeName(String);

impl FromStr for TypeName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_known = Occurrence::TYPE_NAMES.contains(&text);
        is_known.then(|| Self(text.into())).ok_or(())
    }
}
