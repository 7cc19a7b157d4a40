//! Tracked links: a tracking URL and a token behind it. The gateway makes them for
//! one copy of a message, the tracker and linktool take them apart.

use crate::{
    ids::MessageId,
    rewrite::{LinkRequest, Links},
    token::{Context, Day, Engagement, Link, Sealer},
    unsubscribe::MailtoUri,
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

    /// The scheme, the host and port, and the path with its slashes.
    fn split_base(&self) -> (&str, &str, &str) {
        let (scheme, rest) = self.base.split_at(self.host_at);
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        (scheme, authority, path)
    }

    /// The host, and the port if there is one.
    pub fn domain(&self) -> &str {
        self.split_base().1
    }

    /// The path, from its first slash to its last.
    pub fn path(&self) -> &str {
        self.split_base().2
    }

    /// How it is asked for.
    pub fn scheme(&self) -> Scheme {
        let is_https = self.base.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("https"));
        if is_https { Scheme::Https } else { Scheme::Http }
    }

    /// The same host and path, asked for otherwise.
    pub fn with_scheme(&self, scheme: Scheme) -> Self {
        if self.scheme() == scheme {
            return self.clone();
        }
        let mut base = format!("{scheme}://");
        let host_at = base.len();
        base.push_str(&self.base[self.host_at..]);
        Self { base, host_at, host_end: host_at + self.host().len() }
    }

    /// The same scheme and path below another host.
    pub fn with_domain(&self, domain: &TrackingDomain) -> Self {
        let (scheme, _, path) = self.split_base();
        let base = [scheme, domain.as_str(), path].concat();
        let host_octets = match domain.0.rfind(']') {
            Some(bracket) => bracket + 1,
            None => domain.0.find(':').unwrap_or(domain.0.len()),
        };
        Self { base, host_at: self.host_at, host_end: self.host_at + host_octets }
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

/// Where the links and the pixels of one message lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackingUrls {
    /// The base URL of pixels.
    pub open: TrackingUrl,
    /// The base URL of links.
    pub click: TrackingUrl,
}

impl TrackingUrls {
    /// Links and pixels below the same URL.
    pub fn both(url: TrackingUrl) -> Self {
        Self { open: url.clone(), click: url }
    }

    /// Both below another host; scheme and path stay.
    pub fn set_domain(&mut self, domain: &TrackingDomain) {
        self.open = self.open.with_domain(domain);
        self.click = self.click.with_domain(domain);
    }
}

/// The scheme of tracked links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// In TLS.
    Https,
}

/// Why a text is no scheme of tracked links.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be \"http\" or \"https\"")]
pub struct SchemeError;

impl Scheme {
    /// As URLs write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scheme {
    type Err = SchemeError;

    /// Takes it in any case, as URLs do (RFC 3986 §3.1).
    fn from_str(text: &str) -> Result<Self, SchemeError> {
        let both = [Self::Http, Self::Https];
        let named = both.into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(text));
        named.ok_or(SchemeError)
    }
}

/// The host of tracked links, with a port where that is not the scheme's own:
/// Momentum's `tracking_domain`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrackingDomain(String);

/// Why a text is no tracking domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a host, or a host and port, like \"track.example.com\"")]
pub struct TrackingDomainError;

impl TrackingDomain {
    /// Longest one, in octets: a name of 253 and a port.
    pub const OCTETS_MAX: usize = 259;

    /// As it stands in links.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrackingDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TrackingDomain {
    type Err = TrackingDomainError;

    /// Takes a name, an address of IPv4, or one of IPv6 in brackets.
    fn from_str(text: &str) -> Result<Self, TrackingDomainError> {
        let (host, port) = match text.rfind(']') {
            Some(bracket) => text.split_at(bracket + 1),
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let is_address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_host = match is_address {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_name(host),
        };
        let is_port = |port: &str| {
            let is_number = port.bytes().all(|octet| octet.is_ascii_digit());
            is_number && port.parse::<u16>().is_ok_and(|port| port > 0)
        };
        let has_right_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        match is_host && has_right_port && text.len() <= Self::OCTETS_MAX {
            true => Ok(Self(text.into())),
            false => Err(TrackingDomainError),
        }
    }
}

/// Is it a domain name of letters, digits, `-` and `_`? No label of it is empty.
pub(crate) fn is_name(text: &str) -> bool {
    let is_right = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(is_right);
    text.len() <= 253 && text.split('.').all(is_label)
}

/// What all links of one copy share.
#[derive(Debug, Clone)]
pub struct CopyFacts<'a> {
    /// Where links and pixels lead.
    pub tracking_urls: &'a TrackingUrls,
    /// Whether they work on their host alone.
    pub is_host_bound: bool,
    /// Whose message it is.
    pub tenant: u64,
    /// The message, which is one copy for one recipient.
    pub message_id: MessageId,
    /// The last day on which engagement is reported.
    pub expires_after: Option<Day>,
    /// What pixels carry for a tracker without a store.
    pub open_context: Option<Context>,
    /// What links carry for it.
    pub click_context: Option<Context>,
    /// The operator's own address in the List-Unsubscribe field.
    pub list_unsubscribe_mailto: Option<&'a MailtoUri>,
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

