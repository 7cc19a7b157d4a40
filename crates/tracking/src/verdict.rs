//! Verdicts: whether a person is behind the request of a pixel or link, or a machine. What
//! the tracker knows of a request comes in; a verdict with its reasons goes out, at once.
//! `settle` looks at all requests of a message again when more of them have come.
//!
//! A verdict hides nothing: events are kept as they came, and reports count them with and
//! without machines. How well this works is told in `docs/verdicts.md`.

pub mod recognition;
pub mod settle;

use crate::ids::{MessageId, Timestamp};
use recognition::{NetworkKind, Recognition};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Who is behind a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A person, as far as anything shows.
    Human,
    /// A person's mail client, through a proxy that shows its own address and user agent.
    Proxy,
    /// A machine that loads images or pages ahead, whether a person comes or not.
    Prefetch,
    /// A machine that makes a preview, an index or a download.
    Bot,
    /// A machine that looks for harm before mail or a link gets to its reader.
    Scanner,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 5] = [Self::Human, Self::Proxy, Self::Prefetch, Self::Bot, Self::Scanner];

    /// As it stands in events and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Proxy => "proxy",
            Self::Prefetch => "prefetch",
            Self::Bot => "bot",
            Self::Scanner => "scanner",
        }
    }

    /// The verdict of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// Did nobody ask for it?
    pub fn is_machine(self) -> bool {
        matches!(self, Self::Prefetch | Self::Bot | Self::Scanner)
    }
}

/// A verdict and why it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Who is behind it.
    pub verdict: Verdict,
    /// Stable names of reasons (`docs/verdicts.md`), without repetition. Those of a human
    /// are doubts.
    pub reasons: Vec<String>,
}

impl Default for Judgement {
    /// A human, without a doubt.
    fn default() -> Self {
        Self { verdict: Verdict::Human, reasons: Vec::new() }
    }
}

impl Judgement {
    /// Does it count where machines are left out?
    pub fn is_filtered(&self) -> bool {
        !self.verdict.is_machine()
    }

    /// Does it count where only people are who leave no doubt?
    pub fn is_confirmed(&self) -> bool {
        self.verdict == Verdict::Human && self.reasons.is_empty()
    }

    /// Adds a reason, and takes its verdict if that says more.
    fn find(&mut self, verdict: Verdict, reason: &str) {
        self.verdict = self.verdict.max(verdict);
        if !self.reasons.iter().any(|known| known == reason) {
            self.reasons.push(reason.into());
        }
    }
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A pixel.
    Open,
    /// A link.
    Click,
    /// A link that no person sees.
    Honeypot,
}

/// What the tracker knows of a request when it comes.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What it is for.
    pub purpose: Purpose,
    /// The User-Agent field; empty where there is none.
    pub user_agent: &'a str,
    /// The client's address.
    pub address: IpAddr,
    /// Milliseconds since the message was sent; nothing where that is not known.
    pub age_ms: Option<i64>,
    /// Does it say itself that it loads ahead (`Sec-Purpose: prefetch` and what was in use
    /// before it)?
    pub is_declared_prefetch: bool,
    /// Has the same client asked for a link of the message with HEAD just before?
    pub follows_head: bool,
}

/// A link is followed by nobody so soon after its message was sent: it has to be delivered,
/// shown and read.
pub const CLICK_MS_MIN: i64 = 2_000;

/// Nor is a message shown so soon.
pub const OPEN_MS_MIN: i64 = 1_000;

/// A click from a data centre is one of a scanner within this time.
pub const DATACENTER_CLICK_MS_MIN: i64 = 60_000;

/// For how long after a HEAD a GET of the same client is taken for its second half.
pub const HEAD_MS_MAX: i64 = 60_000;

