//! What scripts say of the copy for one recipient: the terms on which it is made, its
//! header, its envelope, and whether there is one.

use super::{Scoped, Transmission, on_this_thread, taking::Refused};
use crate::{
    gateway::{Gateway, in_hand::InHand},
    policy::{Header, Refusal, Scripts, Stage, Subject},
};
use mail::{
    address,
    smtp::{
        reply::Reply,
        session::{EnvelopeLine, Transaction},
    },
};
use std::sync::Arc;
use tracking::{account::Account, context::Context, copy::Terms, event::RcptType, ids::MessageId};

#[cfg(test)]
mod tests;

/// Whom a transmission asks.
pub(in crate::gateway) struct Policy<'a> {
    /// The scripts of the message.
    pub(in crate::gateway) scripts: Option<Arc<Scripts>>,
    /// The message as it came, where scripts have changed it since. By that it is known
    /// when it comes again.
    pub(in crate::gateway) received: Option<&'a [u8]>,
}

impl Policy<'_> {
    /// Takes the message in hand, by what came.
    pub(super) fn in_hand<'g>(
        &self,
        gateway: &'g Gateway,
        transaction: &Transaction,
        content: &[u8],
    ) -> InHand<'g> {
        let accepted = &gateway.ends.shared.accepted;
        let received = self.received.unwrap_or(content);
        let mut in_hand = InHand::take(accepted, transaction, received);
        if self.received.is_some() {
            in_hand.know(transaction, received);
        }
        in_hand
    }
}

/// Asks about the copies of one message.
pub(super) struct Judge<'a> {
    scripts: Option<Arc<Scripts>>,
    scoped: Scoped<'a>,
    /// The header, where scripts are asked about copies.
    header: Option<Header>,
    /// Copies that scripts have refused just now.
    pub(super) refused: Vec<RefusedCopy>,
    /// They have ended the session with a copy, as soon as its sender has the reply.
    pub(super) ends_session: bool,
}

impl<'a> Judge<'a> {
    pub(super) fn new(policy: Policy<'a>, scoped: Scoped<'a>, content: &[u8]) -> Self {
        let is_asked = |scripts: &Arc<Scripts>| scripts.has(Stage::DataSpoolEachRcpt);
        let scripts = policy.scripts.filter(is_asked);
        let header = scripts.is_some().then(|| Header::of(content));
        Self { scripts, scoped, header, refused: Vec::new(), ends_session: false }
    }

    /// The copy for a recipient is refused.
    pub(super) fn refuse(&mut self, recipient: usize, message_id: MessageId, refusal: Refusal) {
        self.refused.push(RefusedCopy { recipient, message_id, reply: refusal.reply });
        self.ends_session |= refusal.ends_session;
    }
}

/// A copy that is not made.
pub(super) struct RefusedCopy {
    pub(super) recipient: usize,
    /// By which the event log knows of it.
    pub(super) message_id: MessageId,
    pub(super) reply: Reply,
}

/// What scripts have made of the copy for one recipient.
pub(super) struct Judged {
    pub(super) terms: Terms,
    /// They are not those of the message.
    pub(super) is_other: bool,
    /// Whose it is.
    pub(super) account: Account,
    /// The message with its other header.
    pub(super) content: Option<Vec<u8>>,
    pub(super) envelope: Option<Envelope>,
}

/// The envelope of a copy, where it is another one than that of its recipient.
pub(super) struct Envelope {
    pub(super) reverse_path: EnvelopeLine,
    pub(super) recipient: EnvelopeLine,
}

impl Transmission<'_, '_> {
    /// Asks about the copy for a recipient. Nobody is asked about those that the sender has
    /// named in X-MSYS-API alone: they follow the message. The error is what the copy is
    /// refused with.
    pub(super) fn judge(
        &self,
        recipient: usize,
        part: RcptType,
        message_id: MessageId,
    ) -> Result<Judged, Refusal> {
        let (Some(scripts), Some(header)) = (&self.judge.scripts, &self.judge.header) else {
            return Ok(self.unjudged());
        };
        if part != RcptType::To {
            return Ok(self.unjudged());
        }
        let transaction = self.transaction;
        let (mail, rcpt) = (&transaction.reverse_path, &transaction.recipients[recipient]);
        let mut subject = Subject {
            context: self.judge.scoped.context.clone(),
            mailfrom: mail.mailbox.clone(),
            rcptto: rcpt.mailbox.clone(),
            message_id: message_id.to_string(),
            header: Some(header.clone()),
            ..Subject::of_client(&transaction.client)
        };
        let refusal = on_this_thread(self.content, || {
            scripts.ask(Stage::DataSpoolEachRcpt, "", &mut subject)
        });
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let is_changed = subject.mailfrom != mail.mailbox || subject.rcptto != rcpt.mailbox;
        let envelope = is_changed.then(|| Envelope {
            reverse_path: with_mailbox(mail, &subject.mailfrom),
            recipient: with_mailbox(rcpt, &subject.rcptto),
        });
        let header = subject.header.filter(Header::is_changed);
        let content = header.map(|header| header.apply(self.content).into_owned());
        let terms = self.terms_of_copy(&subject.context, content.as_deref())?;
        let is_other = terms.is_some();
        let terms = terms.unwrap_or_else(|| self.terms.clone());
        let account = Account::of_context(&subject.context);
        Ok(Judged { terms, is_other, account, content, envelope })
    }

    fn unjudged(&self) -> Judged {
        let (terms, account) = (self.terms.clone(), self.account.clone());
        Judged { terms, is_other: false, account, content: None, envelope: None }
    }

    /// The terms of a copy; `None` where they are those of the message.
    fn terms_of_copy(
        &self,
        context: &Context,
        content: Option<&[u8]>,
    ) -> Result<Option<Terms>, Refusal> {
        let Scoped { scope, context: of_message } = self.judge.scoped;
        if content.is_none() && context == of_message {
            return Ok(None);
        }
        let content = content.unwrap_or(self.content);
        let scoped = Scoped { scope, context };
        let settings = scoped.settings(self.gateway, self.transaction, content);
        let terms = settings
            .request(content)
            .and_then(|request| Terms::new(&settings, request.as_ref(), context));
        let refusal = |why| Refusal { reply: Refused::from(why).reply, ends_session: false };
        terms.map(Some).map_err(refusal)
    }
}

/// The line with another mailbox; its parameters stay.
fn with_mailbox(line: &EnvelopeLine, mailbox: &str) -> EnvelopeLine {
    let (verb, argument) = line.line.split_once(':').unwrap_or((&line.line, ""));
    let argument = argument.trim_start();
    let parameters = &argument[address::path_end(argument)..];
    EnvelopeLine { line: format!("{verb}:<{mailbox}>{parameters}"), mailbox: mailbox.into() }
}