    /// Appends the token of a link; false if it cannot be sealed. One that is too long with
    /// metadata is sealed without: a link that leads home is worth more.
    fn token(
        &mut self,
        engagement: Engagement<&str>,
        (link_index, name, is_amp): (u32, &str, bool),
        url: &mut String,
    ) -> bool {
        let facts = &self.facts;
        let (base, context) = match engagement {
            Engagement::Open | Engagement::InitialOpen => {
                (&facts.tracking_urls.open, &facts.open_context)
            }
            Engagement::Click { .. }
            | Engagement::Unsubscribe { .. }
            | Engagement::ListUnsubscribe { .. }
            | Engagement::Honeypot => (&facts.tracking_urls.click, &facts.click_context),
        };
        let host = facts.is_host_bound.then(|| base.host());
        let mut link = Link {
            tenant: self.facts.tenant,
            message_id: self.facts.message_id,
            link_index,
            link_name: name.to_owned(),
            is_amp,
            expires_after: self.facts.expires_after,
            context: context.clone(),
            engagement,
        };
        if self.sealer.seal_into(&link, host, url).is_ok() {
            return true;
        }
        match &mut link.context {
            Some(context) if !context.metadata.is_empty() => context.metadata.clear(),
            _ => return false,
        }
        self.sealer.seal_into(&link, host, url).is_ok()
    }

    fn pixel(&mut self, engagement: Engagement<&str>, is_amp: bool, url: &mut String) -> bool {
        url.push_str(self.facts.tracking_urls.open.as_str());
        self.token(engagement, (0, "", is_amp), url)
    }
}

impl Links for SealedLinks<'_> {
    fn click(&mut self, link: &LinkRequest<'_>, url: &mut String) -> bool {
        let target_url = link.target_url;
        let engagement = match link.is_unsubscribe {
            true => Engagement::Unsubscribe { target_url },
            false => Engagement::Click { target_url },
        };
        url.push_str(self.facts.tracking_urls.click.as_str());
        if let Some(path) = link.sublink {
            url.extend(["f/", path, "/"]);
        }
        let name = link.name.unwrap_or_default();
        self.token(engagement, (link.link_index, name, link.is_amp), url)
    }

    fn open(&mut self, is_amp: bool, url: &mut String) -> bool {
        self.pixel(Engagement::Open, is_amp, url)
    }

    fn initial_open(&mut self, is_amp: bool, url: &mut String) -> bool {
        self.pixel(Engagement::InitialOpen, is_amp, url)
    }

    fn honeypot(&mut self, url: &mut String) -> bool {
        url.push_str(self.facts.tracking_urls.click.as_str());
        self.token(Engagement::Honeypot, (0, "", false), url)
    }

    fn list_unsubscribe(&mut self, target_url: &str, octets_max: usize, url: &mut String) -> bool {
        let facts = &self.facts;
        let base = &facts.tracking_urls.click;
        let host = facts.is_host_bound.then(|| base.host());
        let mut link = Link {
            tenant: facts.tenant,
            context: facts.click_context.clone(),
            // It does not expire: people may leave a list at any time.
            ..Link::new(facts.message_id, Engagement::ListUnsubscribe { target_url })
        };
        let start = url.len();
        loop {
            url.truncate(start);
            url.push_str(base.as_str());
            let is_sealed = self.sealer.seal_into(&link, host, url).is_ok();
            if is_sealed && url.len() - start <= octets_max {
                return true;
            }
            // The event tells less without it, and can still be told.
            if link.context.take().is_none() {
                return is_sealed;
            }
        }
    }

    fn list_unsubscribe_mailto(&self) -> Option<String> {
        let mailto = self.facts.list_unsubscribe_mailto?;
        Some(mailto.of(self.facts.message_id))
    }
}

#[cfg(test)]
mod tests;
