//! What an operator is told of one message: metrics, and one log line when its fate is
//! known. Sizes, times, ids and upstream's reply codes are in it; no address, no URL and
//! nothing else of the mail, and of upstream's text only the queue id.

use super::{
    Gateway,
    counters::{Fate, RefusalReason},
    outcome::{Attempt, Outcome, Told, enhanced_status, upstream_reply},
};
use crate::telemetry::Label;
use mail::smtp::reply::Reply;
use std::time::Duration;
use tracing::info;
use tracking::{
    ids::TransmissionId,
    rewrite::{Reason, TrackedCopy},
};

/// What a message has cost so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    octets_out: usize,
    rewrite: Duration,
    upstream: Duration,
    is_too_large: bool,
}

impl Tally {
    /// Part of the rewrite took so long.
    pub(super) fn took(&mut self, rewrite: Duration) {
        self.rewrite += rewrite;
    }

    /// A copy was made.
    pub(super) fn made(&mut self, gateway: &Gateway, copy: &TrackedCopy<'_>) {
        gateway.counters.count_untouched(&copy.report);
        self.is_too_large |= copy.report.untouched == Some(Reason::TooLarge);
    }

    /// A copy of so many octets was sent, or upstream got lost over it.
    pub(super) fn sent(&mut self, gateway: &Gateway, octets: usize, took: Duration) {
        gateway.counters.upstream.observe(took);
        self.octets_out += octets;
        self.upstream += took;
    }

    fn count(&self, gateway: &Gateway, attempts: &[Attempt], told: &Told) {
        let counters = &gateway.counters;
        counters.rewrites.observe(self.rewrite);
        if self.is_too_large {
            counters.too_large_to_rewrite.increment();
        }
        for attempt in attempts {
            counters.recipients.of(attempt.outcome.fate()).increment();
        }
        if let Some(reason) = refusal(attempts, told) {
            counters.refusals.of(reason).increment();
        }
    }

    /// Counts and tells what came of the message of so many octets.
    pub(super) fn tell(
        &self,
        gateway: &Gateway,
        transmission_id: TransmissionId,
        octets: usize,
        attempts: &[Attempt],
        told: &Told,
    ) {
        self.count(gateway, attempts, told);
        let count = |fate| attempts.iter().filter(|one| one.outcome.fate() == fate).count();
        let message_id = match attempts {
            [attempt] => attempt.message_id,
            _ => None,
        };
        let reply = decisive(attempts);
        info!(
            listener = gateway.config.name,
            %transmission_id,
            message_id = message_id.map(tracing::field::display),
            recipients = attempts.len(),
            accepted = count(Fate::Accepted),
            deferred = count(Fate::Deferred),
            refused = count(Fate::Refused),
            octets,
            octets_out = self.octets_out,
            rewrite_ms = milliseconds(self.rewrite),
            upstream_ms = milliseconds(self.upstream),
            code = told.reply().code(),
            upstream_code = reply.map(Reply::code),
            upstream_enhanced = reply.and_then(enhanced_status),
            queue_id = reply.and_then(|reply| upstream_reply(reply).queue_id),
            "{}",
            match told {
                Told::Accepted(_) | Told::AcceptedWithFailures(_) => "message passed upstream",
                Told::Deferred(_) => "message was not passed, its sender is to come again",
                Told::Refused(_) if is_judged(attempts) => "message was refused by policy",
                Told::Refused(_) => "message was refused by upstream",
            }
        );
    }
}

impl Gateway {
    /// Counts and tells a message, of so many octets if that is known, that the gateway
    /// refused itself: no copy of it was sent.
    pub(super) fn refused_message(&self, reason: RefusalReason, octets: Option<usize>) {
        self.counters.refusals.of(reason).increment();
        let (listener, reason) = (&*self.config.name, reason.name());
        info!(listener, reason, octets, "message was refused by the gateway");
    }
}

/// Why a message did not pass, if it did not.
fn refusal(attempts: &[Attempt], told: &Told) -> Option<RefusalReason> {
    let is_lost = || attempts.iter().any(|attempt| attempt.outcome == Outcome::Lost);
    match told {
        Told::Accepted(_) | Told::AcceptedWithFailures(_) => None,
        Told::Deferred(_) if is_lost() => Some(RefusalReason::UpstreamLost),
        Told::Refused(_) | Told::Deferred(_) if is_judged(attempts) => Some(RefusalReason::Policy),
        Told::Refused(_) => Some(RefusalReason::UpstreamRefused),
        Told::Deferred(_) => Some(RefusalReason::UpstreamDeferred),
    }
}

/// Was it policy that did not take the message, for those who did not get it?
fn is_judged(attempts: &[Attempt]) -> bool {
    let mut failed = attempts.iter().filter(|attempt| !attempt.outcome.is_accepted());
    failed.all(|attempt| matches!(attempt.outcome, Outcome::Judged(_)))
}

/// The reply of upstream that tells most: the first that did not accept, or the first. About
/// a recipient without a message id, and of copies that policy refused, upstream said nothing.
fn decisive(attempts: &[Attempt]) -> Option<&Reply> {
    let answers = || {
        attempts.iter().filter_map(|attempt| match (attempt.message_id, &attempt.outcome) {
            (Some(_), Outcome::Answered(reply)) => Some(reply),
            _ => None,
        })
    };
    answers().find(|reply| !reply.is_positive()).or_else(|| answers().next())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}
