//! The configuration file: TOML comes in, and either the configuration of every part
//! goes out or all mistakes at once, each with its key, what stands there, and what
//! would be right. `etc/mailwake.toml` is the reference, and a test holds it to this.

mod bounces;
mod delivery;
mod engagement;
mod feeders;
mod gateway;
pub mod import;
mod policy;
mod reader;
mod redis;
mod scopes;
mod tags;
mod tracker;
mod unsubscribe;
mod visitors;

pub use delivery::{DeliveryConfig, DeliveryHttp};
pub use feeders::{Feeder, FeedersConfig, SinkConfig};
pub use reader::{Known, Mistake};
pub use tags::{TagsConfig, TagsPlace};
pub use unsubscribe::{Forwarding, UnsubscribeConfig};

use crate::{
    admin::AdminConfig,
    delivery::redis::SourceConfig as RedisSourceConfig,
    event_log::{LogConfig, writer::QueueLimits},
    gateway::{GatewayConfig, safety::Memory, scopes::Scopes},
    net::{
        network::Network,
        tls::{
            TlsError,
            domains::{DomainCertificate, DomainsTls},
            server::ServerTls,
        },
    },
    policy::PolicyConfig,
    stores::sqlite::StoreConfig,
    telemetry::{LogFormat, TelemetryConfig},
    tracker::{TrackerConfig, acme::AcmeConfig},
};
use reader::{Findings, Section};
use scopes::Global;
use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use toml::Table;
use tracking::{bounce::Rules, token::key::KeyRing};

/// Where the configuration is, unless told otherwise.
pub const DEFAULT_PATH: &str = "/etc/mailwake/mailwake.toml";

/// The environment variable that holds a key ring, in place of a file.
pub const KEY_RING_VARIABLE: &str = "MAILWAKE_KEY_RING";

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Logs of mailwake itself.
    pub telemetry: TelemetryConfig,
    /// Whose sessions with the gateway are written to the log, line by line.
    pub transcript_for: Option<Network>,
    /// Where the key ring comes from.
    pub keys: KeySource,
    /// The gateway, if there is one.
    pub gateway: Option<Gateway>,
    /// The scripts that the gateway asks.
    pub policy: PolicyConfig,
    /// The tracker, if there is one.
    pub tracker: Option<Tracker>,
    /// How senders are told who has unsubscribed.
    pub unsubscribe: UnsubscribeConfig,
    /// Where the tags of the system are kept.
    pub tags: TagsConfig,
    /// The rules by which classes of bounces are found.
    pub bounce_rules: Rules,
    /// Where records of MTAs come from.
    pub delivery: DeliveryConfig,
    /// The event log.
    pub event_log: LogConfig,
    /// Where the store is.
    pub store_directory: PathBuf,
    /// The store.
    pub store: StoreConfig,
    /// The sources of events in Redis.
    pub redis_sources: Vec<RedisSourceConfig>,
    /// Where events are brought besides.
    pub feeders: FeedersConfig,
    /// The operators' view, if there is one.
    pub admin: Option<Admin>,
}

/// A gateway.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Where it listens; at least one.
    pub listeners: Vec<Listener>,
    /// The file that remembers who has accepted what.
    pub accepted_file: PathBuf,
    /// Most sessions at a time, of all listeners together.
    pub sessions_max: usize,
    /// The memory for the messages of all of them.
    pub memory: Memory,
}

/// A listener of the gateway.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Where it listens: each of its sockets, at least one.
    pub listen: Vec<SocketAddr>,
    /// How messages are tracked, by where they come in.
    pub scopes: Scopes,
    /// How it works.
    pub config: GatewayConfig,
}

impl Listener {
    /// The key that says where it listens.
    pub fn listen_key(&self) -> String {
        match self.config.name.as_str() {
            gateway::DEFAULT_NAME => "gateway.listen".into(),
            name => format!("gateway.listener.{name}.listen"),
        }
    }

