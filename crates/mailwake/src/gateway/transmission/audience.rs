//! Who gets a message: the recipients of its envelope, and those that its sender adds in
//! X-MSYS-API. Each of the latter is a recipient as if RCPT had named it, behind the
//! others: what came of its copy is told, remembered and notified in the same way.

use mail::smtp::{
    command::Command,
    session::{EnvelopeLine, Transaction},
};
use std::borrow::Cow;
use tracking::{
    event::RcptType,
    rewrite::FieldEdit,
    smtpapi::{Mailbox, RECIPIENTS_MAX, Refusal, Request},
};

/// The recipients of a message.
pub(super) struct Audience<'t> {
    /// The transaction with all of them.
    pub(super) transaction: Cow<'t, Transaction>,
    /// How many of them the envelope named; they are the first.
    pub(super) of_envelope: usize,
    /// The others.
    further: Vec<(RcptType, Mailbox)>,
    /// The edit of the header that shows whom the message goes to.
    pub(super) cc: Option<FieldEdit>,
}

impl<'t> Audience<'t> {
    /// Everybody whom the envelope or the sender's request names. An error is a reason to
    /// refuse the message.
    pub(super) fn of(
        transaction: &'t Transaction,
        request: &Request,
        content: &[u8],
    ) -> Result<Self, Refusal> {
        let of_envelope = transaction.recipients.len();
        let mut audience = Self {
            transaction: Cow::Borrowed(transaction),
            of_envelope,
            further: Vec::new(),
            cc: None,
        };
        if request.recipients.is_empty() {
            return Ok(audience);
        }
        let known = transaction.recipients.iter().map(|recipient| recipient.mailbox.as_str());
        let further = request.recipients.beside(known);
        if of_envelope + further.len() > RECIPIENTS_MAX {
            return Err(Refusal::TooManyRecipients);
        }
        let is_ascii = |(_, one): &&(RcptType, &Mailbox)| one.email.is_ascii();
        if let Some((list, _)) = further.iter().find(|one| !is_ascii(one))
            && !takes_utf8(&transaction.reverse_path)
        {
            return Err(Refusal::NeedsSmtputf8 { list: list.name() });
        }
        let recipients = &mut audience.transaction.to_mut().recipients;
        recipients.extend(further.iter().map(|(_, one)| rcpt(&one.email)));
        audience.further = further.into_iter().map(|(part, one)| (part, one.clone())).collect();
        audience.cc = request.recipients.cc_field(content);
        Ok(audience)
    }

    /// Does an archive get the message?
    pub(super) fn has_archive(&self) -> bool {
        // Archives are the last.
        self.further.last().is_some_and(|(part, _)| *part == RcptType::Archive)
    }

    /// The part of a recipient, and its mailbox where the envelope has not named it.
    pub(super) fn part(&self, recipient: usize) -> (RcptType, Option<&Mailbox>) {
        let further = recipient.checked_sub(self.of_envelope).and_then(|at| self.further.get(at));
        further.map_or((RcptType::To, None), |(part, mailbox)| (*part, Some(mailbox)))
    }
}

fn rcpt(email: &str) -> EnvelopeLine {
    EnvelopeLine { line: format!("RCPT TO:<{email}>"), mailbox: email.into() }
}

/// Has MAIL asked for SMTPUTF8 (RFC 6531)?
fn takes_utf8(reverse_path: &EnvelopeLine) -> bool {
    match Command::parse(&reverse_path.line) {
        Command::Mail(envelope) => envelope.parameter("SMTPUTF8").is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
