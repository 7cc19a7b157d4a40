//! Links that are left as they are: by the domain they lead to, or by a pattern. Both
//! are compared without regard to the case of ASCII letters.

use memchr::memmem;
use std::{fmt, str::FromStr};

#[cfg(test)]
mod tests;

/// Which links are left as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exclusions {
    /// Links to these domains and to what is below them.
    pub domains: Vec<Domain>,
    /// Links like these.
    pub links: Vec<LinkPattern>,
}

impl Exclusions {
    /// Is this http or https URL one of them?
    pub fn cover(&self, url: &str) -> bool {
        if self.domains.is_empty() && self.links.is_empty() {
            return false;
        }
        let url = url.to_ascii_lowercase();
        let host = host(&url);
        self.domains.iter().any(|domain| domain.holds(host))
            || self.links.iter().any(|pattern| pattern.fits(&url))
    }
}

/// A domain and all that is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain(String);

/// Why a text is no domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a domain like example.com, without scheme, port or path")]
pub struct DomainError;

impl Domain {
    fn holds(&self, host: &str) -> bool {
        host.strip_suffix(self.0.as_str()).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    /// Takes a name or an address as links have it; `*.` before it says nothing more.
    fn from_str(text: &str) -> Result<Self, DomainError> {
        let name = text.trim().trim_end_matches('.');
        let name = name.strip_prefix("*.").unwrap_or(name);
        let is_name = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-._[]:".contains(c);
        let is_address = name.starts_with('[') && name.ends_with(']');
        let has_port = name.contains(':') && !is_address;
        if name.is_empty() || name.starts_with('.') || has_port || !name.chars().all(is_name) {
            return Err(DomainError);
        }
        Ok(Self(name.to_ascii_lowercase()))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A whole URL with `*` for any characters, also none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkPattern {
    /// What stands between the stars. With none there is one piece.
    pieces: Vec<String>,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a URL with * for any characters, like https://example.com/unsubscribe*")]
pub struct LinkPatternError;

impl LinkPattern {
    /// Each piece is looked for once, from left to right, so the cost is linear.
    fn fits(&self, url: &str) -> bool {
        let [first, between @ .., last] = &self.pieces[..] else {
            return self.pieces[0] == url;
        };
        let Some(rest) = url.strip_prefix(first.as_str()) else { return false };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
        between.iter().all(|piece| {
            let found = memmem::find(rest.as_bytes(), piece.as_bytes());
            rest = found.map_or("", |at| &rest[at + piece.len()..]);
            found.is_some()
        })
    }
}

impl fmt::Display for LinkPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pieces.join("*"))
    }
}

impl FromStr for LinkPattern {
    type Err = LinkPatternError;

    fn from_str(text: &str) -> Result<Self, LinkPatternError> {
        let text = text.trim();
        if text.is_empty() || text.contains(|c: char| c.is_ascii_whitespace()) {
            return Err(LinkPatternError);
        }
        let pieces = text.to_ascii_lowercase().split('*').map(str::to_owned).collect();
        Ok(Self { pieces })
    }
}

/// The host of a URL in lower case, without user, port and final dot. Browsers take a
/// backslash for a slash (URL standard, 4.4).
fn host(url: &str) -> &str {
    let is_slash = |c: char| matches!(c, '/' | '\\');
    let rest = url.split_once(':').map_or("", |(_, rest)| rest).trim_start_matches(is_slash);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let end = match host.rfind(']') {
        Some(bracket) => bracket + 1,
        None => host.find(':').unwrap_or(host.len()),
    };
    host[..end].trim_end_matches('.')
}
