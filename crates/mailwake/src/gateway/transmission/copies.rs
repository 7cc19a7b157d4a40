//! The copies of a message: each recipient's terms and a message id come in, the copy and
//! what the event log is to know of it go out.

use super::{AHEAD_OCTETS, EVENTS_AT_ONCE, Transmission, on_this_thread};
use crate::gateway::stamp;
use mail::{encoded_word, message::header};
use std::time::Instant;
use tracing::error;
use tracking::{
    copy::{self, Terms},
    decision::Decision,
    event::{Event, Occurrence, Reception},
    ids::MessageId,
    rewrite::{Plan, TrackedCopy},
};

/// Octets of a header field that an event carries.
const FIELD_OCTETS_MAX: usize = 2_000;

/// One recipient's copy.
pub(super) struct Copy<'m> {
    pub(super) recipient: usize,
    pub(super) message_id: MessageId,
    pub(super) terms: Terms,
    pub(super) tracked: TrackedCopy<'m>,
}

/// The plan of a message. Recipients whose copies are tracked alike share it.
pub(super) struct Plans<'m> {
    content: &'m [u8],
    last: Option<(Decision, Plan<'m>)>,
}

impl<'m> Plans<'m> {
    pub(super) fn new(content: &'m [u8]) -> Self {
        Self { content, last: None }
    }

    fn of(&mut self, decision: &Decision) -> &Plan<'m> {
        let is_other = self.last.as_ref().is_none_or(|(last, _)| last != decision);
        if is_other {
            self.last = None;
        }
        let made = || (decision.clone(), Plan::new(self.content, decision));
        &self.last.get_or_insert_with(made).1
    }
}

impl Transmission<'_, '_> {
    /// Copies for the next recipients, taken from the end of `recipients`.
    pub(super) fn copies_ahead<'m>(
        &mut self,
        plans: &mut Plans<'m>,
        recipients: &mut Vec<usize>,
    ) -> Vec<Copy<'m>> {
        let mut copies = Vec::new();
        let mut octets = 0;
        while octets < AHEAD_OCTETS
            && copies.len() < EVENTS_AT_ONCE
            && let Some(recipient) = recipients.pop()
        {
            let copy = self.copy(plans, recipient);
            octets += copy.tracked.octets.len();
            copies.push(copy);
        }
        copies
    }

    fn copy<'m>(&mut self, plans: &mut Plans<'m>, recipient: usize) -> Copy<'m> {
        let now = stamp::now();
        let message_id = stamp::message_id(now);
        let began = Instant::now();
        let terms = self.terms.clone();
        let tracked = on_this_thread(self.content, || {
            let plan = plans.of(&terms.settings.decision);
            self.gateway
                .sealers
                .with(&self.live.keys, |sealer| copy::make(plan, &terms, message_id, now, sealer))
        });
        self.tally.took(began.elapsed());
        self.tally.made(self.gateway, &tracked);
        if tracked.report.safety_net {
            error!(%message_id, "a rewrite could not be undone; the original goes out");
        }
        Copy { recipient, message_id, terms, tracked }
    }

    pub(super) fn reception(&self, copy: &Copy<'_>) -> Event {
        let Terms { settings, request } = &copy.terms;
        let decision = &settings.decision;
        let report = &copy.tracked.report;
        let mut untouched: Vec<String> =
            report.reasons().map(|reason| reason.name().to_owned()).collect();
        untouched.sort_unstable();
        untouched.dedup();
        let has_pixels = report.pixels() > 0;
        let links = u32::try_from(report.links_tracked()).unwrap_or(u32::MAX);
        let reception = Reception {
            transmission_id: self.transmission_id,
            rcpt_to: self.transaction.recipients[copy.recipient].mailbox.clone(),
            msg_from: self.transaction.reverse_path.mailbox.clone(),
            subject: self.subject.clone(),
            friendly_from: self.friendly_from.clone(),
            account: self.account.clone(),
            client: self.client.clone(),
            campaign_id: request.campaign_id.clone().unwrap_or_default(),
            msg_size: copy.tracked.octets.len() as u64,
            open_tracking: decision.open && has_pixels,
            initial_pixel: decision.initial_open && has_pixels,
            click_tracking: links > 0,
            links,
            untouched,
        };
        stamp::event(copy.message_id, Occurrence::Reception(Box::new(reception)))
    }
}

/// The text of the first field of that name, as a reader sees it; cut where it would
/// only fill the log.
pub(super) fn text_of(content: &[u8], name: &str) -> String {
    let field = header::fields(content).find(|field| field.is(name));
    let value = field.map(|field| field.value()).unwrap_or_default();
    // Not in the middle of a character, which would no longer be UTF-8.
    let is_inside = |at: &usize| value.get(*at).is_some_and(|octet| octet & 0xc0 == 0x80);
    let end = (0..=value.len().min(FIELD_OCTETS_MAX)).rev().find(|at| !is_inside(at));
    encoded_word::decode(&value[..end.unwrap_or_default()])
}
