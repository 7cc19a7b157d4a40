//! What scripts say of a session and its commands. A command that they refuse does not
//! reach upstream: to the session it is one that upstream has refused.

use super::{Conversation, Gateway, Next, RefusalReason};
use crate::{
    gateway::transmission::{Policy, on_this_thread},
    policy::{Header, Refusal, Scripts, Stage, Subject},
};
use mail::smtp::{
    client::Client,
    command::Command,
    reply::Reply,
    session::{Step, Transaction},
};
use std::{borrow::Cow, mem, sync::Arc};
use tracking::context::Context;

/// Whom a session asks.
#[derive(Default)]
pub(super) struct Asked {
    /// The scripts, the same from MAIL to the end of the message.
    scripts: Option<Arc<Scripts>>,
    /// The reverse-path of the last MAIL.
    mailfrom: String,
    /// The variables that the session had when it began.
    at_start: Context,
}

impl Asked {
    /// For a session that begins now.
    pub(super) fn new(gateway: &Gateway) -> Self {
        Self { scripts: gateway.ends.policy.current(), ..Self::default() }
    }

    /// Asks about the client itself, with which the session begins.
    pub(super) fn connect(
        &mut self,
        gateway: &Gateway,
        context: &mut Context,
        client: &Client,
    ) -> Option<Refusal> {
        let refusal = self.ask(gateway, Stage::Connect, "", context, client);
        self.at_start = context.clone();
        refusal
    }

    /// The variables that the session had when it began, before its client said anything.
    pub(super) fn context_at_start(&self) -> Context {
        self.at_start.clone()
    }

    /// Whom the transmission of a message asks, given the message as it came where scripts
    /// have changed it.
    pub(super) fn policy_of_copies<'a>(&self, received: Option<&'a [u8]>) -> Policy<'a> {
        Policy { scripts: self.scripts.clone(), received }
    }

    /// Octets of memory that scripts may take of a message of so many: where they change its
    /// header it is there twice, and once more where they do so for a copy.
    pub(super) fn memory(&self, octets: usize) -> usize {
        let Some(scripts) = &self.scripts else { return 0 };
        let of_all = scripts.has(Stage::Data) || scripts.has(Stage::DataSpool);
        let of_copies = scripts.has(Stage::DataSpoolEachRcpt);
        octets * (usize::from(of_all) + usize::from(of_copies))
    }

    fn ask(
        &self,
        gateway: &Gateway,
        stage: Stage,
        text: &str,
        context: &mut Context,
        client: &Client,
    ) -> Option<Refusal> {
        let scripts = self.scripts.as_ref().filter(|scripts| scripts.has(stage))?;
        let mut subject = Subject {
            context: mem::take(context),
            mailfrom: self.mailfrom.clone(),
            ..Subject::of_client(client)
        };
        if stage == Stage::RcptTo {
            text.clone_into(&mut subject.rcptto);
        }
        let refusal = scripts.ask(stage, text, &mut subject);
        *context = subject.context;
        if refusal.is_some() {
            gateway.counters.refusals.of(RefusalReason::Policy).increment();
        }
        refusal
    }
}

impl Conversation<'_> {
    /// What is done with a command when scripts were asked about it.
    pub(super) fn ask_about_command(&mut self, step: Step, line: &[u8]) -> Step {
        if !matches!(step, Step::Greet | Step::Begin(_) | Step::Pass) {
            return step;
        }
        if matches!(step, Step::Begin(_)) {
            self.asked.scripts = self.gateway.ends.policy.current();
        }
        // The session passes no other line on.
        let line = str::from_utf8(line).unwrap_or_default();
        if self.asked.scripts.is_none() {
            return step;
        }
        let (stage, text) = match Command::parse(line) {
            Command::Helo | Command::Ehlo => {
                (Stage::Ehlo, line.get(4..).unwrap_or_default().trim())
            }
            Command::Mail(envelope) => (Stage::MailFrom, envelope.path),
            Command::Rcpt(envelope) => (Stage::RcptTo, envelope.path),
            _ => return step,
        };
        if stage == Stage::MailFrom {
            text.clone_into(&mut self.asked.mailfrom);
        }
        let Self { gateway, context, session, asked, .. } = self;
        match asked.ask(gateway, stage, text, context, session.client()) {
            None => step,
            Some(Refusal { reply, ends_session }) => {
                let reply = session.upstream_replied(reply);
                if ends_session { Step::End(reply) } else { Step::Answer(reply) }
            }
        }
    }

    /// Asks about a whole message. Gives it as scripts have left it, or what they refuse it
    /// with.
    pub(super) fn ask_about_message<'c>(
        &mut self,
        transaction: &Transaction,
        content: &'c [u8],
    ) -> Result<Cow<'c, [u8]>, Refusal> {
        let Self { gateway, context, asked, .. } = self;
        let stages = [Stage::Data, Stage::DataSpool];
        let Some(scripts) =
            asked.scripts.as_ref().filter(|scripts| stages.iter().any(|stage| scripts.has(*stage)))
        else {
            return Ok(Cow::Borrowed(content));
        };
        let recipient = transaction.recipients.first();
        let mut subject = Subject {
            context: mem::take(context),
            mailfrom: transaction.reverse_path.mailbox.clone(),
            rcptto: recipient.map(|recipient| recipient.mailbox.clone()).unwrap_or_default(),
            header: Some(Header::of(content)),
            ..Subject::of_client(&transaction.client)
        };
        let refusal = on_this_thread(content, || {
            stages.iter().find_map(|stage| scripts.ask(*stage, "", &mut subject))
        });
        *context = subject.context;
        if let Some(refusal) = refusal {
            gateway.refused_message(RefusalReason::Policy, Some(content.len()));
            return Err(refusal);
        }
        let header = subject.header;
        Ok(header.map_or(Cow::Borrowed(content), |header| header.apply(content)))
    }

    /// Upstream still waits for the content of a message that was refused.
    pub(super) async fn refuse_message(&mut self, refusal: Refusal) -> (Reply, Next) {
        let is_reset = self.upstream.exchange(b"RSET").await.is_ok();
        let goes_on = is_reset && !refusal.ends_session;
        (refusal.reply, if goes_on { Next::Command } else { Next::End })
    }
}
