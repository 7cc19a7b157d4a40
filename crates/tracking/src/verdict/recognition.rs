//! Known user agents and networks, from tables in TOML. Tables come in as text; out goes
//! what a user agent or an address is known to be. Looking up takes well under a microsecond.

use super::Verdict;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use serde::Deserialize;
use std::{collections::HashMap, net::IpAddr};

/// The user agents that mailwake knows, with their sources.
pub const AGENTS: &str = include_str!("../../data/user_agents.toml");

/// Entries of a table of user agents, and networks of a table of networks.
const AGENTS_MAX: usize = 10_000;
const NETWORKS_MAX: usize = 200_000;

/// Texts for which there is a DFA; that of the compiled-in table takes 0.7 MB.
const DFA_TEXTS_MAX: usize = 1_000;

/// Octets of a text that is looked for in user agents.
const TEXT_OCTETS_MAX: usize = 256;

/// What is wrong in a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Mistake {
    /// Where.
    pub place: String,
    /// What, and what would be right.
    pub what: String,
}

/// A user agent that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// What is behind it.
    pub verdict: Verdict,
    /// The reason that it gives.
    pub(super) reason: String,
    place: Place,
    on: Option<On>,
    octets: usize,
}

/// A network that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub(super) kind: NetworkKind,
    pub(super) reason: String,
}

/// What comes from a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NetworkKind {
    /// Always this.
    Verdict(Verdict),
    /// Machines for the most part, and people at computers that stand there.
    Datacenter,
}

/// What is known of user agents and networks. `PartialEq` compares the tables.
#[derive(Debug, Clone)]
pub struct Recognition {
    agents: Vec<Agent>,
    texts: Vec<String>,
    matcher: AhoCorasick,
    networks: Vec<Network>,
    /// By the number of first bits that addresses of a network share, the longest first.
    v4: Vec<(u8, HashMap<u32, usize>)>,
    v6: Vec<(u8, HashMap<u128, usize>)>,
}

impl PartialEq for Recognition {
    fn eq(&self, other: &Self) -> bool {
        (&self.agents, &self.texts, &self.networks, &self.v4, &self.v6)
            == (&other.agents, &other.texts, &other.networks, &other.v4, &other.v6)
    }
}

impl Eq for Recognition {}

impl Default for Recognition {
    /// The user agents that mailwake knows, and no network.
    fn default() -> Self {
        Self::new(None, None).expect("a test reads the table that is compiled in")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentTable {
    #[serde(default)]
    agent: Vec<AgentEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentEntry {
    name: String,
    #[serde(default)]
    is: Option<String>,
    #[serde(default)]
    begins: Option<String>,
    #[serde(default)]
    contains: Option<String>,
    #[serde(default)]
    on: Option<On>,
    verdict: Verdict,
    // Where it is documented: for readers of the table.
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum On {
    Open,
    Click,
}

/// Where a text stands in a user agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Whole,
    Beginning,
    Anywhere,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkTable {
    #[serde(default)]
    network: Vec<NetworkEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkEntry {
    name: String,
    kind: String,
    networks: Vec<String>,
}

impl Recognition {
    /// Reads tables. `agents` stands in front of the table that mailwake has: of several
    /// entries that fit, the first one counts. All mistakes are told at once.
    pub fn new(agents: Option<&str>, networks: Option<&str>) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut known = (Vec::new(), Vec::new());
        for text in agents.into_iter().chain([AGENTS]) {
            read_agents(text, &mut known, &mut mistakes);
        }
        let (agents, texts) = known;
        // A DFA is the fastest, and too large for many texts.
        let kind = match texts.len() {
            ..=DFA_TEXTS_MAX => AhoCorasickKind::DFA,
            _ => AhoCorasickKind::ContiguousNFA,
        };
        let matcher =
            AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(kind)).build(&texts);
        let matcher = match matcher {
            Ok(matcher) => matcher,
            Err(error) => {
                mistakes.push(mistake("user agents", error.to_string()));
                return Err(mistakes);
            }
        };
        let mut this =
            Self { agents, texts, matcher, networks: Vec::new(), v4: Vec::new(), v6: Vec::new() };
        if let Some(text) = networks {
            this.read_networks(text, &mut mistakes);
        }
        if mistakes.is_empty() { Ok(this) } else { Err(mistakes) }
    }

    /// What a user agent is known to be.
    pub fn agent(&self, user_agent: &str, is_click: bool) -> Option<&Agent> {
        let fits = |found: &aho_corasick::Match| {
            let agent = &self.agents[found.pattern()];
            let is_there = match agent.place {
                Place::Anywhere => true,
                Place::Beginning => found.start() == 0,
                Place::Whole => agent.octets == user_agent.len(),
            };
            is_there && agent.on.is_none_or(|on| (on == On::Click) == is_click)
        };
        let found = self.matcher.find_overlapping_iter(user_agent).filter(fits);
        found.map(|found| found.pattern()).min().map(|first| &self.agents[first])
    }

    /// What an address is known to be: by the smallest network that it is in.
    pub fn network(&self, address: IpAddr) -> Option<&Network> {
        let index = match address.to_canonical() {
            IpAddr::V4(address) => self.v4.iter().find_map(|(bits, of)| {
                of.get(&first_bits(address.to_bits().into(), 32, *bits).try_into().ok()?)
            }),
            IpAddr::V6(address) => self
                .v6
                .iter()
                .find_map(|(bits, of)| of.get(&first_bits(address.to_bits(), 128, *bits))),
        };
        index.map(|index| &self.networks[*index])
    }

    fn read_networks(&mut self, text: &str, mistakes: &mut Vec<Mistake>) {
        let table: NetworkTable = match toml::from_str(text) {
            Ok(table) => table,
            Err(error) => return mistakes.push(not_read("networks", text, &error)),
        };
        let number: usize = table.network.iter().map(|entry| entry.networks.len()).sum();
        if number > NETWORKS_MAX {
            let what = format!("{number} networks; at most {NETWORKS_MAX} are read");
            return mistakes.push(mistake("networks", what));
        }
        for NetworkEntry { name, kind, networks } in table.network {
            let place = format!("network {name:?}");
            check_name(&name, &place, mistakes);
            let kind = match (kind.as_str(), Verdict::from_name(&kind)) {
                ("datacenter", _) => NetworkKind::Datacenter,
                (_, Some(verdict)) => NetworkKind::Verdict(verdict),
                (other, None) => {
                    let what = format!(
                        "kind {other:?} must be human, proxy, prefetch, scanner, bot or datacenter"
                    );
                    mistakes.push(mistake(&place, what));
                    continue;
                }
            };
            let index = self.networks.len();
            self.networks.push(Network { kind, reason: format!("network:{name}") });
            for text in networks {
                if self.put(&text, index).is_none() {
                    let what = format!("{text:?} must be an address or a network: 192.0.2.0/24");
                    mistakes.push(mistake(&place, what));
                }
            }
        }
        self.v4.sort_unstable_by_key(|(bits, _)| std::cmp::Reverse(*bits));
        self.v6.sort_unstable_by_key(|(bits, _)| std::cmp::Reverse(*bits));
    }

    /// Puts a network in; the first one of the same addresses stays. None for a text that is
    /// no network.
    fn put(&mut self, text: &str, index: usize) -> Option<()> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) if bits.bytes().all(|octet| octet.is_ascii_digit()) => {
                (address, Some(bits.parse::<u8>().ok()?))
            }
            Some(_) => return None,
            None => (text, None),
        };
        match address.parse().ok()? {
            IpAddr::V4(address) => {
                let bits = bits.unwrap_or(32);
                let network = (bits <= 32).then(|| first_bits(address.to_bits().into(), 32, bits));
                let of = of_length(&mut self.v4, bits);
                of.entry(network?.try_into().ok()?).or_insert(index);
            }
            IpAddr::V6(address) => {
                let bits = bits.unwrap_or(128);
                let network = (bits <= 128).then(|| first_bits(address.to_bits(), 128, bits))?;
                of_length(&mut self.v6, bits).entry(network).or_insert(index);
            }
        }
        Some(())
    }
}

