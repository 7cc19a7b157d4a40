//! What user agents say of themselves: the program, the device and its system, by the
//! patterns of uap-core. A User-Agent field comes in; what SparkPost's events call
//! `user_agent_parsed` goes out. The patterns take a while and some memory to be read, so
//! this belongs to readers of events, never to the path of a request.

use super::report::StoredEvent;
use serde::Serialize;
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};
use tracking::{
    event::{UserAgentParsed, Visit},
    verdict::Verdict,
};
use ua_parser::{Extractor, Regexes};

const PATTERNS: &str = include_str!("../../data/uap-core/regexes.json");

/// User agents whose parts are remembered.
const KNOWN_MAX: usize = 4_096;

/// What stands for a part that no pattern finds, as uap-core has it.
const OTHER: &str = "Other";

/// An event with the parts of its user agent.
#[derive(Debug, Serialize)]
pub struct EnrichedEvent<'e> {
    /// The event.
    #[serde(flatten)]
    pub stored: &'e StoredEvent,
    /// The parts of its user agent; nothing in an event without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent_parsed: Option<UserAgentParsed>,
}

/// Finds the parts of user agents. The patterns, some 30 MiB, are read when they are first
/// needed; a clone has them in common with the original.
#[derive(Clone, Default)]
pub struct UserAgents {
    patterns: Arc<OnceLock<Extractor<'static>>>,
    known: HashMap<String, UserAgentParsed>,
}

impl UserAgents {
    /// Puts the parts of its user agent to an event.
    pub fn enrich<'e>(&mut self, stored: &'e StoredEvent) -> EnrichedEvent<'e> {
        let settled = stored.settled.as_ref().map(|settled| settled.settled_verdict);
        let visit = stored.event.occurrence.visit();
        let user_agent_parsed = visit.and_then(|visit| self.of_visit(visit, settled));
        EnrichedEvent { stored, user_agent_parsed }
    }

    /// The parts of a visitor's user agent; nothing where it tells none. Of two verdicts the
    /// one that was settled later counts.
    pub fn of_visit(&mut self, visit: &Visit, settled: Option<Verdict>) -> Option<UserAgentParsed> {
        if visit.user_agent.is_empty() {
            return None;
        }
        let verdict = settled.or(visit.verdict);
        let has = |reason: &str| visit.verdict_reasons.iter().any(|known| known == reason);
        Some(UserAgentParsed {
            is_proxy: verdict == Some(Verdict::Proxy)
                || PROXY_REASONS.iter().any(|reason| has(reason)),
            is_prefetched: verdict == Some(Verdict::Prefetch),
            ..self.parse(&visit.user_agent)
        })
    }

    /// The parts of a user agent, without what only an event tells.
    pub fn parse(&mut self, user_agent: &str) -> UserAgentParsed {
        if let Some(known) = self.known.get(user_agent) {
            return known.clone();
        }
        let parsed = parse(self.patterns.get_or_init(read_patterns), user_agent);
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(user_agent.to_owned(), parsed.clone());
        parsed
    }
}

/// Mailbox providers whose requests come through a proxy, whatever else they are.
const PROXY_REASONS: [&str; 4] = [
    "agent:gmail_image_proxy",
    "agent:gmail_prefetch",
    "agent:yahoo_mail_proxy",
    "agent:apple_mail_privacy",
];

fn read_patterns() -> Extractor<'static> {
    let patterns: Regexes<'static> =
        serde_json::from_str(PATTERNS).expect("a test reads the patterns that are compiled in");
    Extractor::try_from(patterns).expect("a test reads the patterns that are compiled in")
}

fn parse(patterns: &Extractor<'_>, user_agent: &str) -> UserAgentParsed {
    let (agent, os, device) = patterns.extract(user_agent);
    let part = |part: Option<String>| part.unwrap_or_else(|| OTHER.to_owned());
    let os_family = part(os.as_ref().map(|os| os.os.to_string()));
    let version = os.as_ref().map(|os| [&os.major, &os.minor, &os.patch]);
    let version = version.into_iter().flatten().map_while(|number| number.as_deref());
    let is_mobile = MOBILE_SYSTEMS.contains(&os_family.as_str()) || user_agent.contains("Mobile/");
    UserAgentParsed {
        agent_family: part(agent.map(|agent| agent.family.into_owned())),
        device_brand: part(
            device.as_ref().and_then(|device| device.brand.as_deref()).map(str::to_owned),
        ),
        device_family: part(device.map(|device| device.device.into_owned())),
        os_version: version.collect::<Vec<_>>().join("."),
        os_family,
        is_mobile,
        is_proxy: false,
        is_prefetched: false,
    }
}

/// Systems of phones and tablets, as uap-core calls them.
const MOBILE_SYSTEMS: [&str; 6] =
    ["Android", "iOS", "Windows Phone", "BlackBerry OS", "KaiOS", "HarmonyOS"];

#[cfg(test)]
mod tests;