    /// Reads the certificate for clients, if one is configured.
    pub fn load_certificate(&self) -> Result<Option<Arc<ServerTls>>, TlsError> {
        let files = self.config.listener.certificate.clone();
        Ok(files.map(ServerTls::load).transpose()?.map(Arc::new))
    }
}

/// A tracker and where it listens.
#[derive(Debug, Clone)]
pub struct Tracker {
    /// Where it listens; at least one.
    pub listeners: Vec<TrackerListener>,
    /// Its domains with a certificate.
    pub domains: Vec<(String, DomainCertificate)>,
    /// Whose certificate those get who name none of them.
    pub default_domain: Option<String>,
    /// How certificates are obtained, where some are.
    pub acme: Option<AcmeConfig>,
    /// How many threads serve it.
    pub threads: usize,
    /// How it works.
    pub config: TrackerConfig,
}

/// A listener of the tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerListener {
    /// Its name in the configuration.
    pub name: String,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Are its connections in TLS?
    pub is_tls: bool,
}

impl TrackerListener {
    /// The key that says where it listens.
    pub fn listen_key(&self) -> String {
        match self.name.as_str() {
            "default" => "tracker.listen".into(),
            name => format!("tracker.listener.{name}.listen"),
        }
    }
}

impl Tracker {
    /// Reads the certificates for clients, if one listener needs them.
    pub fn load_certificates(&self) -> Result<Option<Arc<DomainsTls>>, TlsError> {
        if !self.listeners.iter().any(|listener| listener.is_tls) {
            return Ok(None);
        }
        let tls = DomainsTls::load(self.domains.clone(), self.default_domain.clone())?;
        Ok(Some(Arc::new(tls)))
    }
}

/// The operators' view and where it listens.
#[derive(Debug, Clone, Copy)]
pub struct Admin {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its limits.
    pub config: AdminConfig,
}

/// Where a key ring comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file.
    File(PathBuf),
    /// The environment variable `KEY_RING_VARIABLE`.
    Environment,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read configuration {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is no TOML.
    #[error("read configuration {}: {told}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where it stops to be TOML.
        told: String,
    },
    /// The file is TOML, and not what mailwake needs.
    #[error("the configuration has mistakes, {} in all:\n{}", .0.len(), list(.0))]
    Mistakes(Vec<Mistake>),
}

/// Why there is no key ring.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read.
    #[error("read key ring {}: {error}; make one with: mailwake keys generate", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// What was read is no key ring.
    #[error("read key ring {from}:\n{}", list(mistakes))]
    Mistakes {
        /// The file or variable.
        from: String,
        /// All that is wrong.
        mistakes: Vec<tracking::token::key::KeyMistake>,
    },
}

fn list(mistakes: &[impl fmt::Display]) -> String {
    mistakes.iter().map(|mistake| format!("  {mistake}")).collect::<Vec<_>>().join("\n")
}

impl KeySource {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::File(path) => Some(path),
            Self::Environment => None,
        }
    }

    /// Reads the key ring.
    pub fn load(&self) -> Result<KeyRing, KeysError> {
        let (from, text) = match self {
            Self::Environment => {
                let text = std::env::var(KEY_RING_VARIABLE).unwrap_or_default();
                (KEY_RING_VARIABLE.to_owned(), text)
            }
            Self::File(path) => {
                let text = fs::read_to_string(path)
                    .map_err(|error| KeysError::Read { path: path.clone(), error })?;
                (path.display().to_string(), text)
            }
        };
        KeyRing::parse(&text).map_err(|mistakes| KeysError::Mistakes { from, mistakes })
    }
}

impl Config {
    /// Is there something to be read, besides mail and clicks?
    pub fn has_sources(&self) -> bool {
        self.delivery.is_there || !self.redis_sources.is_empty()
    }

