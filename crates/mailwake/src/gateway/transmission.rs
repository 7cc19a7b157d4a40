//! The content of one DATA on its way upstream: copies are made, the event log learns
//! of them, upstream gets one transaction for each recipient, and what came of it is
//! told in one reply.
//!
//! The order is what keeps promises: a copy's reception is on disk before its final
//! dot goes upstream; upstream's DATA is opened only when the copy is complete; what
//! came of it is on disk before the sender is told.

mod audience;
mod copies;
mod policy;
mod taking;

pub(super) use policy::Policy;
pub(super) use taking::Scoped;

use super::{
    Gateway, Live, client,
    counters::RefusalReason,
    in_hand::InHand,
    notification,
    outcome::{self, Attempt, Outcome, Told},
    stamp::{self, Stamp},
    tally::Tally,
};
use crate::smtp_io::upstream::{DataAnswer, Upstream, UpstreamError};
use audience::Audience;
use copies::{Copy, Original, Plans, Shown};
use mail::smtp::{reply::Reply, session::Transaction};
use policy::{Judge, RefusedCopy};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};
use taking::{Refused, take_up};
use tracing::{error, warn};
use tracking::{
    account::Account,
    copy::Terms,
    event::{Client, Event},
    ids::TransmissionId,
};

/// Copies are made ahead up to so many octets together, so that one write to the log
/// covers many recipients of a small message, and a large one is in memory once.
const AHEAD_OCTETS: usize = 1 << 20;

/// Events that are given to the log at once.
const EVENTS_AT_ONCE: usize = 500;

/// A message above this is rewritten where it holds up no other session.
const INLINE_OCTETS_MAX: usize = 256 * 1024;

/// What the sender is told.
pub(super) struct Verdict<'g> {
    pub(super) reply: Reply,
    /// The session ends with it.
    pub(super) ends_session: bool,
    /// There is no upstream left to talk to.
    pub(super) is_upstream_lost: bool,
    /// Who has accepted the message, until its sender is told.
    pub(super) in_hand: InHand<'g>,
}

struct Transmission<'g, 'a> {
    gateway: &'g Gateway,
    upstream: &'a mut Upstream,
    audience: &'a Audience<'a>,
    transaction: &'a Transaction,
    content: &'a [u8],
    live: Arc<Live>,
    stamp: Stamp,
    /// How the copies are tracked, by configuration, by the sender's X-MSYS-API and by the
    /// context.
    terms: Terms,
    /// What scripts say of each copy.
    judge: Judge<'a>,
    account: Account,
    client: Client,
    transmission_id: TransmissionId,
    shown: Shown,
    tally: Tally,
    in_hand: InHand<'g>,
    /// The copy whose links an archive gets.
    original: Option<Original>,
    /// Upstream's transaction is the one that the client has opened.
    is_open: bool,
    /// What upstream answered to DATA, where it was asked ahead.
    data_answer: Option<Result<DataAnswer, UpstreamError>>,
    is_upstream_lost: bool,
}

/// Octets of memory that a message of so many octets takes on its way to so many
/// recipients: itself, what is decoded of it, and the copies that are made ahead, which are
/// larger than it by their links.
pub(super) fn memory(octets: usize, recipients: usize) -> usize {
    let copy = octets + octets / 4;
    let copies = copy.saturating_mul(recipients).min(AHEAD_OCTETS + copy);
    2 * octets + copies
}

