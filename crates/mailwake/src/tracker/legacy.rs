//! Links of the Go reference (sparkypmtatracking), which old mail still carries. Nobody has
//! signed them: anybody can write one. So they are read on configured hosts alone, lead to
//! configured hosts alone, and everything else in them is an unknown link.

use tracking::{
    ids::{MessageId, Timestamp},
    token::{
        Engagement, Link,
        legacy::{self, HostPattern, LegacyLink},
    },
};

/// Which links of the Go reference are followed. By default none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LegacyLinks {
    /// The hosts on which such links are read.
    pub hosts: Vec<HostPattern>,
    /// The hosts to which they may lead.
    pub target_hosts: Vec<HostPattern>,
}

/// A link that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReadLink {
    pub(super) link: Link,
    /// Does its id name a message? If not, the one in `link` says nothing, and an event
    /// would be of no message.
    pub(super) is_identified: bool,
}

impl LegacyLinks {
    /// What a token says that was asked for on this host; `None` for what is not followed.
    pub(super) fn read(&self, token: &str, host: &str) -> Option<ReadLink> {
        if !self.hosts.iter().any(|pattern| pattern.fits(host)) {
            return None;
        }
        let (_, LegacyLink { act, t_url, msg_id, .. }) = legacy::decode(token).ok()?;
        let engagement = match act.as_str() {
            "o" => Engagement::Open,
            "i" => Engagement::InitialOpen,
            "c" if self.may_lead_to(&t_url) => Engagement::Click { target_url: t_url },
            _ => return None,
        };
        let message_id = msg_id.to_ascii_lowercase().parse().ok();
        let is_identified = message_id.is_some();
        let link = Link::new(
            message_id.unwrap_or_else(|| MessageId::new(Timestamp(0), [0; 5])),
            engagement,
        );
        Some(ReadLink { link, is_identified })
    }

    /// Is this an http or https URL to one of the hosts, also to a browser's lenient eye?
    fn may_lead_to(&self, target_url: &str) -> bool {
        let host = legacy::target_host(target_url);
        host.is_some_and(|host| self.target_hosts.iter().any(|pattern| pattern.fits(host)))
    }
}

#[cfg(test)]
mod tests;
