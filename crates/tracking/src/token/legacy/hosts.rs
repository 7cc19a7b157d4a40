//! Hosts of links that nobody has signed: which may be led to, and which one a URL names.

use std::str::FromStr;

/// A host, or with a leading dot all hosts below a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern(String);

/// Why a text is no pattern for hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a host like shop.example, or .shop.example for all hosts below it, without port")]
pub struct HostPatternError;

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let pattern = text.to_ascii_lowercase();
        let name = pattern.strip_prefix('.').unwrap_or(&pattern);
        match is_host_name(name) && name.split('.').all(|label| !label.is_empty()) {
            true => Ok(Self(pattern)),
            false => Err(HostPatternError),
        }
    }
}

impl HostPattern {
    /// Is this host one of those? A host in any case, without its port.
    pub fn fits(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let end = host.len().checked_sub(self.0.len()).and_then(|start| host.get(start..));
        let is_length_right = match self.0.starts_with('.') {
            true => host.len() > self.0.len(),
            false => host.len() == self.0.len(),
        };
        is_length_right && end.is_some_and(|end| end.eq_ignore_ascii_case(&self.0))
    }
}

/// The host of a URL that every reader finds in the same place: with a scheme and two
/// slashes, without a user, and of the characters of host names alone. A browser takes a
/// backslash for a slash and passes over tabs and line ends (URL Standard §4.4), so what has
/// them before the path is none.
pub fn target_host(url: &str) -> Option<&str> {
    let scheme_end = url.find("://")?;
    let (scheme, rest) = (&url[..scheme_end], &url[scheme_end + 3..]);
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    let is_right = is_host_name(host) && port.bytes().all(|octet| octet.is_ascii_digit());
    is_right.then_some(host)
}

/// ASCII labels and dots. A name in another script stands in a URL in its ASCII form.
fn is_host_name(name: &str) -> bool {
    let may_stand = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    !name.is_empty() && name.bytes().all(may_stand)
}

#[cfg(test)]
mod tests;
