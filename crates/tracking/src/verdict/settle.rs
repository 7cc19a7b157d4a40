//! Settled verdicts: all requests for one message come in, with their first verdicts; out
//! goes what they are in each other's light. The order in which they come in makes no
//! difference, and what lies further apart than `REACH_MS` has no say in each other.
//!
//! A verdict only ever gets worse here, and only by evidence at the same time: a person who
//! follows a link when the scanners are gone stays a person.

use super::{Judgement, Verdict, reason};
use crate::ids::Timestamp;
use std::net::IpAddr;

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

impl Deed {
    fn is_link(&self) -> bool {
        matches!(self, Self::Click(_) | Self::Honeypot)
    }
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
    if !has_evidence(sightings) {
        return settled;
    }
    for (judgement, is_found) in settled.iter_mut().zip(links_at_once(sightings)) {
        if is_found {
            judgement.find(Verdict::Scanner, reason::LINKS_AT_ONCE);
        }
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

/// Can any of them bear witness? Most messages have nothing of the kind.
fn has_evidence(sightings: &[Sighting]) -> bool {
    let is_witness = |sighting: &Sighting| {
        sighting.deed == Deed::Honeypot || sighting.first.verdict == Verdict::Scanner
    };
    let mut links = sightings.iter().map(|sighting| sighting.deed).filter(Deed::is_link);
    let first = links.next();
    links.any(|link| Some(link) != first) || sightings.iter().any(is_witness)
}

/// Which of them are among several links that were followed at once.
fn links_at_once(sightings: &[Sighting]) -> Vec<bool> {
    let mut clicks: Vec<usize> =
        (0..sightings.len()).filter(|index| sightings[*index].deed.is_link()).collect();
    clicks.sort_by_key(|index| (sightings[*index].at, sightings[*index].deed));
    let mut found = vec![false; sightings.len()];
    for (place, first) in clicks.iter().map(|index| &sightings[*index]).enumerate() {
        for (window_ms, links_min) in LINKS_AT_ONCE {
            let is_of = |other: &Sighting| other.is_same_visitor(first);
            mark_window(sightings, &clicks[place..], (window_ms, links_min), is_of, &mut found);
        }
        mark_window(sightings, &clicks[place..], LINKS_AT_ONCE_OF_ALL, |_| true, &mut found);
    }
    found
}

/// Marks the clicks within so many milliseconds of the first one if they are of so many
/// links or more.
fn mark_window(
    sightings: &[Sighting],
    clicks: &[usize],
    (window_ms, links_min): (i64, usize),
    is_of: impl Fn(&Sighting) -> bool,
    found: &mut [bool],
) {
    let within = || {
        let is_near =
            |index: &usize| sightings[*index].distance_ms(&sightings[clicks[0]]) <= window_ms;
        let near = clicks.iter().copied().take_while(is_near);
        near.filter(|index| is_of(&sightings[*index]))
    };
    let mut links: Vec<Deed> = Vec::new();
    for deed in within().map(|index| sightings[index].deed) {
        if !links.contains(&deed) {
            links.push(deed);
        }
        if links.len() >= links_min {
            within().for_each(|index| found[index] = true);
            return;
        }
    }
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
