//! Tracked links: a tracking URL and a token behind it. The gateway makes them for
//! one copy of a message, the tracker and linktool take them apart.

use crate::{
    ids::MessageId,
    rewrite::{LinkRequest, Links},
    token::{Context, Day, Engagement, Link, Sealer},
};
use std::{fmt, str::FromStr};

/// The base URL of tracked links: `https://track.example.com/`, with a port and a
/// path where the tracker is behind one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackingUrl {
    base: String,
    host_at: usize,
    host_end: usize,
}

/// Why a text is no base URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a URL like https://track.example.com/, without a query or a fragment")]
pub struct TrackingUrlError;

impl TrackingUrl {
    /// The URL of a token.
    pub fn link(&self, token: &str) -> String {
        [&self.base, token].concat()
    }

    /// The host name, without the port.
    pub fn host(&self) -> &str {
        &self.base[self.host_at..self.host_end]
    }

    /// The whole base, which ends in a slash.
    pub fn as_str(&self) -> &str {
        &self.base
    }

    /// A link in two: its base URL and its token. `None` where it is no such URL.
    pub fn split(link: &str) -> Option<(Self, &str)> {
        let link = link.trim();
        let slash = link.rfind('/')?;
        let base = link[..=slash].parse().ok()?;
        Some((base, &link[slash + 1..]))
    }
}

impl FromStr for TrackingUrl {
    type Err = TrackingUrlError;

    /// Takes `http` and `https`; adds the final slash where it is missing.
    fn from_str(text: &str) -> Result<Self, TrackingUrlError> {
        let scheme_end = ["https://", "http://"]
            .iter()
            .find(|scheme| {
                text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            })
            .map(|scheme| scheme.len())
            .ok_or(TrackingUrlError)?;
        let is_plain = |c: char| c.is_ascii_graphic() && !"?#\"<>\\@".contains(c);
        if !text[scheme_end..].chars().all(is_plain) {
            return Err(TrackingUrlError);
        }
        let mut base = text.to_owned();
        if !base[scheme_end..].ends_with('/') {
            base.push('/');
        }
        let authority = base[scheme_end..].split('/').next().unwrap_or_default();
        let host_octets = match authority.rfind(']') {
            Some(bracket) => bracket + 1,
            None => authority.find(':').unwrap_or(authority.len()),
        };
        if host_octets == 0 {
            return Err(TrackingUrlError);
        }
        Ok(Self { base, host_at: scheme_end, host_end: scheme_end + host_octets })
    }
}

impl fmt::Display for TrackingUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

/// What all links of one copy share.
#[derive(Debug, Clone)]
pub struct CopyFacts<'a> {
    /// Where links lead.
    pub tracking_url: &'a TrackingUrl,
    /// Whether they work on that host alone.
    pub is_host_bound: bool,
    /// Whose message it is.
    pub tenant: u64,
    /// The message, which is one copy for one recipient.
    pub message_id: MessageId,
    /// The last day on which engagement is reported.
    pub expires_after: Option<Day>,
    /// What the link carries for a tracker without a store.
    pub context: Option<Context>,
}

/// Seals the links of one copy.
pub struct SealedLinks<'a> {
    facts: CopyFacts<'a>,
    sealer: &'a mut Sealer,
}

impl<'a> SealedLinks<'a> {
    /// Links with these facts, sealed with the sealer's active key.
    pub fn new(facts: CopyFacts<'a>, sealer: &'a mut Sealer) -> Self {
        Self { facts, sealer }
    }

    /// Appends the token of a link; false if it cannot be sealed.
    fn token(&mut self, engagement: Engagement, link_index: u32, url: &mut String) -> bool {
        let host = self.facts.is_host_bound.then(|| self.facts.tracking_url.host());
        let link = Link {
            tenant: self.facts.tenant,
            message_id: self.facts.message_id,
            link_index,
            expires_after: self.facts.expires_after,
            context: self.facts.context.clone(),
            engagement,
        };
        self.sealer.seal_into(&link, host, url).is_ok()
    }

    fn pixel(&mut self, engagement: Engagement, url: &mut String) -> bool {
        url.push_str(self.facts.tracking_url.as_str());
        self.token(engagement, 0, url)
    }
}

impl Links for SealedLinks<'_> {
    fn click(&mut self, link: &LinkRequest<'_>, url: &mut String) -> bool {
        let target_url = link.target_url.to_owned();
        let engagement = match link.is_unsubscribe {
            true => Engagement::Unsubscribe { target_url },
            false => Engagement::Click { target_url },
        };
        url.push_str(self.facts.tracking_url.as_str());
        if let Some(path) = link.sublink {
            url.extend(["f/", path, "/"]);
        }
        self.token(engagement, link.link_index, url)
    }

    fn open(&mut self, url: &mut String) -> bool {
        self.pixel(Engagement::Open, url)
    }

    fn initial_open(&mut self, url: &mut String) -> bool {
        self.pixel(Engagement::InitialOpen, url)
    }
}

#[cfg(test)]
mod tests;
