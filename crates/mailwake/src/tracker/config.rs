//! What the tracker is told, and its limits.

use super::legacy::LegacyLinks;
use super::unsubscribe::PageTemplate;
use super::visitors::Visitors;
use crate::net::network::Network;
use bytes::Bytes;
use hyper::StatusCode;
use std::{path::PathBuf, sync::Arc, time::Duration};

/// How a click is sent on to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RedirectStatus {
    /// 302 Found (RFC 9110 §15.4.3), which every client knows.
    #[default]
    Found,
    /// 303 See Other (RFC 9110 §15.4.4), which is always followed with GET.
    SeeOther,
    /// 307 Temporary Redirect (RFC 9110 §15.4.8).
    TemporaryRedirect,
}

impl RedirectStatus {
    pub(super) fn code(self) -> StatusCode {
        match self {
            Self::Found => StatusCode::FOUND,
            Self::SeeOther => StatusCode::SEE_OTHER,
            Self::TemporaryRedirect => StatusCode::TEMPORARY_REDIRECT,
        }
    }
}

/// The content of the files that link the domain of tracked links with apps, as systems want
/// them: JSON. A link is then opened in the app, which asks the tracker where it leads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppLinks {
    /// Apple's `apple-app-site-association`.
    pub apple: Option<Bytes>,
    /// Android's `assetlinks.json`.
    pub android: Option<Bytes>,
}

/// The page for what is no link of ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum NotFoundPage {
    /// One that says that the link does not work, in English.
    #[default]
    Own,
    /// The operator's text: a line of heading, and a paragraph for each further line.
    Text(String),
    /// The operator's page, in HTML.
    Html(Bytes),
}

/// Where trusted proxies tell whose request they pass on. One place counts, because a proxy
/// that sets one field may well leave a client's own values in the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAddressFrom {
    /// The field X-Forwarded-For.
    #[default]
    XForwardedFor,
    /// The field Forwarded (RFC 7239).
    Forwarded,
    /// The field X-Real-IP.
    XRealIp,
    /// The header in front of a connection (PROXY protocol), without which it is closed.
    ProxyProtocol,
}

/// How the tracker answers, and its limits. `Default` gives the defaults named here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerConfig {
    /// How a click is sent on. Default: 302.
    pub redirect_status: RedirectStatus,
    /// The Server field of answers (RFC 9110 §10.2.4); none leaves it out, and so does a
    /// text that cannot stand in a field. Default: `mailwake`.
    pub server_header: Option<String>,
    /// What is shown for an unknown link. Default: a page of our own.
    pub not_found: NotFoundPage,
    /// The page that unsubscribes. Default: a page of our own.
    pub unsubscribe_page: PageTemplate,
    /// The files that link the domain with apps.
    pub app_links: AppLinks,
    /// Proxies that are believed what they say of the client. Default: none.
    pub trusted_proxies: Vec<Network>,
    /// Where they say it. Default: in X-Forwarded-For.
    pub client_address_from: ClientAddressFrom,
    /// The file that the keys are from, which is looked at when a link has another one.
    pub key_file: Option<PathBuf>,
    /// The links of the Go reference that are followed.
    pub legacy: LegacyLinks,
    /// What is known of visitors, and what is kept of them. Shared, so that its tables can
    /// be replaced. Default: the user agents that mailwake knows, and all is kept.
    pub visitors: Arc<Visitors>,
    /// Connections at the same time, over all listeners; more wait to be accepted.
    /// Default: 10,000.
    pub connections_max: usize,
    /// Connections of one address at the same time, or of one network of IPv6; more are
    /// closed. Those of loopback and of `trusted_proxies` are not counted. Default: 1,000.
    pub connections_per_address_max: usize,
    /// Requests that a connection over HTTP/2 may have open at a time. Default: 100.
    pub streams_per_connection_max: u32,
    /// Requests on one connection, after which it is closed: clients come back, perhaps
    /// on a thread that has less to do. Default: 1,000.
    pub requests_per_connection_max: u32,
    /// Octets of a request up to the end of its header fields; more are answered 431.
    /// There may be 100 fields. Default: 16,384, in which the longest token fits twice.
    pub header_octets_max: usize,
    /// How long a request may take to arrive, from the connection or from its first
    /// octets on. Default: 10 s.
    pub header_timeout: Duration,
    /// How long a connection may wait for its next request. Default: 60 s.
    pub idle_timeout: Duration,
    /// How long an answer waits for its event to be on disk. After it the answer goes
    /// out, and is counted as past its deadline. With zero no answer waits, and a crash may
    /// lose what was answered in the last moment. Default: 25 ms.
    pub durable_deadline: Duration,
    /// How long connections may go on after a shutdown was asked for. Default: 10 s.
    pub drain_timeout: Duration,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            redirect_status: RedirectStatus::default(),
            server_header: Some("mailwake".into()),
            not_found: NotFoundPage::default(),
            unsubscribe_page: PageTemplate::default(),
            app_links: AppLinks::default(),
            trusted_proxies: Vec::new(),
            client_address_from: ClientAddressFrom::default(),
            key_file: None,
            legacy: LegacyLinks::default(),
            visitors: Arc::default(),
            connections_max: 10_000,
            connections_per_address_max: 1_000,
            streams_per_connection_max: 100,
            requests_per_connection_max: 1_000,
            header_octets_max: 16 * 1024,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            durable_deadline: Duration::from_millis(25),
            drain_timeout: Duration::from_secs(10),
        }
    }
}
