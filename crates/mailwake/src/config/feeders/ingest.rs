//! `kind = "ingest"`: SparkPost's Ingest API.

use super::{form, limits, secret};
use crate::{
    config::reader::Section,
    feeders::{
        http::{HttpConfig, Reach, Url},
        ingest::IngestConfig,
        sink::Limits,
    },
    net::tls::client::Verification,
};
use std::{path::PathBuf, time::Duration};

/// Octets of a request that the API takes: 5 MB.
const OCTETS_MOST: usize = 4_882 << 10;

pub(super) fn read(table: &Section<'_>) -> Option<IngestConfig> {
    let right = "must be a URL like \"https://api.sparkpost.com\"";
    let url: Option<Url> = table.parsed("url", "https://api.sparkpost.com", right);
    let allows_http = table.boolean("allow_http", false);
    let key = secret(table, "api_key_file", "api_key_variable");
    if key.is_none() && !table.has("api_key_file") && !table.has("api_key_variable") {
        let right = "is missing; must be the path of a file with the key, or api_key_variable \
                     the name of an environment variable";
        table.mistake("api_key_file", None, right);
    }
    let authorities: Option<PathBuf> =
        table.parsed("ca_file", "", "must be the path of a file of authorities, in PEM");
    let timeout = table.integer("timeout_seconds", 60, 1..=600, "seconds");
    let defaults = Limits {
        events_max: 10_000,
        octets_max: OCTETS_MOST,
        age_max: Duration::from_secs(30),
        event_age_max: Some(Duration::from_secs(24 * 3_600)),
    };
    let results = table.integer("results_seconds", 60, 0..=3_600, "seconds (0: never)");
    let form = form(table);
    let limits = limits(table, defaults, OCTETS_MOST);
    if let Some(url) = url.as_ref().filter(|url| !url.is_https() && !allows_http) {
        let right = "must be one of https, or allow_http = true: the key would go in clear";
        table.mistake("url", Some(&toml::Value::from(url.to_string())), right);
    }
    Some(IngestConfig {
        url: url?,
        key: key?,
        limits,
        form,
        results_every: (results > 0).then(|| Duration::from_secs(results)),
        http: HttpConfig {
            allows_http,
            reach: Reach::Everywhere,
            verification: authorities.map_or(Verification::System, Verification::Authorities),
            own_certificate: None,
            timeout: Duration::from_secs(timeout),
        },
    })
}
