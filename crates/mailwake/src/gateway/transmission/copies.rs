//! The copies of a message: each recipient's terms and a message id come in, the copy and
//! what the event log is to know of it go out.

use super::{
    AHEAD_OCTETS, EVENTS_AT_ONCE, Transmission, on_this_thread,
    policy::{Envelope, Judged, RefusedCopy},
};
use crate::gateway::{
    Gateway,
    stamp::{self, NoRandomness},
};
use mail::{
    encoded_word,
    message::header,
    smtp::session::{EnvelopeLine, Transaction},
};
use std::{sync::Arc, time::Instant};
use tracing::{error, warn};
use tracking::{
    account::Account,
    copy::{self, Addressed, Terms},
    decision::Decision,
    event::{Event, MetadataReach, Occurrence, RcptType, Reception},
    ids::{MessageId, Timestamp},
    rewrite::{Plan, TrackedCopy},
};

/// The media type of AMP for Email.
const AMP: &str = "text/x-amp-html";

/// Octets of a header field that an event carries.
const FIELD_OCTETS_MAX: usize = 2_000;

/// Metadata of receptions that are given to the log at once, in octets.
const METADATA_AT_ONCE: usize = 128 * 1024;

/// One recipient's copy.
pub(super) struct Copy<'m> {
    pub(super) recipient: usize,
    pub(super) message_id: MessageId,
    /// Whose links it carries.
    links_of: MessageId,
    pub(super) terms: Terms,
    /// Whose it is.
    account: Account,
    /// Its envelope, where scripts have given it another one.
    pub(super) envelope: Option<Envelope>,
    /// What it shows, where scripts have given it another header.
    shown: Option<Shown>,
    pub(super) tracked: TrackedCopy<'m>,
}

impl Copy<'_> {
    /// Its reverse-path and its recipient.
    pub(super) fn envelope<'e>(
        &'e self,
        transaction: &'e Transaction,
    ) -> (&'e EnvelopeLine, &'e EnvelopeLine) {
        match &self.envelope {
            Some(envelope) => (&envelope.reverse_path, &envelope.recipient),
            None => (&transaction.reverse_path, &transaction.recipients[self.recipient]),
        }
    }
}

/// What a reader sees of a message in a list of messages.
#[derive(Clone)]
pub(super) struct Shown {
    subject: String,
    friendly_from: String,
}

impl Shown {
    pub(super) fn of(content: &[u8]) -> Self {
        Self { subject: text_of(content, "Subject"), friendly_from: text_of(content, "From") }
    }
}

