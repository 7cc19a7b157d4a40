//! `[redis_source.NAME]`: events that are read from Redis; and the keys of a connection to Redis,
//! which feeders have as well.

use super::reader::Section;
use crate::{
    delivery::redis::{Layout, ListConfig, SourceConfig, StreamsConfig},
    net::redis::{RedisConfig, ServerUrl},
};
use std::{path::PathBuf, str::FromStr, time::Duration};
use toml::Value;
use tracking::{stream, trk_queue};

/// Most streams that there may be.
pub(super) const SHARDS_MAX: u64 = 1_024;

/// How many there are, if nothing else is configured.
pub(super) const SHARDS: u64 = 8;

/// What is right of the name of a key.
pub(super) const KEY_NAME: &str =
    "must be of 1 to 100 letters, digits, \":\", \".\", \"-\" and \"_\"";

/// Which of both layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LayoutName {
    Streams,
    List,
}

impl LayoutName {
    /// The words of the configuration; the first is the default.
    pub(super) const WORDS: [(&'static str, Self); 2] =
        [("streams", Self::Streams), ("list", Self::List)];
}

/// Reads every `[redis_source.NAME]`; `root` is the whole file.
pub(super) fn read(root: &Section<'_>) -> Vec<SourceConfig> {
    let sources = root.sections("redis_source").into_iter();
    sources.filter_map(|(name, table)| read_source(name, &table)).collect()
}

fn read_source(name: &str, table: &Section<'_>) -> Option<SourceConfig> {
    if name.parse::<KeyName>().is_err() {
        table.mistake_of_all(format!("its name {KEY_NAME}"));
    }
    let redis = connection(table);
    let layout = table.choice("layout", &LayoutName::WORDS);
    let queue: Option<KeyName> = table.parsed("queue", trk_queue::QUEUE, KEY_NAME);
    let (prefix, shards) = streams(table);
    let group: Option<KeyName> = table.parsed("group", "mailwake", KEY_NAME);
    let consumer: Option<KeyName> = table.parsed("consumer", "mailwake", KEY_NAME);
    let claim_after = table.integer("claim_after_seconds", 60, 1..=86_400, "seconds");
    let removes = table.boolean("remove_read", false);
    let layout = match layout {
        LayoutName::List => Layout::List(ListConfig { queue: queue?.0 }),
        LayoutName::Streams => Layout::Streams(StreamsConfig {
            prefix: prefix?.0,
            shards,
            group: group?.0,
            consumer: consumer?.0,
            claim_after: Duration::from_secs(claim_after),
            removes,
        }),
    };
    Some(SourceConfig { name: name.into(), redis: redis?, layout })
}

/// The keys that say which streams there are.
pub(super) fn streams(table: &Section<'_>) -> (Option<KeyName>, u16) {
    let prefix = table.parsed("stream_prefix", stream::PREFIX, KEY_NAME);
    let shards = table.integer("shards", SHARDS, 1..=SHARDS_MAX, "streams");
    (prefix, u16::try_from(shards).unwrap_or(u16::MAX))
}

/// The keys of a connection.
pub(super) fn connection(table: &Section<'_>) -> Option<RedisConfig> {
    let right = "must be like \"redis://10.0.0.1:6379\" or \"rediss://redis.example:6380/0\", \
                 without a name or password, which user and password_file have";
    let servers = servers(table, right);
    let is_cluster = table.boolean("cluster", false);
    let user: Option<String> = table.parsed("user", "", "must be a name");
    let file = |name| {
        let path: Option<PathBuf> = table.parsed(name, "", "must be the path of a file");
        path.filter(|path| !path.as_os_str().is_empty())
    };
    let password_file = file("password_file");
    let ca_file = file("ca_file");
    let (certificate, key) = (file("tls_certificate_file"), file("tls_key_file"));
    let timeout = table.integer("timeout_ms", 5_000, 100..=300_000, "milliseconds");
    if certificate.is_some() != key.is_some() {
        let right = "goes with tls_key_file, and neither without the other";
        table.mistake("tls_certificate_file", None, right);
    }
    let in_tls = servers.iter().filter(|server| server.is_tls).count();
    if in_tls != 0 && in_tls != servers.len() {
        let right = "must have all servers in TLS (rediss://) or none (redis://)";
        table.mistake("servers", None, right);
    }
    let files = [("ca_file", &ca_file), ("tls_certificate_file", &certificate)];
    for (name, _) in files.iter().filter(|(_, file)| in_tls == 0 && file.is_some()) {
        table.mistake(name, None, "goes with servers in TLS: rediss://");
    }
    if is_cluster && servers.iter().any(|server| server.database != 0) {
        let right = "must name no database: a cluster has but one";
        table.mistake("servers", None, right);
    }
    if servers.is_empty() {
        return None;
    }
    Some(RedisConfig {
        servers,
        is_cluster,
        user: user.unwrap_or_default(),
        password_file,
        ca_file,
        certificate: certificate.zip(key),
        timeout: Duration::from_millis(timeout),
    })
}

/// The servers. A password that somebody has put into a URL is not told.
fn servers(table: &Section<'_>, right: &str) -> Vec<ServerUrl> {
    let texts: Vec<String> = table.list("servers", right);
    if texts.is_empty() {
        let empty = table.has("servers").then(|| Value::Array(Vec::new()));
        table.mistake("servers", empty.as_ref(), format!("is missing; {right}"));
    }
    let mut servers = Vec::new();
    for text in texts {
        match text.parse() {
            Ok(server) => servers.push(server),
            Err(_) => {
                let told = text.rsplit_once('@').map(|(_, host)| format!("***@{host}"));
                let told = Value::from(told.unwrap_or(text));
                table.mistake("servers", Some(&told), right);
            }
        }
    }
    servers
}

/// The name of a key, or a part of one. No hash tag is in it.
pub(super) struct KeyName(pub(super) String);

impl FromStr for KeyName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_right = |octet: u8| octet.is_ascii_alphanumeric() || b":.-_".contains(&octet);
        let is_name = (1..=100).contains(&text.len()) && text.bytes().all(is_right);
        is_name.then(|| Self(text.into())).ok_or(())
    }
}
