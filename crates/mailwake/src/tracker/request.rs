//! What a request asks for. The head of a request comes in, a token or a reason to
//! refuse goes out; nothing is verified here.

use hyper::{
    Method, Request, Version,
    header::{HOST, HeaderMap, USER_AGENT},
};

/// Octets of a User-Agent field that are kept.
const USER_AGENT_OCTETS_MAX: usize = 1024;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// What may be a link of ours.
    Link {
        /// The last segment of the path.
        token: &'a str,
        /// The host that was asked, without its port; empty where none was named.
        host: &'a str,
    },
    /// What robots may fetch.
    Robots,
    /// The icon that browsers look for on every host.
    Favicon,
    /// The file that links the domain with apps of this system.
    AppLinks(AppSystem),
    /// A form for what may be a link of ours.
    Form {
        /// As in `Link`.
        token: &'a str,
        /// As in `Link`.
        host: &'a str,
    },
    /// What may be asked (RFC 9110 §9.3.7).
    Options,
    /// None of GET, HEAD, POST and OPTIONS.
    OtherMethod,
    /// No host in HTTP/1.1, several, or what cannot be one (RFC 9112 §3.2).
    BadHost,
}

/// A system whose apps open links of a domain that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AppSystem {
    /// Universal links of Apple.
    Apple,
    /// App links of Android.
    Android,
}

impl AppSystem {
    /// Where it looks for the file (RFC 8615 §3).
    fn of_path(path: &str) -> Option<Self> {
        match path.strip_prefix("/.well-known/")? {
            "apple-app-site-association" => Some(Self::Apple),
            "assetlinks.json" => Some(Self::Android),
            _ => None,
        }
    }
}

/// Reads the head of a request. A path in front of the token is what a proxy may have
/// put there; a query is what others append to links. Conditions and ranges are passed
/// over: an answer has no validator to compare and is given whole, each time (RFC 9110
/// §13.1, §14.2), since a 304 from a cache would be an engagement that nobody sees.
pub(super) fn read<B>(request: &Request<B>) -> Asked<'_> {
    // RFC 9112 §3.2 asks for this whatever the method is.
    let Some(host) = host(request) else { return Asked::BadHost };
    match *request.method() {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return Asked::Options,
        Method::POST => return Asked::Form { token: token(request), host },
        _ => return Asked::OtherMethod,
    }
    let path = request.uri().path();
    match path {
        "/robots.txt" => return Asked::Robots,
        "/favicon.ico" => return Asked::Favicon,
        _ => {}
    }
    if let Some(system) = AppSystem::of_path(path) {
        return Asked::AppLinks(system);
    }
    Asked::Link { token: token(request), host }
}

/// The last segment of the path.
fn token<B>(request: &Request<B>) -> &str {
    let path = request.uri().path();
    let slash = memchr::memrchr(b'/', path.as_bytes());
    slash.map_or(path, |slash| &path[slash + 1..])
}

/// The host that was asked. The authority of a target in absolute form wins over the
/// Host field (RFC 9112 §3.2.2); in HTTP/2 it is `:authority`, beside which there need be no
/// such field (RFC 9113 §8.3.1).
fn host<B>(request: &Request<B>) -> Option<&str> {
    let mut fields = request.headers().get_all(HOST).iter();
    let field = match (fields.next(), fields.next()) {
        (Some(field), None) => field.to_str().ok().filter(|field| is_authority(field))?,
        (None, _) if request.version() == Version::HTTP_10 => "",
        (None, _) if request.version() == Version::HTTP_2 => request.uri().host()?,
        _ => return None,
    };
    Some(request.uri().host().unwrap_or_else(|| without_port(field)))
}

/// Can this be a host and a port (RFC 3986 §3.2)? What has a user, a path or a space in it
/// is read differently by whoever stands in front.
fn is_authority(field: &str) -> bool {
    const MAY_STAND: [bool; 256] = {
        let mut may_stand = [false; 256];
        let mut octet = 0_u8;
        while octet < 128 {
            may_stand[octet as usize] = octet.is_ascii_alphanumeric();
            octet += 1;
        }
        let mut others: &[u8] = b"-._~!$&'()*+,;=%:[]";
        while let [first, rest @ ..] = others {
            may_stand[*first as usize] = true;
            others = rest;
        }
        may_stand
    };
    field.bytes().all(|octet| MAY_STAND[usize::from(octet)])
}

fn without_port(authority: &str) -> &str {
    // An IPv6 address stands in brackets (RFC 3986 §3.2.2), and a link is bound to it
    // with them.
    let octets = authority.as_bytes();
    let host_end = match memchr::memrchr(b']', octets) {
        Some(bracket) => bracket + 1,
        None => memchr::memchr(b':', octets).unwrap_or(octets.len()),
    };
    &authority[..host_end]
}

/// The User-Agent field (RFC 9110 §10.1.5), the beginning of a long one; empty where
/// there is none.
pub(super) fn user_agent(fields: &HeaderMap) -> String {
    let octets = fields.get(USER_AGENT).map_or(&b""[..], |value| value.as_bytes());
    let kept = &octets[..octets.len().min(USER_AGENT_OCTETS_MAX)];
    String::from_utf8_lossy(kept).into_owned()
}

#[cfg(test)]
mod tests;
