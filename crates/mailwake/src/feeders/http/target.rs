//! A URL of http or https, taken apart.

use hyper::{Uri, header::HeaderValue, http::uri::Authority};
use std::{fmt, str::FromStr};

/// Where a request goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    is_https: bool,
    host: String,
    port: u16,
    authority: HeaderValue,
    path: Uri,
}

/// No URL of http or https.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no URL of http or https without a name and a password in it")]
pub struct UrlError;

impl FromStr for Url {
    type Err = UrlError;

    /// Refuses other schemes, URLs without a host, and those with a name or a password in them,
    /// which would end in logs.
    fn from_str(text: &str) -> Result<Self, UrlError> {
        let uri = text.parse().map_err(|_| UrlError)?;
        let has_user = |authority: &Authority| authority.as_str().contains('@');
        if Uri::authority(&uri).is_some_and(has_user) {
            return Err(UrlError);
        }
        Self::of(&uri)
    }
}

impl Url {
    /// A URL of somebody else's: a name and a password in it are left out. Refuses other schemes,
    /// and URLs without a host.
    pub fn without_user(text: &str) -> Result<Self, UrlError> {
        Self::of(&text.parse().map_err(|_| UrlError)?)
    }

    fn of(uri: &Uri) -> Result<Self, UrlError> {
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(UrlError),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(UrlError)?;
        let authority = match uri.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            is_https,
            host: bare.into(),
            port: uri.port_u16().unwrap_or(if is_https { 443 } else { 80 }),
            authority: HeaderValue::from_str(&authority).map_err(|_| UrlError)?,
            path: path.parse().map_err(|_| UrlError)?,
        })
    }

    /// Is it in TLS?
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// The name or the address of the host, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A path below this URL, which begins with a slash. A query is left out.
    pub fn below(&self, path: &'static str) -> Self {
        let above = self.path.path().trim_end_matches('/');
        let path = format!("{above}{path}").parse().unwrap_or(Uri::from_static(path));
        Self { path, ..self.clone() }
    }

    /// The same with another query, which has nothing in it that would have to be quoted.
    pub fn with_query(&self, query: &str) -> Result<Self, UrlError> {
        let path = format!("{}?{query}", self.path.path());
        Ok(Self { path: path.parse().map_err(|_| UrlError)?, ..self.clone() })
    }

    /// The path and the query, as they stand in a request.
    pub(super) fn path(&self) -> &Uri {
        &self.path
    }

    /// The Host field.
    pub(super) fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// Does one connection do for both?
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        (self.is_https, self.port, &self.host) == (other.is_https, other.port, &other.host)
    }
}

/// Without the query, in which there may be a secret.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        let authority = self.authority.to_str().unwrap_or_default();
        write!(f, "{scheme}://{authority}{}", self.path.path())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
