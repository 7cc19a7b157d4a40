//! `[tracker]`: the HTTP server of links and pixels.

mod front;
mod tls;

use super::{KeySource, LISTEN, Tracker, reader::Section, visitors};
use crate::tracker::{
    AppLinks, LegacyLinks, NotFoundPage, PageTemplate, PageTemplateError, RedirectStatus,
    TrackerConfig,
};
use bytes::Bytes;
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};
use tracking::token::legacy::HostPatternError;

/// Reads the table; `None` where something without a default is missing.
pub(super) fn read(
    section: &Section<'_>,
    keys: &KeySource,
    data_directory: &Path,
) -> Option<Tracker> {
    let seconds =
        |key, default| Duration::from_secs(section.integer(key, default, 1..=86_400, "seconds"));
    let listen = match section.has("listen") || !section.has("listener") {
        true => Some(section.required("listen", LISTEN)),
        false => None,
    };
    let threads = section.integer("threads", 0, 0..=1_024, "threads (0: one a core)");
    let default_domain = section.parsed("default_domain", "", "must be the name of a domain");
    let (trusted_proxies, client_address_from) = front::read_proxies(section);
    let config = TrackerConfig {
        trusted_proxies,
        client_address_from,
        redirect_status: section.choice("redirect_status", &REDIRECT_STATUS),
        server_header: section.parsed("server_header", "mailwake", "must be a text"),
        not_found: not_found(section),
        unsubscribe_page: unsubscribe_page(section),
        app_links: AppLinks {
            apple: json_file(section, "apple_app_site_association_file"),
            android: json_file(section, "assetlinks_file"),
        },
        connections_max: section.count("connections_max", 10_000, 1..=1_000_000, "connections"),
        connections_per_address_max: front::read_connections_per_address(section),
        streams_per_connection_max: front::read_streams(section),
        requests_per_connection_max: u32::try_from(section.integer(
            "requests_per_connection_max",
            1_000,
            1..=1_000_000,
            "requests",
        ))
        .unwrap_or(1_000),
        header_octets_max: 1024 * section.count("header_kib_max", 16, 8..=1_024, "KiB"),
        header_timeout: seconds("header_timeout_seconds", 10),
        idle_timeout: seconds("idle_timeout_seconds", 60),
        durable_deadline: Duration::from_millis(section.integer(
            "durable_deadline_ms",
            25,
            0..=10_000,
            "milliseconds",
        )),
        drain_timeout: seconds("drain_timeout_seconds", 10),
        visitors: visitors::read(section).into(),
        key_file: keys.file().cloned(),
        legacy: legacy(&section.section("legacy")),
    };
    let listeners = tls::read_listeners(section, listen.flatten());
    let domains = tls::read_domains(section, default_domain, &listeners, data_directory);
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = match usize::try_from(threads) {
        Ok(0) | Err(_) => cores(),
        Ok(threads) => threads,
    };
    // Each thread takes a place at each listener before it accepts.
    let places = threads * listeners.len();
    if config.connections_max < places {
        let right = format!("must be {places}, the threads times the listeners, or more");
        section.mistake("connections_max", None, right);
    }
    let tls::Domains { certificates, default_name: default_domain, acme } = domains;
    (!listeners.is_empty()).then_some(Tracker {
        listeners,
        domains: certificates,
        default_domain,
        acme,
        threads,
        config,
    })
}

/// `[tracker.legacy]`: the links of the Go reference.
fn legacy(section: &Section<'_>) -> LegacyLinks {
    let right = HostPatternError.to_string();
    let legacy = LegacyLinks {
        hosts: section.list("hosts", &right),
        target_hosts: section.list("target_hosts", &right),
    };
    if !legacy.hosts.is_empty() && legacy.target_hosts.is_empty() {
        let right = "is missing; nobody has signed these links, so they lead to these hosts alone";
        section.mistake("target_hosts", None, right);
    }
    legacy
}

/// The page for unknown links: a text, or a file.
fn not_found(section: &Section<'_>) -> NotFoundPage {
    let text: Option<String> = section.parsed("not_found_text", "", "must be a text");
    let file: Option<PathBuf> =
        section.parsed("not_found_file", "", "must be the path of a file of HTML");
    let Some(path) = file else { return text.map_or(NotFoundPage::Own, NotFoundPage::Text) };
    let value = toml::Value::from(path.display().to_string());
    if text.is_some() {
        section.mistake("not_found_file", Some(&value), "must not stand beside not_found_text");
    }
    match read_up_to(&path, PAGE_OCTETS_MAX) {
        Ok(content) if std::str::from_utf8(&content).is_ok() => NotFoundPage::Html(content.into()),
        Ok(_) => {
            section.mistake("not_found_file", Some(&value), "must be a file of UTF-8");
            NotFoundPage::Own
        }
        Err(error) => {
            let right = format!("must be a file that can be read: {error}");
            section.mistake("not_found_file", Some(&value), right);
            NotFoundPage::Own
        }
    }
}

/// The page that unsubscribes, from a file with placeholders.
fn unsubscribe_page(section: &Section<'_>) -> PageTemplate {
    let key = "unsubscribe_page_file";
    let right = "must be the path of a file of HTML with placeholders";
    let Some(path) = section.parsed::<PathBuf>(key, "", right) else {
        return PageTemplate::default();
    };
    let value = toml::Value::from(path.display().to_string());
    let read = read_up_to(&path, PAGE_OCTETS_MAX).map_err(|error| error.to_string());
    let text = read.and_then(|octets| String::from_utf8(octets).map_err(|_| "not UTF-8".into()));
    let parsed =
        text.and_then(|text| text.parse().map_err(|error: PageTemplateError| error.to_string()));
    parsed.unwrap_or_else(|error| {
        section.mistake(key, Some(&value), format!("{right}: {error}"));
        PageTemplate::default()
    })
}

/// Octets of a page, which stays in memory.
const PAGE_OCTETS_MAX: u64 = 256 << 10;

const REDIRECT_STATUS: [(&str, RedirectStatus); 3] = [
    ("302", RedirectStatus::Found),
    ("303", RedirectStatus::SeeOther),
    ("307", RedirectStatus::TemporaryRedirect),
];

/// The content of a file of JSON, if one is named.
fn json_file(section: &Section<'_>, key: &'static str) -> Option<Bytes> {
    let path: PathBuf = section.parsed(key, "", "must be the path of a file of JSON")?;
    let value = toml::Value::from(path.display().to_string());
    let content = match read_up_to(&path, JSON_OCTETS_MAX) {
        Ok(content) => content,
        Err(error) => {
            section.mistake(key, Some(&value), format!("must be a file that can be read: {error}"));
            return None;
        }
    };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&content) {
        section.mistake(key, Some(&value), format!("must be the path of a file of JSON: {error}"));
    }
    Some(content.into())
}

/// Octets of a file of JSON, which more would hardly be read by those who ask for it.
const JSON_OCTETS_MAX: u64 = 1 << 20;

/// The octets of a file, which may not be more than those.
pub(super) fn read_up_to(path: &Path, octets_max: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(path)?.take(octets_max + 1).read_to_end(&mut content)?;
    match content.len() as u64 > octets_max {
        true => Err(io::Error::other(format!("it has more than {octets_max} octets"))),
        false => Ok(content),
    }
}