/// The first verdict, by what one request shows.
pub fn judge(request: &Request<'_>, known: &Recognition) -> Judgement {
    let mut judgement = Judgement::default();
    let is_click = request.purpose != Purpose::Open;
    judge_agent(request, known, &mut judgement);
    let network = known.network(request.address);
    if let Some(network) = network {
        match network.kind {
            NetworkKind::Verdict(verdict) => judgement.find(verdict, &network.reason),
            NetworkKind::Datacenter => judgement.find(Verdict::Human, &network.reason),
        }
    }
    if request.purpose == Purpose::Honeypot {
        judgement.find(Verdict::Scanner, reason::HONEYPOT);
    }
    if request.is_declared_prefetch {
        judgement.find(Verdict::Prefetch, reason::DECLARED_PREFETCH);
    }
    if request.follows_head {
        judgement.find(Verdict::Scanner, reason::HEAD_FIRST);
    }
    // A clock that is behind the sender's tells nothing.
    if let Some(age_ms) = request.age_ms.filter(|age_ms| *age_ms >= 0) {
        if is_click && age_ms <= CLICK_MS_MIN {
            judgement.find(Verdict::Scanner, reason::TOO_SOON);
        } else if !is_click && age_ms <= OPEN_MS_MIN {
            judgement.find(Verdict::Prefetch, reason::TOO_SOON);
        }
        let is_datacenter = network.is_some_and(|of| of.kind == NetworkKind::Datacenter);
        if is_datacenter && is_click && age_ms <= DATACENTER_CLICK_MS_MIN {
            judgement.find(Verdict::Scanner, reason::DATACENTER_SOON);
        }
    }
    judgement
}

fn judge_agent(request: &Request<'_>, known: &Recognition, judgement: &mut Judgement) {
    let is_click = request.purpose != Purpose::Open;
    match known.agent(request.user_agent, is_click) {
        Some(agent) if agent.verdict == Verdict::Human => {}
        Some(agent) => judgement.find(agent.verdict, &agent.reason),
        None if request.user_agent.is_empty() && is_click => {
            judgement.find(Verdict::Bot, reason::NO_AGENT);
        }
        None if request.user_agent.is_empty() => {
            judgement.find(Verdict::Human, reason::NO_AGENT);
        }
        None => judgement.find(Verdict::Human, reason::UNKNOWN_AGENT),
    }
}

/// Milliseconds from the making of a message to `now`. An id that was not made by mailwake
/// tells some time long ago, or none.
pub fn age_ms(message_id: &MessageId, now: Timestamp) -> i64 {
    now.0.saturating_sub(message_id.made_at().0)
}

/// The names of reasons that are not those of a known agent (`agent:NAME`) or network
/// (`network:NAME`).
pub mod reason {
    /// It followed a link that no person sees.
    pub const HONEYPOT: &str = "honeypot";
    /// It says itself that it loads ahead.
    pub const DECLARED_PREFETCH: &str = "declared_prefetch";
    /// It asked with HEAD first.
    pub const HEAD_FIRST: &str = "head_first";
    /// It came sooner after sending than anybody can read.
    pub const TOO_SOON: &str = "too_soon";
    /// It came soon, and from a data centre.
    pub const DATACENTER_SOON: &str = "datacenter_soon";
    /// It has no User-Agent field.
    pub const NO_AGENT: &str = "no_agent";
    /// Its user agent is neither a browser's nor a mail client's.
    pub const UNKNOWN_AGENT: &str = "unknown_agent";
    /// It is of a mailwake that gave no verdicts.
    pub const NOT_JUDGED: &str = "not_judged";
    /// It was one of several links of the message that were followed at once.
    pub const LINKS_AT_ONCE: &str = "links_at_once";
    /// A scanner with the same network and user agent came at the same time.
    pub const SAME_VISITOR: &str = "same_visitor";

    /// All of them.
    pub const ALL: [&str; 10] = [
        HONEYPOT,
        DECLARED_PREFETCH,
        HEAD_FIRST,
        TOO_SOON,
        DATACENTER_SOON,
        NO_AGENT,
        UNKNOWN_AGENT,
        NOT_JUDGED,
        LINKS_AT_ONCE,
        SAME_VISITOR,
    ];
}

#[cfg(test)]
mod tests;
