//! `[gateway]`: the SMTP proxy, its listener and its upstream.

use super::{DomainName, Gateway, HostPort, LISTEN, mebibytes, reader::Section};
use crate::{
    gateway::{GatewayConfig, ListenerConfig, ListenerTls, MultiRecipient},
    net::tls::{
        client::Verification,
        server::{CertificateFiles, ClientCertificates},
    },
    smtp_io::upstream::{Patience, UpstreamConfig, UpstreamTls},
};
use mail::smtp::session::Limits;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// Reads the table; `None` where something without a default is missing.
pub(super) fn read(section: &Section<'_>, data_directory: &Path) -> Option<Gateway> {
    let listen: Option<SocketAddr> = section.required("listen", LISTEN);
    let (tls, certificate) = read_listener_tls(section);
    let auth_requires_tls = section.boolean("auth_requires_tls", false);
    let upstream = read_upstream(section);
    let host_name: Option<DomainName> =
        section.parsed("host_name", "localhost", "must be a domain name, like \"mx.example.com\"");
    let count = |key, default, most, unit| {
        usize::try_from(section.integer(key, default, 1..=most, unit)).unwrap_or(usize::MAX)
    };
    let multi_recipient = section.choice(
        "multi_recipient",
        &[("split", MultiRecipient::Split), ("one_at_a_time", MultiRecipient::OneAtATime)],
    );
    let limits = Limits {
        message_octets_max: mebibytes(section, "message_mib_max", 25, 1..=1_024),
        recipients_max: count("recipients_max", 1_000, 100_000, "recipients"),
        errors_max: count("errors_max", 20, 10_000, "errors"),
    };
    let sessions_max = count("sessions_max", 2_000, 1_000_000, "sessions");
    let client_timeout = seconds(section, "client_timeout_seconds", 300);
    let upstream = UpstreamConfig { patience: read_patience(section), ..upstream };
    let config = GatewayConfig {
        listener: ListenerConfig { tls, certificate, auth_requires_tls, client_timeout },
        upstream,
        host_name: host_name.map(|name| name.0).unwrap_or_default(),
        multi_recipient,
        limits,
        sessions_max,
        drain_timeout: seconds(section, "drain_timeout_seconds", 30),
    };
    if listen.is_some_and(|listen| config.upstream.address.parse() == Ok(listen)) {
        section.mistake("upstream", None, "must not be the gateway itself, gateway.listen");
    }
    Some(Gateway { listen: listen?, accepted_file: data_directory.join("accepted"), config })
}

/// Whether clients are talked to in TLS, and the files of the certificate.
fn read_listener_tls(section: &Section<'_>) -> (ListenerTls, Option<CertificateFiles>) {
    let tls = section.choice(
        "tls",
        &[
            ("none", ListenerTls::Off),
            ("starttls", ListenerTls::Starttls),
            ("required", ListenerTls::Required),
            ("implicit", ListenerTls::Implicit),
        ],
    );
    let file = |key| section.parsed::<PathBuf>(key, "", "must be the path of a file in PEM");
    let (certificate, key) = (file("tls_certificate_file"), file("tls_key_file"));
    let authorities = file("tls_client_ca_file");
    let is_required = section.boolean("tls_client_certificate_required", false);
    if is_required && authorities.is_none() {
        section.mistake("tls_client_certificate_required", None, "needs tls_client_ca_file");
    }
    if tls != ListenerTls::Off {
        for (key, file) in [("tls_certificate_file", &certificate), ("tls_key_file", &key)] {
            if file.is_none() && !section.has(key) {
                section.mistake(key, None, "is missing; tls needs it");
            }
        }
    }
    let clients = match authorities {
        None => ClientCertificates::NotAsked,
        Some(path) if is_required => ClientCertificates::Required(path),
        Some(path) => ClientCertificates::Optional(path),
    };
    let files = certificate.zip(key);
    (tls, files.map(|(certificate, key)| CertificateFiles { certificate, key, clients }))
}

/// What upstream is, but for how long it may take.
fn read_upstream(section: &Section<'_>) -> UpstreamConfig {
    let address: Option<HostPort> =
        section.required("upstream", "must be a host and port, like \"127.0.0.1:25\"");
    let tls = section.choice(
        "upstream_tls",
        &[
            ("none", UpstreamTls::Off),
            ("opportunistic", UpstreamTls::Opportunistic),
            ("required", UpstreamTls::Required),
            ("implicit", UpstreamTls::Implicit),
        ],
    );
    let tls_name: Option<DomainName> =
        section.parsed("upstream_tls_name", "", "must be a domain name, like \"mx.example.com\"");
    let authorities: Option<PathBuf> =
        section.parsed("upstream_tls_ca_file", "", "must be the path of a file in PEM");
    let verification = match section.boolean("upstream_tls_insecure_skip_verify", false) {
        true => Verification::Nothing,
        false => authorities.map_or(Verification::System, Verification::Authorities),
    };
    UpstreamConfig {
        address: address.map(|address| address.0).unwrap_or_default(),
        tls,
        tls_name: tls_name.map(|name| name.0),
        verification,
        patience: Patience::default(),
    }
}

fn read_patience(section: &Section<'_>) -> Patience {
    let default = Patience::default();
    let read = |key, default: Duration| seconds(section, key, default.as_secs());
    Patience {
        connect: read("upstream_connect_timeout_seconds", default.connect),
        reply: read("upstream_reply_timeout_seconds", default.reply),
        final_reply: read("upstream_final_reply_timeout_seconds", default.final_reply),
    }
}

fn seconds(section: &Section<'_>, key: &'static str, default: u64) -> Duration {
    Duration::from_secs(section.integer(key, default, 1..=86_400, "seconds"))
}
