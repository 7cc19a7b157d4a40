//! Who requests a link. The request and the client's address come in; out goes what an
//! event says of the visitor: the verdict, where the address is, and as much of the address
//! and the user agent as the configuration keeps. What is not kept is nowhere but here.

mod geo;
mod heads;
#[cfg(test)]
mod tests;

pub use geo::{Geo, GeoError};

use super::request;
use arc_swap::ArcSwap;
use heads::Heads;
use hyper::header::{HeaderMap, HeaderValue};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tracking::{
    event::Visit,
    ids::{MessageId, Timestamp},
    token::{Engagement, Link},
    verdict::{self, Purpose, Request, Verdict, recognition::Recognition},
};

/// How much of a client's address events keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IpAddresses {
    /// All of it.
    #[default]
    Full,
    /// The first 24 bits of IPv4, the first 48 of IPv6.
    Truncated,
    /// Nothing.
    None,
}

/// What becomes of the wish not to be tracked (`DNT: 1`, `Sec-GPC: 1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DoNotTrack {
    /// Nothing.
    #[default]
    Ignore,
    /// The address is kept truncated at most.
    Truncate,
    /// Neither address nor place nor user agent is kept; what happened is.
    Anonymous,
}

/// What is known of visitors, and what is kept of them. `known` and `geo` can be replaced
/// while requests are answered.
#[derive(Debug, Default)]
pub struct Visitors {
    ip_addresses: IpAddresses,
    do_not_track: DoNotTrack,
    known: ArcSwap<Recognition>,
    geo: ArcSwap<Option<Geo>>,
    heads: Heads,
}

impl PartialEq for Visitors {
    fn eq(&self, other: &Self) -> bool {
        (self.ip_addresses, self.do_not_track) == (other.ip_addresses, other.do_not_track)
            && **self.known.load() == **other.known.load()
            && **self.geo.load() == **other.geo.load()
    }
}

impl Eq for Visitors {}

impl Visitors {
    /// Keeps that much of visitors, and knows them by these tables.
    pub fn new(
        ip_addresses: IpAddresses,
        do_not_track: DoNotTrack,
        known: Recognition,
        geo: Option<Geo>,
    ) -> Self {
        Self {
            ip_addresses,
            do_not_track,
            known: ArcSwap::from_pointee(known),
            geo: ArcSwap::from_pointee(geo),
            heads: Heads::default(),
        }
    }

    /// Takes over the tables of `other`, from the next request on.
    pub fn replace_tables(&self, other: &Self) {
        self.known.store(other.known.load_full());
        self.geo.store(other.geo.load_full());
    }

    /// Remembers a HEAD request, which is no engagement, as evidence for the next GET.
    pub(super) fn note_head(
        &self,
        message_id: &MessageId,
        fields: &HeaderMap,
        address: IpAddr,
        now: Timestamp,
    ) {
        self.heads.note(message_id, address, &request::user_agent(fields), now);
    }

    /// Who requests a link, and what the link itself tells of its message.
    pub(super) fn visit(
        &self,
        link: &Link,
        fields: &HeaderMap,
        address: IpAddr,
        now: Timestamp,
    ) -> Visit {
        let told = link.context.as_ref();
        let mut visit = Visit {
            user_agent: request::user_agent(fields),
            campaign_id: told.map(|told| told.campaign_id.clone()).unwrap_or_default(),
            // What the gateway has sealed is an object.
            rcpt_meta: told
                .and_then(|told| serde_json::from_str(&told.metadata).ok())
                .unwrap_or_default(),
            ..Visit::default()
        };
        let said = Said::by(fields);
        self.judge(&mut visit, link, said, address, now);
        visit.geo_ip = (**self.geo.load()).as_ref().and_then(|geo| geo.find(address)).map(Box::new);
        visit.ip_address = self.kept(address);
        if said.is_not_to_be_tracked {
            match self.do_not_track {
                DoNotTrack::Ignore => {}
                DoNotTrack::Truncate => visit.ip_address = visit.ip_address.map(truncated),
                DoNotTrack::Anonymous => {
                    (visit.ip_address, visit.geo_ip) = (None, None);
                    visit.user_agent.clear();
                }
            }
        }
        visit
    }

    fn judge(&self, visit: &mut Visit, link: &Link, said: Said, address: IpAddr, now: Timestamp) {
        let purpose = match link.engagement {
            Engagement::Open | Engagement::InitialOpen => Purpose::Open,
            // What it asks for is done by POST alone (RFC 8058), at a person's wish; the
            // server of a mailbox provider brings it.
            Engagement::ListUnsubscribe { .. } => {
                visit.verdict = Some(Verdict::Human);
                return;
            }
            Engagement::Honeypot => Purpose::Honeypot,
            Engagement::Click { .. } | Engagement::Unsubscribe { .. } => Purpose::Click,
        };
        let request = Request {
            purpose,
            user_agent: &visit.user_agent,
            address,
            age_ms: Some(verdict::age_ms(&link.message_id, now)),
            is_declared_prefetch: said.is_declared_prefetch,
            follows_head: self.heads.follows(&link.message_id, address, &visit.user_agent, now),
        };
        let judgement = verdict::judge(&request, &self.known.load());
        visit.verdict = Some(judgement.verdict);
        visit.verdict_reasons = judgement.reasons;
    }

    fn kept(&self, address: IpAddr) -> Option<IpAddr> {
        match self.ip_addresses {
            IpAddresses::Full => Some(address),
            IpAddresses::Truncated => Some(truncated(address)),
            IpAddresses::None => None,
        }
    }
}

/// The first 24 bits of an IPv4 address, the first 48 of an IPv6 one; the others are zero.
fn truncated(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 80 << 80).into(),
    }
}

/// What a client says of itself and its wishes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Said {
    /// Tracking Preference Expression (W3C, 2019) and Global Privacy Control (W3C draft).
    is_not_to_be_tracked: bool,
    /// `Sec-Purpose` (Fetch Standard), and the fields in which browsers have said so before it.
    is_declared_prefetch: bool,
}

impl Said {
    /// Reads it from the fields of a request, in one pass: to look for each of them would take
    /// several times as long, and most are in no request. Of fields with one name the first
    /// one counts.
    fn by(fields: &HeaderMap) -> Self {
        let mut said = Self::default();
        for name in fields.keys() {
            let name = name.as_str();
            let value = |named| fields.get(named).map_or(&b""[..], HeaderValue::as_bytes);
            match name {
                "dnt" | "sec-gpc" => said.is_not_to_be_tracked |= value(name) == b"1",
                "sec-purpose" | "purpose" | "x-moz" => {
                    said.is_declared_prefetch |= begins(value(name), b"prefetch");
                }
                "x-purpose" => said.is_declared_prefetch |= begins(value(name), b"preview"),
                _ => {}
            }
        }
        said
    }
}

fn begins(value: &[u8], word: &[u8]) -> bool {
    value.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
}
