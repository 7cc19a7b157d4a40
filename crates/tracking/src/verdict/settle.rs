//! Settled verdicts: all requests for one message come in, with their first verdicts; out
//! goes what they are in each other's light. The order in which they come in makes no
//! difference, and what lies further apart than `REACH_MS` has no say in each other.
//!
//! A verdict only ever gets worse here, and only by evidence at the same time: a person who
//! follows a link when the scanners are gone stays a person.

use super::{Judgement, Verdict, reason};
use crate::ids::Timestamp;
use std::{collections::BTreeSet, net::IpAddr};

/// How far in time a request can bear witness of another: the longest of all that follows.
pub const REACH_MS: i64 = HONEYPOT_MS + SAME_VISITOR_MS;

/// So many links of a message are followed by nobody in so many milliseconds.
const LINKS_AT_ONCE: [(i64, usize); 3] = [(500, 2), (2_000, 3), (5_000, 5)];

/// The same, for requests of any visitors together: some scanners spread them.
const LINKS_AT_ONCE_OF_ALL: (i64, usize) = (2_000, 3);

/// How long around a hidden link that was followed its visitor is taken for a scanner.
const HONEYPOT_MS: i64 = 600_000;

/// How long so are all that come from its network.
const HONEYPOT_NETWORK_MS: i64 = 10_000;

/// How long so are all.
const HONEYPOT_ALL_MS: i64 = 2_000;

/// How long around the request of a scanner its other requests are those of a scanner.
const SAME_VISITOR_MS: i64 = 30_000;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// A pixel.
    Open,
    /// A link, by its number.
    Click(i64),
    /// A link that no person sees.
    Honeypot,
    /// What only a person's wish leads to, such as a POST of RFC 8058.
    Wish,
}

/// One request for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// When.
    pub at: Timestamp,
    /// What was asked for.
    pub deed: Deed,
    /// From where, as far as it was kept.
    pub address: Option<IpAddr>,
    /// The user agent, or a digest of it.
    pub agent: u32,
    /// The first verdict.
    pub first: Judgement,
}

impl Sighting {
    /// Do the first bits of their addresses agree, /24 or /48, which is as much as
    /// truncated ones have? Where none was kept, anything may be so.
    fn is_near(&self, other: &Self) -> bool {
        match (self.address, other.address) {
            (Some(one), Some(other)) => match (one.to_canonical(), other.to_canonical()) {
                (IpAddr::V4(one), IpAddr::V4(other)) => one.to_bits() >> 8 == other.to_bits() >> 8,
                (IpAddr::V6(one), IpAddr::V6(other)) => {
                    one.to_bits() >> 80 == other.to_bits() >> 80
                }
                _ => false,
            },
            (None, None) => true,
            _ => false,
        }
    }

    fn is_same_visitor(&self, other: &Self) -> bool {
        self.agent == other.agent && self.is_near(other)
    }

    fn distance_ms(&self, other: &Self) -> i64 {
        self.at.0.saturating_sub(other.at.0).saturating_abs()
    }
}

/// The settled verdicts of all requests for one message, in the order of the sightings.
pub fn settle(sightings: &[Sighting]) -> Vec<Judgement> {
    let mut settled: Vec<_> = sightings.iter().map(|sighting| sighting.first.clone()).collect();
    for index in links_at_once(sightings) {
        settled[index].find(Verdict::Scanner, reason::LINKS_AT_ONCE);
    }
    for (index, judgement) in settled.iter_mut().enumerate() {
        if sightings[index].deed != Deed::Wish && is_by_honeypot(sightings, index) {
            judgement.find(Verdict::Scanner, reason::HONEYPOT);
        }
    }
    // Only those that were found so far bear witness: one step, so that a visitor is not
    // taken for a scanner by a chain of coincidences.
    let scanners: Vec<_> = (0..sightings.len())
        .filter(|index| settled[*index].verdict == Verdict::Scanner)
        .map(|index| &sightings[index])
        .collect();
    for (sighting, judgement) in sightings.iter().zip(&mut settled) {
        let is_witness = |other: &&&Sighting| {
            sighting.distance_ms(other) <= SAME_VISITOR_MS && sighting.is_same_visitor(other)
        };
        if !judgement.verdict.is_machine()
            && sighting.deed != Deed::Wish
            && scanners.iter().any(|other| is_witness(&other))
        {
            judgement.find(Verdict::Scanner, reason::SAME_VISITOR);
        }
    }
    settled
}

/// Those that are among several links that were followed at once.
fn links_at_once(sightings: &[Sighting]) -> BTreeSet<usize> {
    let mut clicks: Vec<usize> = (0..sightings.len())
        .filter(|index| matches!(sightings[*index].deed, Deed::Click(_) | Deed::Honeypot))
        .collect();
    clicks.sort_by_key(|index| (sightings[*index].at, sightings[*index].deed));
    let mut found = BTreeSet::new();
    for (place, first) in clicks.iter().map(|index| &sightings[*index]).enumerate() {
        let within = |window_ms: i64, is_of: &dyn Fn(&Sighting) -> bool| -> Vec<usize> {
            clicks[place..]
                .iter()
                .copied()
                .take_while(|index| sightings[*index].distance_ms(first) <= window_ms)
                .filter(|index| is_of(&sightings[*index]))
                .collect()
        };
        let links = |clicks: &[usize]| {
            clicks.iter().map(|index| sightings[*index].deed).collect::<BTreeSet<_>>().len()
        };
        for (window_ms, links_min) in LINKS_AT_ONCE {
            let together = within(window_ms, &|other| other.is_same_visitor(first));
            if links(&together) >= links_min {
                found.extend(together);
            }
        }
        let (window_ms, links_min) = LINKS_AT_ONCE_OF_ALL;
        let together = within(window_ms, &|_| true);
        if links(&together) >= links_min {
            found.extend(together);
        }
    }
    found
}

/// Did one come at the same time that has followed a hidden link?
fn is_by_honeypot(sightings: &[Sighting], index: usize) -> bool {
    let this = &sightings[index];
    sightings.iter().filter(|other| other.deed == Deed::Honeypot).any(|other| {
        let distance_ms = this.distance_ms(other);
        distance_ms <= HONEYPOT_ALL_MS
            || distance_ms <= HONEYPOT_NETWORK_MS && this.is_near(other)
            || distance_ms <= HONEYPOT_MS && this.is_same_visitor(other)
    })
}
