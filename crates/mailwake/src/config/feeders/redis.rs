//! `kind = "redis"`: streams, or the list of the Go reference.

use super::limits;
use crate::{
    config::{
        reader::Section,
        redis::{KEY_NAME, KeyName, LayoutName, connection, streams},
    },
    feeders::{
        redis::{Durability, Layout, ListConfig, RedisSinkConfig, StreamsConfig},
        sink::Limits,
    },
};
use std::time::Duration;
use tracking::trk_queue;

/// Octets of a batch: a script with more takes a server's time from others.
const OCTETS_MOST: usize = 16 << 20;

/// Seconds of a day.
const DAY: u64 = 86_400;

pub(super) fn read(table: &Section<'_>) -> Option<RedisSinkConfig> {
    let redis = connection(table);
    let layout = table.choice("layout", &LayoutName::WORDS);
    let queue: Option<KeyName> = table.parsed("queue", trk_queue::QUEUE, KEY_NAME);
    let days = trk_queue::MESSAGE_KEPT_FOR.as_secs() / DAY;
    let days = table.integer("message_key_days", days, 0..=3_650, "days (0: no keys)");
    let (prefix, shards) = streams(table);
    let entries = "entries (0: all)";
    let entries_max = table.integer("stream_entries_max", 0, 0..=1 << 40, entries);
    let has_sparkpost = table.boolean("sparkpost", false);
    let replicas = table.integer("replicas", 0, 0..=100, "replicas");
    let is_on_disk = table.boolean("wait_for_disk", false);
    let defaults = Limits {
        events_max: 1_000,
        octets_max: 1 << 20,
        age_max: Duration::from_millis(200),
        event_age_max: None,
    };
    let limits = limits(table, defaults, OCTETS_MOST);
    for name in ["customers", "subaccounts"] {
        if layout == LayoutName::Streams && !has_sparkpost && table.has(name) {
            let right = "goes with sparkpost = true: otherwise events are not joined with messages";
            table.mistake(name, None, right);
        }
    }
    let layout = match layout {
        LayoutName::List => Layout::List(ListConfig {
            queue: queue?.0,
            message_kept_for: (days > 0).then(|| Duration::from_secs(days * DAY)),
        }),
        LayoutName::Streams => Layout::Streams(StreamsConfig {
            prefix: prefix?.0,
            shards,
            entries_max: (entries_max > 0).then_some(entries_max),
            has_sparkpost,
        }),
    };
    let replicas = u32::try_from(replicas).unwrap_or(u32::MAX);
    let durability = Durability { replicas, is_on_disk };
    Some(RedisSinkConfig { redis: redis?, layout, limits, durability })
}
