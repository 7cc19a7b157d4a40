//! `[unsubscribe]`: how senders are told who has unsubscribed.

use super::reader::Section;
use crate::{
    feeders::unsubscribe::{ClientConfig, ForwarderConfig},
    net::tls::client::Verification,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use toml::Value;

/// Whether senders are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Forwarding {
    /// Where mail is sent whose field leads over the tracker, or was.
    #[default]
    Auto,
    /// Yes.
    On,
    /// No: whoever reads events does it.
    Off,
}

/// How senders are told, and where those are kept that wait.
#[derive(Debug, Clone)]
pub struct UnsubscribeConfig {
    /// Whether they are told.
    pub forwarding: Forwarding,
    /// Whether a scope has fields lead over the tracker.
    pub is_proxied: bool,
    /// Where the outbox is.
    pub directory: PathBuf,
    /// How often, and for how long.
    pub forwarder: ForwarderConfig,
    /// Where the form may go.
    pub client: ClientConfig,
}

/// Reads the table; `root` is the whole file.
pub(super) fn read(
    section: &Section<'_>,
    is_proxied: bool,
    data_directory: &Path,
) -> UnsubscribeConfig {
    let forwarding = section.choice(
        "forward",
        &[("auto", Forwarding::Auto), ("on", Forwarding::On), ("off", Forwarding::Off)],
    );
    let allows_http = section.boolean("forward_http", false);
    let private_networks = section.list("forward_to_private_networks", super::NETWORK);
    let right = "must be the path of a file of authorities, in PEM";
    let authorities: Option<PathBuf> = section.parsed("forward_ca_file", "", right);
    let timeout = section.integer("forward_timeout_seconds", 10, 1..=30, "seconds");
    let hours = section.integer("forward_hours_max", 72, 1..=720, "hours");
    let forwarder = ForwarderConfig {
        patience: Duration::from_secs(3_600 * hours),
        connections_max: section.count("forward_connections_max", 32, 1..=1_000, "connections"),
        connections_per_host_max: section.count(
            "forward_connections_per_host_max",
            2,
            1..=100,
            "connections",
        ),
    };
    let client = ClientConfig {
        allows_http,
        private_networks,
        verification: authorities.map_or(Verification::System, Verification::Authorities),
        timeout: Duration::from_secs(timeout),
    };
    let directory = super::directory(section, data_directory, "unsubscribe");
    UnsubscribeConfig { forwarding, is_proxied, directory, forwarder, client }
}

/// Does any table say that fields lead over the tracker, or the variables in it?
pub(super) fn is_proxied(value: &Value) -> bool {
    let says = |key: &str, value: &Value| {
        // As `ListUnsubscribe` reads it, which is what variables are read by.
        ["list_unsubscribe", "smtpapi_list_unsubscribe"].contains(&key)
            && value.as_str().is_some_and(|text| text.trim().eq_ignore_ascii_case("proxy"))
    };
    match value {
        Value::Table(table) => {
            table.iter().any(|(key, value)| says(key, value) || is_proxied(value))
        }
        _ => false,
    }
}