/// Brings a message to all recipients of its transaction.
pub(super) async fn transmit<'g>(
    gateway: &'g Gateway,
    upstream: &mut Upstream,
    transaction: &Transaction,
    content: &[u8],
    scoped: Scoped<'_>,
    policy: Policy<'_>,
) -> Verdict<'g> {
    gateway.counters.message_sizes.observe(content.len());
    let live = gateway.ends.live.load_full();
    let settings = scoped.settings(gateway, transaction, content);
    let stamp = Stamp::new(gateway.ends.shared.randomness);
    let taken = take_up(&settings, transaction, content, scoped.context)
        .and_then(|(terms, audience)| Ok((terms, audience, stamp.transmission_id(stamp::now())?)));
    let (mut terms, audience, transmission_id) = match taken {
        Ok(taken) => taken,
        Err(Refused { reason, reply }) => {
            gateway.refused_message(reason, Some(content.len()));
            let is_upstream_lost = upstream.exchange(b"RSET").await.is_err();
            let ends_session = reason == RefusalReason::NoId;
            let in_hand = policy.in_hand(gateway, transaction, content);
            return Verdict { reply, ends_session, is_upstream_lost, in_hand };
        }
    };
    gateway.ask(&mut terms).await;
    let in_hand = policy.in_hand(gateway, &audience.transaction, content);
    let mut transmission = Transmission {
        gateway,
        upstream,
        audience: &audience,
        transaction: &audience.transaction,
        content,
        terms,
        judge: Judge::new(policy, scoped, content),
        account: Account::of_context(scoped.context),
        client: client::of_event(&transaction.client),
        live,
        stamp,
        transmission_id,
        shown: Shown::of(content),
        tally: Tally::default(),
        in_hand,
        original: None,
        is_open: true,
        data_answer: None,
        is_upstream_lost: false,
    };
    let (reply, ends_session) = transmission.run().await;
    if transmission.is_open && !transmission.is_upstream_lost {
        // Nothing was sent: the recipients that upstream knows of are taken back.
        transmission.reset().await;
    }
    let Transmission { is_upstream_lost, in_hand, .. } = transmission;
    Verdict { reply, ends_session, is_upstream_lost, in_hand }
}

impl Transmission<'_, '_> {
    /// What the sender is told, and whether the session ends with it.
    async fn run(&mut self) -> (Reply, bool) {
        let mut attempts = self.accepted_before();
        if let Err(Refused { reason, reply }) = self.attempt_all(&mut attempts).await {
            self.gateway.refused_message(reason, Some(self.content.len()));
            return (reply, reason == RefusalReason::NoId);
        }
        let attempts: Vec<Attempt> = attempts.into_iter().flatten().collect();
        let outcomes: Vec<Outcome> =
            attempts.iter().map(|attempt| attempt.outcome.clone()).collect();
        let told = self.settle(outcome::tell(&outcomes), &outcomes).await;
        self.record(&attempts, &told).await;
        (told.reply().clone(), self.judge.ends_session)
    }

    /// An attempt for each recipient who accepted this message when it came before.
    fn accepted_before(&self) -> Vec<Option<Attempt>> {
        let before = self.in_hand.before();
        let attempt = || Attempt { message_id: None, outcome: Outcome::AcceptedBefore };
        let recipients = 0..self.transaction.recipients.len();
        recipients.map(|index| before.binary_search(&index).is_ok().then(attempt)).collect()
    }

    /// Makes and sends a copy for each recipient who has no attempt yet. The error is why
    /// the message is not taken: of the event log, or of ids that cannot be made.
    async fn attempt_all(&mut self, attempts: &mut [Option<Attempt>]) -> Result<(), Refused> {
        let mut plans = Plans::new(self.content);
        let mut recipients: Vec<usize> =
            (0..attempts.len()).filter(|index| attempts[*index].is_none()).rev().collect();
        while !recipients.is_empty() {
            let copies = self.received(&mut plans, &mut recipients).await;
            for RefusedCopy { recipient, message_id, reply } in self.judge.refused.drain(..) {
                // Without a reception there is nothing to tell more of.
                let message_id = copies.is_ok().then_some(message_id);
                attempts[recipient] = Some(Attempt { message_id, outcome: Outcome::Judged(reply) });
            }
            let copies = match copies {
                Ok(copies) => copies,
                Err(refused) if attempts.iter().any(Option::is_some) => {
                    // Some were sent already: the rest is deferred, with the counts.
                    let outcome = Outcome::Answered(refused.reply);
                    let deferred = || Attempt { message_id: None, outcome: outcome.clone() };
                    let rest = attempts.iter_mut().filter(|attempt| attempt.is_none());
                    rest.for_each(|attempt| *attempt = Some(deferred()));
                    return Ok(());
                }
                Err(refused) => return Err(refused),
            };
            let noted = self.in_hand.noted();
            for copy in copies {
                let outcome = self.send(&copy).await;
                if outcome.is_accepted() {
                    self.in_hand.note(copy.recipient, self.transaction, self.content);
                }
                let message_id = Some(copy.message_id);
                attempts[copy.recipient] = Some(Attempt { message_id, outcome });
            }
            if !recipients.is_empty() {
                self.in_hand.remember_noted(noted);
            }
        }
        Ok(())
    }

