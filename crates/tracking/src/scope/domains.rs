//! Tracking domains of some mail: by the domain of its sender, and by its customer.

use crate::link::{TrackingDomain, is_name};
use mail::{
    address::{domain, list::addresses},
    message::header::fields,
};
use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

/// The hosts of links in one scope that are not the same for all mail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrackingDomains {
    /// By sender. It goes before that by customer.
    pub by_sender: Arc<SenderDomains>,
    /// By customer id.
    pub by_customer: Arc<BTreeMap<String, TrackingDomain>>,
}

impl TrackingDomains {
    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.by_sender.0.is_empty() && self.by_customer.is_empty()
    }

    /// The host for mail of this sender domain and customer, either of which may be empty;
    /// `None` where it is that of all mail.
    pub fn of(&self, sender_domain: &str, customer_id: &str) -> Option<&TrackingDomain> {
        let of_sender = self.by_sender.of(sender_domain);
        of_sender.or_else(|| self.by_customer.get(customer_id))
    }
}

/// The domain that a message comes from: that of the first address in From, which its
/// reader sees and its signature is aligned with; where that has none, that of the
/// reverse-path, which may be one for bounces alone. Empty where neither has one.
pub fn sender_domain(message: &[u8], reverse_path: &str) -> String {
    let from = fields(message).find(|field| field.is("From"));
    let value = from.map(|field| field.value()).unwrap_or_default();
    let value = &value[..value.len().min(FIELD_OCTETS_MAX)];
    let author = addresses(&String::from_utf8_lossy(value)).first().map(|first| domain(first));
    author.unwrap_or_else(|| domain(reverse_path))
}

/// Octets of From that are looked at.
const FIELD_OCTETS_MAX: usize = 2_000;

/// Hosts by the domain of the sender.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SenderDomains(BTreeMap<SenderPattern, TrackingDomain>);

impl SenderDomains {
    /// The host for a sender domain: its own, or that of the nearest wildcard above it.
    fn of(&self, domain: &str) -> Option<&TrackingDomain> {
        if self.0.is_empty() {
            return None;
        }
        let domain = domain.trim_end_matches('.').to_ascii_lowercase();
        let mut above = domain.as_str();
        let exact = self.0.get(&SenderPattern::Exact(domain.clone()));
        exact.or_else(|| {
            while let Some((_, parent)) = above.split_once('.') {
                let found = self.0.get(&SenderPattern::Below(parent.to_owned()));
                if found.is_some() {
                    return found;
                }
                above = parent;
            }
            None
        })
    }

    /// Each with its pattern.
    pub fn iter(&self) -> impl Iterator<Item = (&SenderPattern, &TrackingDomain)> {
        self.0.iter()
    }
}

impl FromIterator<(SenderPattern, TrackingDomain)> for SenderDomains {
    fn from_iter<I: IntoIterator<Item = (SenderPattern, TrackingDomain)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// Which domains of senders are meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SenderPattern {
    /// This one.
    Exact(String),
    /// All that are below it, as `*.example.com` says.
    Below(String),
}

/// Why a text is no such pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a domain like \"example.com\", or \"*.example.com\" for all below it")]
pub struct SenderPatternError;

impl fmt::Display for SenderPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(domain) => f.write_str(domain),
            Self::Below(domain) => write!(f, "*.{domain}"),
        }
    }
}

impl FromStr for SenderPattern {
    type Err = SenderPatternError;

    /// Takes names as they stand in addresses, also in UTF-8 (RFC 6531 §3.3).
    fn from_str(text: &str) -> Result<Self, SenderPatternError> {
        let lower = text.to_ascii_lowercase();
        let (name, pattern): (_, fn(String) -> Self) = match lower.strip_prefix("*.") {
            Some(name) => (name, Self::Below),
            None => (lower.as_str(), Self::Exact),
        };
        let ascii: String = name
            .chars()
            .map(|character| if character.is_ascii() { character } else { 'x' })
            .collect();
        match is_name(&ascii) {
            true => Ok(pattern(name.to_owned())),
            false => Err(SenderPatternError),
        }
    }
}