fn of_length<B>(all: &mut Vec<(u8, HashMap<B, usize>)>, bits: u8) -> &mut HashMap<B, usize> {
    let index = all.iter().position(|(known, _)| *known == bits).unwrap_or_else(|| {
        all.push((bits, HashMap::new()));
        all.len() - 1
    });
    &mut all[index].1
}

/// The first bits of an address of that width, as a number.
fn first_bits(address: u128, width: u8, bits: u8) -> u128 {
    address.checked_shr(u32::from(width - bits)).unwrap_or(0)
}

fn read_agents(
    text: &str,
    (agents, texts): &mut (Vec<Agent>, Vec<String>),
    mistakes: &mut Vec<Mistake>,
) {
    let table: AgentTable = match toml::from_str(text) {
        Ok(table) => table,
        Err(error) => return mistakes.push(not_read("user agents", text, &error)),
    };
    if table.agent.len() > AGENTS_MAX {
        let what = format!("{} entries; at most {AGENTS_MAX} are read", table.agent.len());
        return mistakes.push(mistake("user agents", what));
    }
    for entry in table.agent {
        let place = format!("agent {:?}", entry.name);
        check_name(&entry.name, &place, mistakes);
        let (where_, text) = match (entry.is, entry.begins, entry.contains) {
            (Some(text), None, None) => (Place::Whole, text),
            (None, Some(text), None) => (Place::Beginning, text),
            (None, None, Some(text)) => (Place::Anywhere, text),
            _ => {
                let what = "must have one of is, begins and contains";
                mistakes.push(mistake(&place, what));
                continue;
            }
        };
        if text.is_empty() || text.len() > TEXT_OCTETS_MAX {
            let what = format!("its text must have 1 to {TEXT_OCTETS_MAX} octets");
            mistakes.push(mistake(&place, what));
            continue;
        }
        agents.push(Agent {
            verdict: entry.verdict,
            reason: format!("agent:{}", entry.name),
            place: where_,
            on: entry.on,
            octets: text.len(),
        });
        texts.push(text);
    }
}

/// Names stand in events and reports.
fn check_name(name: &str, place: &str, mistakes: &mut Vec<Mistake>) {
    let is_word = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_word) {
        let what = "its name must have 1 to 64 of a-z, 0-9 and _";
        mistakes.push(mistake(place, what));
    }
}

/// What is wrong with a text that is no such table, in one line.
fn not_read(place: &str, text: &str, error: &toml::de::Error) -> Mistake {
    let begin = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = begin.bytes().filter(|octet| *octet == b'\n').count() + 1;
    mistake(place, format!("line {line}: {}", error.message().replace('\n', "; ")))
}

fn mistake(place: &str, what: impl AsRef<str>) -> Mistake {
    Mistake { place: place.into(), what: what.as_ref().trim_end().into() }
}