    /// Makes the next copies, and has the event log take their receptions, and those of copies
    /// that policy refuses. When it returns, they are on disk. A log that takes no events is a
    /// reason to take no mail.
    ///
    /// Upstream is asked for the message meanwhile, which saves waiting for one after the
    /// other. It does not get an octet of it before the disk has the reception.
    async fn received<'m>(
        &mut self,
        plans: &mut Plans<'m>,
        recipients: &mut Vec<usize>,
    ) -> Result<Vec<Copy<'m>>, Refused> {
        let copies = self.copies_ahead(plans, recipients).await?;
        let refused = self.judge.refused.iter();
        let refused = refused.map(|copy| self.reception_of_refused(copy));
        let receptions = copies.iter().map(|copy| self.reception(copy)).chain(refused);
        let receptions = receptions.collect::<Result<Vec<Event>, _>>()?;
        let writer = &self.gateway.ends.writer;
        let appended = match copies.first().is_some_and(|first| self.is_asked_ahead(first)) {
            true => {
                let asked = self.upstream.open_data();
                let (appended, answer) = tokio::join!(writer.append(&receptions), asked);
                self.data_answer = Some(answer);
                appended
            }
            false => writer.append(&receptions).await,
        };
        let gateway = self.gateway;
        gateway.is_log_refusing.store(appended.is_err(), Ordering::Relaxed);
        appended.map(|_| copies).map_err(|error| {
            gateway.counters.log_refusals.increment();
            error!(%error, "a message was refused because its events cannot be kept");
            // Only the end of the connection tells an upstream that waits for a message that
            // there will be none.
            let answer = self.data_answer.take();
            self.is_upstream_lost |= !matches!(answer, None | Some(Ok(DataAnswer::Refused(_))));
            let text = "no room to record this message, try again later";
            Refused { reason: RefusalReason::EventLog, reply: Reply::new(452, "4.3.1", text) }
        })
    }

    /// May DATA be said while the disk takes the reception? Not where the log has refused
    /// the message before, which would cost an upstream each time.
    fn is_asked_ahead(&self, copy: &Copy<'_>) -> bool {
        self.transaction.recipients.len() == 1
            && self.goes_in_open_transaction(copy)
            && !self.transaction.is_binary
            && !self.gateway.is_log_refusing.load(Ordering::Relaxed)
    }

    /// Does the one recipient's copy go in the transaction that the client has opened? LMTP
    /// would give a reply for each time that the recipient was named, and scripts may have
    /// given the copy another envelope.
    fn goes_in_open_transaction(&self, copy: &Copy<'_>) -> bool {
        copy.envelope.is_none() && !(self.transaction.has_repetition && self.upstream.is_lmtp())
    }

    /// Sends a copy upstream.
    async fn send(&mut self, copy: &Copy<'_>) -> Outcome {
        if self.is_upstream_lost {
            return Outcome::Lost;
        }
        let began = Instant::now();
        let transaction = self.transaction;
        let sent = match &transaction.recipients[..] {
            [_] if self.goes_in_open_transaction(copy) => {
                self.is_open = false;
                self.send_content(&copy.tracked.octets).await
            }
            _ => {
                let (mail, rcpt) = copy.envelope(transaction);
                let sender = Some(&transaction.client);
                self.send_apart(&mail.line, &rcpt.line, sender, &copy.tracked.octets).await
            }
        };
        self.tally.sent(self.gateway, copy.tracked.octets.len(), began.elapsed());
        match sent {
            Ok(reply) => Outcome::Answered(reply),
            Err(error) => {
                self.lose(&error);
                Outcome::Lost
            }
        }
    }

    /// Sends a message in a transaction of its own, in which upstream may be told of its
    /// sender; a message of the gateway itself has none. The reply is the first that refuses,
    /// or the last.
    async fn send_apart(
        &mut self,
        mail: &str,
        rcpt: &str,
        sender: Option<&mail::smtp::client::Client>,
        content: &[u8],
    ) -> Result<Reply, UpstreamError> {
        if self.is_open {
            self.upstream.exchange(b"RSET").await?;
            self.is_open = false;
        }
        let mut reply = match sender {
            Some(sender) => {
                let is_forwarded = self.transaction.is_forwarded;
                self.upstream.begin(mail.as_bytes(), sender, is_forwarded).await?
            }
            None => self.upstream.exchange(mail.as_bytes()).await?,
        };
        if reply.is_positive() {
            reply = self.upstream.exchange(rcpt.as_bytes()).await?;
        }
        if !reply.is_positive() {
            self.reset().await;
            return Ok(reply);
        }
        self.send_content(content).await
    }

    /// Sends the content in the transaction that is open, which ends with it.
    async fn send_content(&mut self, content: &[u8]) -> Result<Reply, UpstreamError> {
        let reply = match self.transaction.is_binary {
            true => self.upstream.send_chunk(content).await?,
            false => self.send_data(content).await?,
        };
        if !reply.is_positive() {
            // DATA itself may have been refused, and then the transaction is still open.
            self.reset().await;
        }
        Ok(reply)
    }

    /// Sends the content with DATA. Where upstream refuses DATA, that is the reply.
    async fn send_data(&mut self, content: &[u8]) -> Result<Reply, UpstreamError> {
        let answer = match self.data_answer.take() {
            Some(answer) => answer,
            None => self.upstream.open_data().await,
        };
        match answer? {
            DataAnswer::GoAhead => self.upstream.send_message(content).await,
            DataAnswer::Refused(reply) => Ok(reply),
        }
    }

    /// Takes upstream's transaction back. Upstream may be gone behind its last reply,
    /// which stands all the same.
    async fn reset(&mut self) {
        if let Err(error) = self.upstream.exchange(b"RSET").await {
            self.lose(&error);
        }
    }

    fn lose(&mut self, error: &UpstreamError) {
        warn!(transmission_id = %self.transmission_id, %error, "connection to upstream lost");
        self.is_upstream_lost = true;
    }

    /// Does what a verdict promises: remembers who accepted before the sender is told
    /// to come again, and notifies the sender of failures before it is told 250.
    async fn settle(&mut self, told: Told, outcomes: &[Outcome]) -> Told {
        let told = match told {
            Told::AcceptedWithFailures(reply) => match self.notify(outcomes).await {
                Ok(()) => Told::AcceptedWithFailures(reply),
                Err(reply) => Told::Deferred(reply),
            },
            told => told,
        };
        self.in_hand.settle(&told, outcomes, self.transaction, self.content);
        told
    }

    /// Sends the sender a notification of the recipients who refused for good. The
    /// error is the reply when that is not possible: then the message comes again.
    async fn notify(&mut self, outcomes: &[Outcome]) -> Result<(), Reply> {
        let notification = notification::of_failures(
            self.transaction,
            outcomes,
            self.content,
            &self.gateway.config.host_name,
            self.transmission_id,
        );
        let Some(notification) = notification else { return Ok(()) };
        let is_lost = || Err(Reply::new(421, "4.4.2", "connection to upstream lost"));
        if self.is_upstream_lost {
            return is_lost();
        }
        let notification::Notification { mail, rcpt, content } = &notification;
        let sent = self.send_apart(mail, rcpt, None, content).await;
        match sent {
            Ok(reply) if reply.is_positive() => Ok(()),
            Ok(reply) => {
                warn!(code = reply.code(), "upstream refused a notification of failures");
                Err(Reply::new(
                    451,
                    "4.7.1",
                    "some recipients refused, and the notification of it was refused",
                ))
            }
            Err(error) => {
                self.lose(&error);
                is_lost()
            }
        }
    }

    /// Has the event log take what came of the copies, before the sender is told.
    async fn record(&self, attempts: &[Attempt], told: &Told) {
        let counters = &self.gateway.counters;
        let mut events = Vec::with_capacity(attempts.len());
        for attempt in attempts {
            let occurrence = outcome::occurrence(&attempt.outcome, told);
            if let (Some(message_id), Some(occurrence)) = (attempt.message_id, occurrence) {
                events.push(self.stamp.event(message_id, occurrence));
            }
        }
        let events: Result<Vec<Event>, _> = events.into_iter().collect();
        let events = events.unwrap_or_else(|error| {
            counters.log_refusals.increment();
            error!(%error, transmission_id = %self.transmission_id, "what came of a message cannot be recorded");
            Vec::new()
        });
        // Together they could be more than the log's queue takes at once.
        for events in events.chunks(EVENTS_AT_ONCE) {
            if let Err(error) = self.gateway.ends.writer.append(events).await {
                // Upstream has the mail: refusing it now would only send it twice.
                counters.log_refusals.increment();
                error!(%error, transmission_id = %self.transmission_id, "what came of a message cannot be recorded");
            }
        }
        let (id, octets) = (self.transmission_id, self.content.len());
        self.tally.tell(self.gateway, id, octets, attempts, told);
    }
}

/// Runs work whose time grows with the message where it holds up nobody.
pub(super) fn on_this_thread<T>(content: &[u8], work: impl FnOnce() -> T) -> T {
    match content.len() > INLINE_OCTETS_MAX {
        true => tokio::task::block_in_place(work),
        false => work(),
    }
}