    /// Reads a configuration file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: path.into(), error })?;
        let table = text.parse::<Table>().map_err(|error| ConfigError::Syntax {
            path: path.into(),
            told: reader::syntax(&error, &text),
        })?;
        Self::of(&table)
    }

    /// Reads a configuration that is a table already.
    pub fn of(table: &Table) -> Result<Self, ConfigError> {
        let findings = Findings::default();
        let config = read(&Section::root(table, &findings));
        match (config, findings.mistakes()) {
            (Some(config), mistakes) if mistakes.is_empty() => Ok(config),
            (_, mistakes) => Err(ConfigError::Mistakes(mistakes)),
        }
    }

    /// Every key that mailwake reads, with its default.
    pub fn known_keys() -> Vec<Known> {
        let findings = Findings::default();
        // With these tables there, the keys inside them are asked for as well.
        let table = toml::toml! { [gateway]
        [tracker]
        [delivery.http]
        [admin] };
        read(&Section::root(&table, &findings));
        findings.known()
    }
}

/// Reads the whole file; `None` where something without a default is missing.
fn read(root: &Section<'_>) -> Option<Config> {
    let data_directory: Option<PathBuf> =
        root.parsed("data_directory", "/var/lib/mailwake", "must be a directory");
    let (telemetry, transcript_for) = read_log(&root.section("log"));
    let keys = read_keys(&root.section("keys"));
    let engagement = root.section("engagement");
    let scope = scopes::read_scope(&engagement, "[engagement]".into());
    let pathways = Arc::new(scopes::read_pathways(root));
    let global = Global { section: &engagement, scope, pathways };
    let data_directory = data_directory.unwrap_or_default();
    let gateway = root.section("gateway");
    let gateway = root.has("gateway").then(|| gateway::read(&gateway, &global, &data_directory));
    let policy = policy::read(&root.section("policy"));
    let tracker = root.section("tracker");
    let tracker = root.has("tracker").then(|| tracker::read(&tracker, &keys, &data_directory));
    let unsubscribe =
        unsubscribe::read(&root.section("unsubscribe"), root.is_proxied(), &data_directory);
    let tags = tags::read(&root.section("tags"), &data_directory);
    let bounce_rules = bounces::read(&root.section("bounces"));
    let delivery = delivery::read(&root.section("delivery"), root.has("delivery"), &data_directory);
    let event_log = read_event_log(&root.section("event_log"), &data_directory);
    let (store_directory, store) =
        read_store(&root.section("store"), &data_directory, bounce_rules.clone());
    let redis_sources = redis::read(root);
    let feeders = feeders::read(root, &data_directory, &store_directory);
    let admin = root.section("admin");
    let admin = root.has("admin").then(|| read_admin(&admin));
    Some(Config {
        telemetry,
        transcript_for,
        keys,
        gateway,
        policy,
        // A part that could not be read has left its mistakes behind.
        tracker: tracker.flatten(),
        unsubscribe,
        bounce_rules,
        tags,
        delivery,
        event_log,
        store_directory,
        store,
        redis_sources,
        feeders,
        admin: admin.flatten(),
    })
}

fn read_log(section: &Section<'_>) -> (TelemetryConfig, Option<Network>) {
    let telemetry = TelemetryConfig {
        format: section.choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]),
        level: section.choice(
            "level",
            &[
                ("info", tracing::Level::INFO),
                ("error", tracing::Level::ERROR),
                ("warn", tracing::Level::WARN),
                ("debug", tracing::Level::DEBUG),
                ("trace", tracing::Level::TRACE),
            ],
        ),
    };
    (telemetry, section.parsed("transcript_for", "", NETWORK))
}

fn read_keys(section: &Section<'_>) -> KeySource {
    let right = "must be the path of a key ring, which `mailwake keys generate` makes";
    let file: Option<PathBuf> = section.parsed("file", "/etc/mailwake/keys.txt", right);
    match file {
        Some(file) if section.has("file") || std::env::var_os(KEY_RING_VARIABLE).is_none() => {
            KeySource::File(file)
        }
        _ => KeySource::Environment,
    }
}

