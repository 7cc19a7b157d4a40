//! Where the tracker listens besides, and its domains with their certificates.

use crate::{
    config::{DomainName, LISTEN, TrackerListener, reader::Section},
    net::tls::domains::DomainCertificate,
    tracker::acme::AcmeConfig,
};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The listener of `[tracker]` itself.
pub(super) const DEFAULT_NAME: &str = "default";

/// What the domains need of the tracker.
pub(super) struct Domains {
    /// Each with its certificate.
    pub(super) certificates: Vec<(String, DomainCertificate)>,
    pub(super) default_name: Option<String>,
    /// Where some are obtained by ACME.
    pub(super) acme: Option<AcmeConfig>,
}

/// The listener of `[tracker]`, if it is one, and the further ones.
pub(super) fn read_listeners(
    section: &Section<'_>,
    listen: Option<SocketAddr>,
) -> Vec<TrackerListener> {
    let own =
        listen.map(|listen| TrackerListener { name: DEFAULT_NAME.into(), listen, is_tls: false });
    let mut listeners: Vec<TrackerListener> = own.into_iter().collect();
    for (name, table) in section.sections("listener") {
        let is_right = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
        let is_name = !name.is_empty() && name.len() <= 64 && name.bytes().all(is_right);
        if !is_name || name == DEFAULT_NAME {
            table.mistake_of_all(
                "must have a name of at most 64 letters, digits, - and _, other than \
                 \"default\", which is the listener of [tracker]",
            );
        }
        let listen: Option<SocketAddr> = table.required("listen", LISTEN);
        let is_tls = table.boolean("tls", false);
        let Some(listen) = listen else { continue };
        let is_same = |other: &&TrackerListener| other.listen == listen && listen.port() != 0;
        if let Some(other) = listeners.iter().find(is_same) {
            let value = toml::Value::from(listen.to_string());
            let right = format!("must not be that of listener {:?} as well", other.name);
            table.mistake("listen", Some(&value), right);
        }
        listeners.push(TrackerListener { name: name.into(), listen, is_tls });
    }
    listeners
}

/// The domains, and how certificates are obtained for those that have none.
pub(super) fn read_domains(
    section: &Section<'_>,
    default_name: Option<String>,
    listeners: &[TrackerListener],
    data_directory: &Path,
) -> Domains {
    let mut acme = read_acme(&section.section("acme"), data_directory.join("acme"));
    let mut certificates = Vec::new();
    for (name, table) in section.sections("domain") {
        let name = name.to_ascii_lowercase();
        let is_obtained = table.boolean("acme", false);
        let file = |key| table.parsed::<PathBuf>(key, "", "must be the path of a PEM file");
        let files = (file("tls_certificate_file"), file("tls_key_file"));
        let (is_wildcard, bare) = match name.strip_prefix("*.") {
            Some(bare) => (true, bare),
            None => (false, &*name),
        };
        if bare.parse::<DomainName>().is_err() || !bare.contains('.') {
            table.mistake_of_all("must have the name of a domain, or \"*.\" before one");
            continue;
        }
        let certificate = match (is_obtained, files) {
            (false, (Some(certificate), Some(key))) => {
                DomainCertificate::Files { certificate, key }
            }
            (true, (None, None)) if is_wildcard => {
                table.mistake_of_all("must have files: ACME gives no certificate for \"*.\" here");
                continue;
            }
            (true, (None, None)) => {
                acme.domains.push(name.clone());
                DomainCertificate::Obtained(acme.file(&name))
            }
            _ => {
                table.mistake_of_all(
                    "must have either tls_certificate_file and tls_key_file, or acme = true",
                );
                continue;
            }
        };
        certificates.push((name, certificate));
    }
    let domains = Domains {
        certificates,
        default_name: default_name.map(|name| name.to_ascii_lowercase()),
        acme: (!acme.domains.is_empty()).then_some(acme),
    };
    check(section, &domains, listeners);
    domains
}

/// What belongs together must be there together.
fn check(section: &Section<'_>, domains: &Domains, listeners: &[TrackerListener]) {
    if let Some(name) = &domains.default_name
        && !domains.certificates.iter().any(|(other, _)| other == name)
    {
        let value = toml::Value::from(name.as_str());
        section.mistake("default_domain", Some(&value), "must be one of [tracker.domain.NAME]");
    }
    if let Some(tls) = listeners.iter().find(|listener| listener.is_tls)
        && !section.has("domain")
    {
        let key = format!("listener.{}.tls", tls.name);
        section.mistake(&key, None, "needs a domain with its certificate: [tracker.domain.NAME]");
    }
    let Some(acme) = &domains.acme else { return };
    if !acme.terms_of_service_agreed {
        section.mistake(
            "acme.terms_of_service_agreed",
            None,
            "must be true: read the terms of the authority in acme.directory before",
        );
    }
    if listeners.iter().all(|listener| listener.is_tls) {
        section.mistake(
            "listen",
            None,
            "is missing; ACME asks over plain HTTP, at port 80 of the domain, which must lead \
             to a listener without TLS",
        );
    }
}

const DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

fn read_acme(section: &Section<'_>, folder: PathBuf) -> AcmeConfig {
    let directory: Option<HttpsUrl> = section.parsed(
        "directory",
        DIRECTORY,
        "must be a URL with https, as the authority tells it",
    );
    let email: Option<String> = section.parsed("email", "", "must be a mail address");
    if let Some(email) = email.as_ref().filter(|email| !email.contains('@')) {
        let value = toml::Value::from(email.as_str());
        section.mistake("email", Some(&value), "must be a mail address");
    }
    AcmeConfig {
        directory: directory.map(|url| url.0).unwrap_or_default(),
        email,
        terms_of_service_agreed: section.boolean("terms_of_service_agreed", false),
        ca_file: section.parsed("ca_file", "", "must be the path of a PEM file"),
        folder,
        domains: Vec::new(),
    }
}

struct HttpsUrl(String);

impl std::str::FromStr for HttpsUrl {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let url: hyper::Uri = text.parse().map_err(|_not_a_url| ())?;
        let is_right = url.scheme_str() == Some("https") && url.host().is_some();
        is_right.then(|| Self(text.into())).ok_or(())
    }
}
