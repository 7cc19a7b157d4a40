//! Tells a sender: a form is posted to its URL, and the status of the answer comes back.
//! The URL is what somebody else wrote, so it leads nowhere but to the internet, unless the
//! configuration says so; no redirect is followed, and the body of the answer is not read.

use crate::{
    feeders::http::{self, Call, HttpConfig, HttpError, Reach, Url},
    net::{
        network::Network,
        tls::{TlsError, client::Verification},
    },
};
use bytes::Bytes;
use hyper::{
    HeaderMap, Method, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use std::time::Duration;
use tracking::unsubscribe::ONE_CLICK;

/// Where the form may go.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Whether URLs of http are taken as well.
    pub allows_http: bool,
    /// Networks that are not of the internet, and are allowed all the same.
    pub private_networks: Vec<Network>,
    /// How certificates are looked at.
    pub verification: Verification,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// Why a sender was not told.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// No URL that is allowed.
    #[error("no URL of {}", if *.allows_http { "https or http" } else { "https" })]
    Url {
        /// Whether http is.
        allows_http: bool,
    },
    /// There is no answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The sender said something else than that it was done.
    #[error("status {0}")]
    Status(StatusCode),
}

impl PostError {
    /// Will another attempt go the same way?
    pub(super) fn is_permanent(&self) -> bool {
        match self {
            Self::Url { .. } | Self::Http(HttpError::NotHttps | HttpError::Private) => true,
            Self::Status(status) => *status == StatusCode::GONE,
            Self::Http(_) => false,
        }
    }
}

/// Posts forms.
pub struct Client {
    allows_http: bool,
    http: http::Client,
}

impl Client {
    /// A client with these limits. Authorities are read now, and again when they change.
    pub fn load(config: ClientConfig) -> Result<Self, TlsError> {
        let allows_http = config.allows_http;
        let http = http::Client::load(HttpConfig {
            allows_http,
            reach: Reach::Internet(config.private_networks),
            verification: config.verification,
            own_certificate: None,
            timeout: config.timeout,
        })?;
        Ok(Self { allows_http, http })
    }

    /// Posts `List-Unsubscribe=One-Click` (RFC 8058 §3.2) to a URL, without cookies or
    /// anything that says who does it.
    pub(super) async fn post(&self, url: &str) -> Result<(), PostError> {
        let allows_http = self.allows_http;
        let url = Url::without_user(url).ok().filter(|url| url.is_https() || allows_http);
        let url = url.ok_or(PostError::Url { allows_http })?;
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let call = Call {
            method: Method::POST,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, form)]),
            body: Bytes::from_static(ONE_CLICK.as_bytes()),
        };
        let status = self.http.status_of(&url, call).await?;
        if status.is_success() { Ok(()) } else { Err(PostError::Status(status)) }
    }
}

/// The host of a URL in lower case; empty where it has none.
pub(super) fn host(url: &str) -> String {
    Url::without_user(url).map(|url| url.host().to_ascii_lowercase()).unwrap_or_default()
}
