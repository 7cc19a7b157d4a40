//! A server's URL.

use std::{fmt, str::FromStr};

/// Where a server is: `redis://host:port/database`, or `rediss://` in TLS. Who we are to it is
/// never in there, so that it can be told to everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// The name of the host or its address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The number of the database.
    pub database: i64,
    /// Is it spoken to in TLS?
    pub is_tls: bool,
}

/// Why a text is no such URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be like \"redis://10.0.0.1:6379\" or \"rediss://redis.example:6380\", without a name or password"
)]
pub struct ServerUrlError;

/// The port, if the URL has none.
const PORT: u16 = 6379;

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    /// Refuses names and passwords as well: they have keys of their own.
    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(ServerUrlError)?;
        let is_tls = match scheme {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return Err(ServerUrlError),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let database = match path {
            "" => 0,
            digits => digits.parse::<u16>().map_err(|_| ServerUrlError)?.into(),
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (host, behind) = bracketed.split_once(']').ok_or(ServerUrlError)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| ServerUrlError)?;
                (host, behind)
            }
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(digits) => digits.parse().ok().filter(|port| *port > 0).ok_or(ServerUrlError)?,
            None if port.is_empty() => PORT,
            None => return Err(ServerUrlError),
        };
        let may_stand = |octet: u8| octet.is_ascii_alphanumeric() || b"-._:".contains(&octet);
        let is_host = !host.is_empty() && host.bytes().all(may_stand);
        is_host.then(|| Self { host: host.into(), port, database, is_tls }).ok_or(ServerUrlError)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "rediss" } else { "redis" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port)?,
            false => write!(f, "{scheme}://{}:{}", self.host, self.port)?,
        }
        if self.database == 0 { Ok(()) } else { write!(f, "/{}", self.database) }
    }
}
