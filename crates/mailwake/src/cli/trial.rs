//! What the scripts of the configuration say of a message, stage by stage as a session would
//! ask them, without a gateway, an upstream or an event. A client, an envelope and a message
//! come in; what was set, changed and refused goes out as text, and each copy that scripts let
//! pass to whoever tells more of it.

use crate::{
    config::Config,
    policy::{Header, Policy, Scripts, Stage, Subject},
};
use anyhow::{Result, anyhow};
use mail::message::header::fields;
use std::{
    io::{self, Write},
    mem,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::SystemTime,
};
use tracking::{
    context::{Context, Lifetime},
    ids::MessageId,
};

/// Loads the scripts of a configuration. To have none is an error.
pub(super) fn scripts(config: &Config) -> Result<Arc<Scripts>> {
    let policy = Policy::load(config.policy.clone(), Arc::default())?;
    policy.current().ok_or_else(|| anyhow!("the configuration has no policy.scripts"))
}

/// A session with one message.
pub(super) struct Trial<'t, W> {
    pub(super) out: W,
    /// Stands before each line.
    pub(super) margin: &'static str,
    pub(super) scripts: &'t Scripts,
    /// The address that the client connects from.
    pub(super) client: Option<IpAddr>,
    /// What it calls itself in EHLO.
    pub(super) helo: &'t str,
    /// The reverse-path.
    pub(super) from: &'t str,
    pub(super) recipients: &'t [String],
    /// The variables that the session begins with, and then those that scripts have set.
    pub(super) context: Context,
}

/// What scripts have made of the copy for a recipient, which they let pass.
pub(super) struct Tried<'t> {
    /// As RCPT TO named it.
    pub(super) recipient: &'t str,
    pub(super) context: Context,
    pub(super) message: Vec<u8>,
}

/// Whether the session goes on behind a stage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Stage,
    Refused,
}

impl<'t, W: Write> Trial<'t, W> {
    /// Goes through the session as the gateway does, up to what is refused. `tell` gets each
    /// copy that passes.
    pub(super) fn run(
        mut self,
        message: &[u8],
        mut tell: impl FnMut(&mut W, &Tried<'t>) -> Result<()>,
    ) -> Result<()> {
        let (helo, from, at_start) = (self.helo, self.from, self.context.clone());
        for (stage, text) in [(Stage::Connect, ""), (Stage::Ehlo, helo), (Stage::MailFrom, from)] {
            if stage == Stage::MailFrom {
                self.forget_message(&at_start)?;
            }
            let mut subject = self.subject("");
            if self.ask(stage, text, &mut subject)? == Next::Refused {
                return Ok(());
            }
        }
        let mut recipients = Vec::new();
        for recipient in self.recipients {
            let mut subject = self.subject(recipient);
            if self.ask(Stage::RcptTo, recipient, &mut subject)? == Next::Stage {
                recipients.push(recipient);
            }
        }
        let Some(first) = recipients.first() else { return Ok(()) };
        let mut message = message.to_vec();
        for stage in [Stage::Data, Stage::DataSpool] {
            let mut subject = Subject { header: Some(Header::of(&message)), ..self.subject(first) };
            if self.ask(stage, "", &mut subject)? == Next::Refused {
                return Ok(());
            }
            message = self.changed(&message, &subject)?;
        }
        for recipient in recipients {
            if let Some(tried) = self.copy(&message, recipient)? {
                tell(&mut self.out, &tried)?;
            }
        }
        Ok(())
    }

    /// What was set for the message before MAIL is of none; the message has the variables that
    /// it had at the start.
    fn forget_message(&mut self, at_start: &Context) -> Result<()> {
        let before = self.context.clone();
        self.context.forget_message();
        for (name, value) in at_start.iter(Lifetime::Message) {
            self.context.set(Lifetime::Message, name, value)?;
        }
        self.tell_variables(&before)
    }

    /// The copy for a recipient, whose variables are its own; `None` where it is refused.
    fn copy(&mut self, message: &[u8], recipient: &'t str) -> Result<Option<Tried<'t>>> {
        let now = SystemTime::now().into();
        let mut subject = Subject {
            header: Some(Header::of(message)),
            message_id: MessageId::new(now, super::random()?).to_string(),
            ..self.subject(recipient)
        };
        let of_all = self.context.clone();
        let next = self.ask(Stage::DataSpoolEachRcpt, recipient, &mut subject)?;
        let context = mem::replace(&mut self.context, of_all);
        if next == Next::Refused {
            return Ok(None);
        }
        let message = self.changed(message, &subject)?;
        if subject.mailfrom != self.from {
            self.line(&format!("  MAIL FROM:<{}>", subject.mailfrom))?;
        }
        if subject.rcptto != recipient {
            self.line(&format!("  RCPT TO:<{}>", subject.rcptto))?;
        }
        Ok(Some(Tried { recipient, context, message }))
    }

    fn subject(&self, recipient: &str) -> Subject {
        Subject {
            client: self.client.map(|address| SocketAddr::new(address, 0)),
            helo: self.helo.into(),
            mailfrom: self.from.into(),
            rcptto: recipient.into(),
            ..Subject::default()
        }
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}{text}", self.margin)
    }

    /// Asks, and tells what came of it.
    fn ask(&mut self, stage: Stage, text: &str, subject: &mut Subject) -> Result<Next> {
        if !self.scripts.has(stage) {
            return Ok(Next::Stage);
        }
        self.line(format!("{} {text}", stage.callout()).trim_end())?;
        let before = mem::take(&mut self.context);
        subject.context = before.clone();
        let answer = self.scripts.answer(stage, text, subject);
        self.context = mem::take(&mut subject.context);
        for failure in &answer.failures {
            self.line(&format!("  {} failed: {}", failure.script, failure.text))?;
        }
        self.tell_variables(&before)?;
        let Some(refusal) = answer.refusal else { return Ok(Next::Stage) };
        for line in String::from_utf8_lossy(refusal.reply.octets()).lines() {
            self.line(&format!("  refused: {line}"))?;
        }
        Ok(Next::Refused)
    }

    /// Tells the variables that differ from those before.
    fn tell_variables(&mut self, before: &Context) -> Result<()> {
        let context = self.context.clone();
        for (lifetime, name) in
            [(Lifetime::Connection, "connection"), (Lifetime::Message, "message")]
        {
            for (variable, value) in context.iter(lifetime) {
                if before.get(lifetime, variable) != Some(value) {
                    self.line(&format!("  {name} {variable} = {value:?}"))?;
                }
            }
            for (variable, _) in before.iter(lifetime) {
                if context.get(lifetime, variable).is_none() {
                    self.line(&format!("  {name} {variable} is forgotten"))?;
                }
            }
        }
        Ok(())
    }

    /// The message with its other header, of which it tells the fields that differ.
    fn changed(&mut self, message: &[u8], subject: &Subject) -> Result<Vec<u8>> {
        let changed = match &subject.header {
            Some(header) => header.apply(message).into_owned(),
            None => message.to_vec(),
        };
        let all = |message: &[u8]| -> Vec<Vec<u8>> {
            fields(message).map(|field| message[field.range].to_vec()).collect()
        };
        let (before, after) = (all(message), all(&changed));
        for (sign, fields, others) in [('-', &before, &after), ('+', &after, &before)] {
            for field in fields.iter().filter(|field| !others.contains(field)) {
                self.line(&format!("  {sign} {}", String::from_utf8_lossy(field).trim_end()))?;
            }
        }
        Ok(changed)
    }
}