fn read_event_log(section: &Section<'_>, data_directory: &Path) -> LogConfig {
    let directory = directory(section, data_directory, "log");
    let segment = mebibytes(section, "segment_mib", LogConfig::SEGMENT_BYTES >> 20, 1..=1_024);
    let quota =
        mebibytes(section, "disk_quota_mib", LogConfig::DISK_QUOTA_BYTES >> 20, 2..=1 << 30);
    if quota < 2 * segment {
        let right = format!("must be at least {}, twice segment_mib", 2 * (segment >> 20));
        let value = toml::Value::Integer(i64::try_from(quota >> 20).unwrap_or(i64::MAX));
        section.mistake("disk_quota_mib", Some(&value), right);
    }
    let queue = section.integer(
        "queue_events_max",
        LogConfig::QUEUE_EVENTS_MAX as u64,
        1_000..=10_000_000,
        "events",
    );
    LogConfig {
        directory,
        segment_bytes: segment as u64,
        disk_quota_bytes: quota as u64,
        queue: QueueLimits {
            events_max: usize::try_from(queue).unwrap_or(LogConfig::QUEUE_EVENTS_MAX),
            octets_max: mebibytes(
                section,
                "queue_mib_max",
                (LogConfig::QUEUE_OCTETS_MAX >> 20) as u64,
                1..=1 << 20,
            ),
        },
    }
}

fn read_store(
    section: &Section<'_>,
    data_directory: &Path,
    bounce_rules: Rules,
) -> (PathBuf, StoreConfig) {
    let directory = directory(section, data_directory, "store");
    let days = section.integer("retention_days", 90, 0..=36_500, "days (0: for ever)");
    let retention_days = u32::try_from(days).ok().filter(|days| *days > 0);
    let busy_timeout = StoreConfig::default().busy_timeout;
    (directory, StoreConfig { retention_days, busy_timeout, bounce_rules: Some(bounce_rules) })
}

fn read_admin(section: &Section<'_>) -> Option<Admin> {
    let listen = section.required("listen", LISTEN);
    let connections_max = section.count("connections_max", 64, 1..=10_000, "connections");
    let seconds = section.integer("timeout_seconds", 10, 1..=3_600, "seconds");
    let config = AdminConfig { connections_max, timeout: Duration::from_secs(seconds) };
    Some(Admin { listen: listen?, config })
}

/// The directory that `directory` names, or one of that name below the data directory.
fn directory(section: &Section<'_>, data_directory: &Path, name: &str) -> PathBuf {
    let configured: Option<PathBuf> = section.parsed("directory", "", "must be a directory");
    configured.unwrap_or_else(|| data_directory.join(name))
}

fn mebibytes(
    section: &Section<'_>,
    key: &'static str,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
) -> usize {
    usize::try_from(section.integer(key, default, range, "MiB") << 20).unwrap_or(usize::MAX)
}

const NETWORK: &str = "must be an address or a network, like \"192.0.2.7\" or \"192.0.2.0/24\"";

const LISTEN: &str = "must be an address and port, like \"127.0.0.1:2525\"";

/// A host and a port, which are looked up when they are needed.
struct HostPort(String);

impl std::str::FromStr for HostPort {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, port) = text.rsplit_once(':').ok_or(())?;
        let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
        let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
        (is_port && !host.is_empty() && !is_bare_ipv6).then(|| Self(text.into())).ok_or(())
    }
}

/// A domain name, as it stands in a notification.
struct DomainName(String);

impl std::str::FromStr for DomainName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_name = |octet: u8| octet.is_ascii_alphanumeric() || b".-".contains(&octet);
        (!text.is_empty() && text.len() <= 253 && text.bytes().all(is_name))
            .then(|| Self(text.into()))
            .ok_or(())
    }
}

#[cfg(test)]
mod tests;