/// The first copy for a recipient of the envelope: archives get what is in it.
#[derive(Clone)]
pub(super) struct Original {
    message_id: MessageId,
    terms: Terms,
    made_at: Timestamp,
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
    pub(super) async fn copies_ahead<'m>(
        &mut self,
        plans: &mut Plans<'m>,
        recipients: &mut Vec<usize>,
    ) -> Result<Vec<Copy<'m>>, NoRandomness> {
        let mut copies = Vec::new();
        let (mut octets, mut metadata) = (0, 0);
        // There is memory for the recipients of the envelope, and no more.
        let besides_first = self.content.len() * self.audience.of_envelope.saturating_sub(1);
        let octets_max = AHEAD_OCTETS.min(besides_first + 1);
        while octets < octets_max
            && metadata < METADATA_AT_ONCE
            && copies.len() + self.judge.refused.len() < EVENTS_AT_ONCE
            && let Some(recipient) = recipients.pop()
        {
            let Some(copy) = self.copy(plans, recipient).await? else {
                metadata += self.terms.metadata_octets();
                continue;
            };
            octets += copy.tracked.octets.len();
            metadata += copy.terms.metadata_octets();
            copies.push(copy);
        }
        Ok(copies)
    }

    /// The copy for a recipient; `None` where scripts refuse it.
    async fn copy<'m>(
        &mut self,
        plans: &mut Plans<'m>,
        recipient: usize,
    ) -> Result<Option<Copy<'m>>, NoRandomness> {
        let now = stamp::now();
        let message_id = self.stamp.message_id(now)?;
        let audience = self.audience;
        let (part, mailbox) = audience.part(recipient);
        let judged = match self.judge(recipient, part, message_id) {
            Ok(judged) => judged,
            Err(refusal) => {
                self.judge.refuse(recipient, message_id, refusal);
                return Ok(None);
            }
        };
        let Judged { mut terms, is_other, account, content, envelope } = judged;
        if is_other {
            self.gateway.ask(&mut terms).await;
        }
        let began = Instant::now();
        let own = || Original { message_id, terms: terms.clone(), made_at: now };
        let original = match (part, &self.original) {
            (RcptType::Archive, Some(original)) => original.clone(),
            _ => own(),
        };
        let Original { message_id: links_of, ref terms, made_at } = original;
        let fields = terms.fields(part, mailbox, audience.cc.as_ref());
        let addressed = Addressed { message_id, links_of, fields: &fields };
        let tracked = on_this_thread(self.content, || match &content {
            None => self.make(plans.of(&terms.settings.decision), terms, &addressed, made_at),
            Some(content) => {
                let plan = Plan::new(content, &terms.settings.decision);
                let TrackedCopy { octets, report } = self.make(&plan, terms, &addressed, made_at);
                TrackedCopy { octets: octets.into_owned().into(), report }
            }
        });
        self.tally.took(began.elapsed());
        self.tally.made(self.gateway, &tracked);
        if tracked.report.safety_net {
            error!(%message_id, "a rewrite could not be undone; the original goes out");
        }
        let terms = terms.clone();
        if part == RcptType::To && self.original.is_none() && audience.has_archive() {
            self.original = Some(original);
        }
        let shown = content.as_deref().map(Shown::of);
        Ok(Some(Copy { recipient, message_id, links_of, terms, account, envelope, shown, tracked }))
    }

    fn make<'p>(
        &self,
        plan: &Plan<'p>,
        terms: &Terms,
        addressed: &Addressed<'_>,
        made_at: Timestamp,
    ) -> TrackedCopy<'p> {
        self.gateway
            .sealers
            .with(&self.live.keys, |sealer| copy::make(plan, terms, addressed, made_at, sealer))
    }

    pub(super) fn reception(&self, copy: &Copy<'_>) -> Result<Event, NoRandomness> {
        let Copy { recipient, message_id, links_of, terms, account, tracked, shown, .. } = copy;
        let shown = shown.as_ref().unwrap_or(&self.shown);
        let decision = &terms.settings.decision;
        let report = &tracked.report;
        let mut untouched: Vec<String> =
            report.reasons().map(|reason| reason.name().to_owned()).collect();
        untouched.sort_unstable();
        untouched.dedup();
        let has_pixels = report.pixels() > 0;
        let links = u32::try_from(report.links_tracked()).unwrap_or(u32::MAX);
        let is_amp = decision.amp && report.parts.iter().any(|part| &*part.content_type == AMP);
        let reception = Reception {
            links_of: (links_of != message_id).then_some(*links_of),
            msg_size: tracked.octets.len() as u64,
            open_tracking: decision.open && has_pixels,
            initial_pixel: decision.initial_open && has_pixels,
            click_tracking: links > 0,
            amp_enabled: is_amp,
            links,
            untouched,
            ..self.untracked(*recipient, copy.envelope(self.transaction), shown, terms, account)
        };
        self.stamp.event(*message_id, Occurrence::Reception(Box::new(reception)))
    }

    /// The reception of a copy that policy has refused: what came of it is told of something.
    pub(super) fn reception_of_refused(&self, copy: &RefusedCopy) -> Result<Event, NoRandomness> {
        let RefusedCopy { recipient, message_id, .. } = copy;
        let transaction = self.transaction;
        let envelope = (&transaction.reverse_path, &transaction.recipients[*recipient]);
        let reception =
            self.untracked(*recipient, envelope, &self.shown, &self.terms, &self.account);
        self.stamp.event(*message_id, Occurrence::Reception(Box::new(reception)))
    }

    /// What is known of a copy besides what was done to it.
    fn untracked(
        &self,
        recipient: usize,
        (mail, rcpt): (&EnvelopeLine, &EnvelopeLine),
        Shown { subject, friendly_from }: &Shown,
        terms: &Terms,
        account: &Account,
    ) -> Reception {
        let request = &terms.request;
        Reception {
            transmission_id: self.transmission_id,
            rcpt_to: rcpt.mailbox.clone(),
            rcpt_type: self.audience.part(recipient).0,
            links_of: None,
            msg_from: mail.mailbox.clone(),
            subject: subject.clone(),
            friendly_from: friendly_from.clone(),
            account: account.clone(),
            client: self.client.clone(),
            campaign_id: request.campaign_id.clone().unwrap_or_default(),
            rcpt_meta: request.metadata.clone(),
            rcpt_meta_reach: terms.metadata_reach(),
            rcpt_tags: request.tags.clone(),
            options: request.options.clone(),
            msg_size: self.content.len() as u64,
            open_tracking: false,
            initial_pixel: false,
            click_tracking: false,
            amp_enabled: false,
            links: 0,
            untouched: Vec::new(),
        }
    }
}

impl Gateway {
    /// Takes note of what a message asks for: its tags become those of the system, as far
    /// as there is room, and what is not done is counted.
    pub(super) async fn ask(&self, terms: &mut Terms) {
        let counters = &self.counters;
        counters.tags_ignored.add(terms.request.tags_ignored as u64);
        if !terms.request.tags.is_empty() {
            let tags = &mut Arc::make_mut(&mut terms.request).tags;
            let admission = self.ends.shared.tags.admit(tags).await;
            counters.tags_ignored.add(admission.ignored as u64);
            counters.tags_undecided.add(admission.undecided as u64);
        }
        if terms.metadata_reach() == MetadataReach::Reception {
            counters.metadata_withheld.increment();
        }
        if terms.request.options.inline_css == Some(true) {
            counters.inline_css.increment();
        }
        for wrong in &terms.variables_ignored {
            counters.variables_ignored.increment();
            warn!(listener = self.config.name, %wrong, "a context variable does not count");
        }
    }
}

/// The text of the first field of that name, as a reader sees it; cut where it would
/// only fill the log.
fn text_of(content: &[u8], name: &str) -> String {
    let field = header::fields(content).find(|field| field.is(name));
    let value = field.map(|field| field.value()).unwrap_or_default();
    // Not in the middle of a character, which would no longer be UTF-8.
    let is_inside = |at: &usize| value.get(*at).is_some_and(|octet| octet & 0xc0 == 0x80);
    let end = (0..=value.len().min(FIELD_OCTETS_MAX)).rev().find(|at| !is_inside(at));
    encoded_word::decode(&value[..end.unwrap_or_default()])
}
