//! The upstreams of a listener: a session gets a connection to one of them, which has
//! greeted it, and keeps to that one. An upstream that refuses, does not answer or greets
//! with 4yz or 5yz is passed over for the next one, before the client has read anything.

use super::{
    circuit::{Attempt, Change, CircuitConfig},
    upstream::{Target, Upstream, UpstreamConfig, UpstreamError, UpstreamTls},
};
use crate::{net::tls::TlsError, telemetry::Exposition};
use mail::smtp::reply::Reply;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};
use tracing::{info, warn};

/// Several upstreams, and in which order they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamsConfig {
    /// At least one.
    pub members: Vec<UpstreamConfig>,
    /// Which of them is tried first.
    pub choice: Choice,
    /// When one of them is left alone for a while.
    pub circuit: CircuitConfig,
}

/// Which upstream a session tries first. The others follow in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The first one: the others are there for when it is down.
    Priority,
    /// Each in its turn.
    RoundRobin,
}

impl UpstreamsConfig {
    /// The addresses, with commas between them.
    pub fn addresses(&self) -> String {
        let addresses: Vec<_> = self.members.iter().map(|one| one.address.as_str()).collect();
        addresses.join(", ")
    }
}

/// Upstreams that are ready to be talked to.
#[derive(Debug)]
pub struct Upstreams {
    targets: Vec<Arc<Target>>,
    choice: Choice,
    turn: AtomicUsize,
}

/// Why a session got no upstream.
#[derive(Debug)]
pub enum Unavailable {
    /// The greeting of one that does not take the session, which is the client's to read.
    Greeting(Reply),
    /// There was no talking to one.
    Error(UpstreamError),
    /// All are left alone for a while.
    LeftAlone,
}

impl Upstreams {
    /// Reads the authorities that TLS needs. One that is among `known` already, as
    /// configured, is shared: when one listener finds out that it is down, others know. New
    /// ones are added.
    pub fn load(config: &UpstreamsConfig, known: &mut Vec<Arc<Target>>) -> Result<Self, TlsError> {
        let mut targets = Vec::with_capacity(config.members.len());
        for member in &config.members {
            let is_same = |target: &&Arc<Target>| {
                target.config == *member && target.circuit.config() == config.circuit
            };
            let target = match known.iter().find(is_same) {
                Some(target) => target.clone(),
                None => Arc::new(Target::load(member.clone(), config.circuit)?),
            };
            if !known.iter().any(|one| Arc::ptr_eq(one, &target)) {
                known.push(target.clone());
            }
            targets.push(target);
        }
        Ok(Self { targets, choice: config.choice, turn: AtomicUsize::new(0) })
    }

    /// Connects to the first one that takes the session, and gives its greeting, which is
    /// positive.
    pub async fn connect(&self) -> Result<(Upstream, Reply), Unavailable> {
        let mut refusals = Vec::new();
        for target in self.in_turn() {
            let Some(attempt) = target.circuit.enter(Instant::now()) else { continue };
            let refusal = match Upstream::connect(target).await {
                Ok((upstream, greeting)) if greeting.is_positive() => {
                    target.counters.sessions.increment();
                    match target.config.tls {
                        // It is yet to come, and `judge` tells what comes of it.
                        UpstreamTls::Required => attempt.greeted(),
                        _ => tell(target, attempt.taken()),
                    }
                    return Ok((upstream, greeting));
                }
                Ok((upstream, greeting)) => {
                    let (upstream_address, code) = (&target.config.address, greeting.code());
                    warn!(upstream = upstream_address, code, "upstream did not take a session");
                    upstream.quit();
                    Unavailable::Greeting(greeting)
                }
                Err(error) => {
                    let upstream = &target.config.address;
                    warn!(upstream, %error, "upstream did not take a session");
                    Unavailable::Error(error)
                }
            };
            refuse(target, attempt);
            refusals.push(refusal);
        }
        let is_left_alone = refusals.len() < self.targets.len();
        Err(Unavailable::of(refusals, is_left_alone))
    }

    fn in_turn(&self) -> impl Iterator<Item = &Arc<Target>> {
        let first = match self.choice {
            Choice::Priority => 0,
            Choice::RoundRobin => self.turn.fetch_add(1, Ordering::Relaxed) % self.targets.len(),
        };
        let (behind, from) = self.targets.split_at(first);
        from.iter().chain(behind)
    }
}

impl Unavailable {
    /// What tells the client most. A 5yz is told only when every upstream has said it:
    /// another one may take what comes again.
    fn of(refusals: Vec<Self>, is_left_alone: bool) -> Self {
        let is_final = |one: &Self| matches!(one, Self::Greeting(reply) if reply.code() >= 500);
        let is_deferring = |one: &Self| matches!(one, Self::Greeting(_)) && !is_final(one);
        let place = refusals
            .iter()
            .position(is_deferring)
            .or_else(|| refusals.iter().position(|one| matches!(one, Self::Error(_))))
            .or(if is_left_alone { None } else { Some(0) });
        place.and_then(|place| refusals.into_iter().nth(place)).unwrap_or(Self::LeftAlone)
    }
}

fn refuse(target: &Target, attempt: Attempt<'_>) {
    target.counters.refusals.increment();
    tell(target, attempt.refused(Instant::now(), random()));
}

/// Tells the circuit whether a session has got the TLS that it must have.
pub(super) fn judge(target: &Target, is_encrypted: bool) {
    if is_encrypted {
        tell(target, target.circuit.worked());
        return;
    }
    target.counters.refusals.increment();
    tell(target, target.circuit.failed(Instant::now(), random()));
}

fn random() -> u8 {
    let mut octet = [0];
    // Without it pauses are shorter and alike, which does no harm.
    aws_lc_rs::rand::fill(&mut octet).ok();
    octet[0]
}

fn tell(target: &Target, change: Option<Change>) {
    let upstream = &target.config.address;
    match change {
        Some(Change::Opened(pause)) => {
            let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            info!(upstream, pause_ms, "upstream is left alone for a while, its circuit is open");
        }
        Some(Change::Closed) => info!(upstream, "upstream takes sessions again"),
        None => {}
    }
}

/// Tells what is counted of each upstream. One that listeners are configured differently
/// for stands there once, by its address.
pub fn expose(targets: &[Arc<Target>], to: &mut Exposition) {
    let mut by_address: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for target in targets {
        let [sessions, refusals, is_open] = by_address.entry(&target.config.address).or_default();
        *sessions += target.counters.sessions.get();
        *refusals += target.counters.refusals.get();
        *is_open = (*is_open).max(target.circuit.is_open().into());
    }
    let of =
        |index: usize| by_address.iter().map(move |(address, numbers)| (*address, numbers[index]));
    to.counter_of(
        "mailwake_gateway_upstream_sessions_total",
        "Sessions that an upstream has greeted.",
        "upstream",
        of(0),
    );
    to.counter_of(
        "mailwake_gateway_upstream_refusals_total",
        "Sessions that an upstream refused, or did not greet in time.",
        "upstream",
        of(1),
    );
    to.gauge_of(
        "mailwake_gateway_upstream_circuit_open",
        "1 while an upstream is left alone because it refuses sessions, else 0.",
        "upstream",
        of(2),
    );
}

#[cfg(test)]
mod tests;
