//! `mailwake policy test`: what the scripts of the configuration say of a message, stage by
//! stage, without a gateway, an upstream or an event.

use super::ConfigArgs;
use crate::{
    config::Config,
    policy::{Header, Policy, Scripts, Stage, Subject},
};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use mail::message::header::fields;
use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::SystemTime,
};
use tracking::{
    context::{Context, Lifetime},
    copy::{Settings, Terms},
    ids::MessageId,
};

/// Largest message that is read, in octets.
const MESSAGE_OCTETS_MAX: u64 = 1 << 30;

#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Ask the scripts about the message on standard input, and print what they set,
    /// change and refuse.
    Test(TestArgs),
}

#[derive(Debug, Args)]
struct TestArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The address that the client connects from.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    client: IpAddr,
    /// What it calls itself in EHLO.
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    helo: String,
    /// The reverse-path, as MAIL FROM would give it.
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    from: String,
    /// A recipient, as RCPT TO would give it. May be repeated.
    #[arg(long, value_name = "ADDRESS", required = true)]
    rcpt: Vec<String>,
}

pub(super) fn run(args: &PolicyArgs) -> Result<()> {
    let PolicyCommand::Test(args) = &args.command;
    let config = Config::load(&args.config.config)?;
    let settings = settings(&config, args.client);
    let policy = Policy::load(config.policy, Arc::default())?;
    let Some(scripts) = policy.current() else {
        bail!("{} has no policy.scripts", args.config.config.display());
    };
    let mut message = Vec::new();
    let read = io::stdin().lock().take(MESSAGE_OCTETS_MAX + 1).read_to_end(&mut message);
    if read.context("read the message")? as u64 > MESSAGE_OCTETS_MAX {
        bail!("the message has more than {MESSAGE_OCTETS_MAX} octets");
    }
    let out = io::stdout().lock();
    let test = Test { out, scripts: &scripts, args, settings, context: Context::default() };
    test.run(&message)
}

/// How the first socket of the first listener tracks mail of this client.
fn settings(config: &Config, client: IpAddr) -> Option<Arc<Settings>> {
    let listener = config.gateway.as_ref()?.listeners.first()?;
    let scope = listener.scopes.of(*listener.listen.first()?, Some(client));
    scope.settings(scope.pathway()).ok().cloned()
}

struct Test<'t, W> {
    out: W,
    scripts: &'t Scripts,
    args: &'t TestArgs,
    settings: Option<Arc<Settings>>,
    context: Context,
}

/// Whether the conversation goes on behind a stage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Stage,
    Refused,
}

impl<W: Write> Test<'_, W> {
    /// Goes through a session as the gateway does, up to what is refused.
    fn run(mut self, message: &[u8]) -> Result<()> {
        let args = self.args;
        let first = args.rcpt.first().map(String::as_str).unwrap_or_default();
        for (stage, text) in
            [(Stage::Connect, ""), (Stage::Ehlo, &*args.helo), (Stage::MailFrom, &args.from)]
        {
            let mut subject = self.subject("");
            if self.ask(stage, text, &mut subject)? == Next::Refused {
                return Ok(());
            }
        }
        let mut recipients = Vec::new();
        for recipient in &args.rcpt {
            let mut subject = self.subject(recipient);
            if self.ask(Stage::RcptTo, recipient, &mut subject)? == Next::Stage {
                recipients.push(recipient);
            }
        }
        let mut message = message.to_vec();
        for stage in [Stage::Data, Stage::DataSpool] {
            let mut subject = Subject { header: Some(Header::of(&message)), ..self.subject(first) };
            if recipients.is_empty() || self.ask(stage, "", &mut subject)? == Next::Refused {
                return Ok(());
            }
            message = self.changed(&message, &subject)?;
        }
        recipients.iter().try_for_each(|recipient| self.copy(&message, recipient))
    }

    /// The copy for a recipient, whose variables are its own.
    fn copy(&mut self, message: &[u8], recipient: &str) -> Result<()> {
        let now = SystemTime::now().into();
        let mut subject = Subject {
            header: Some(Header::of(message)),
            message_id: MessageId::new(now, super::random()?).to_string(),
            ..self.subject(recipient)
        };
        let of_all = self.context.clone();
        let next = self.ask(Stage::DataSpoolEachRcpt, recipient, &mut subject)?;
        let context = std::mem::replace(&mut self.context, of_all);
        if next == Next::Refused {
            return Ok(());
        }
        let message = self.changed(message, &subject)?;
        if subject.mailfrom != self.args.from {
            writeln!(self.out, "  MAIL FROM:<{}>", subject.mailfrom)?;
        }
        if subject.rcptto != recipient {
            writeln!(self.out, "  RCPT TO:<{}>", subject.rcptto)?;
        }
        let Some(settings) = &self.settings else { return Ok(()) };
        let terms = settings
            .request(&message)
            .and_then(|request| Terms::new(settings, request.as_ref(), &context));
        match terms {
            Ok(terms) => {
                let decision = &terms.settings.decision;
                let word = |is_on| if is_on { "yes" } else { "no" };
                let (opens, clicks) = (word(decision.open), word(decision.click));
                writeln!(self.out, "  tracks opens: {opens}, clicks: {clicks}")?;
            }
            Err(refusal) => writeln!(self.out, "  refused: {refusal}")?,
        }
        Ok(())
    }

    fn subject(&self, recipient: &str) -> Subject {
        Subject {
            client: Some(SocketAddr::new(self.args.client, 0)),
            helo: self.args.helo.clone(),
            mailfrom: self.args.from.clone(),
            rcptto: recipient.into(),
            ..Subject::default()
        }
    }

    /// Asks, and tells what came of it.
    fn ask(&mut self, stage: Stage, text: &str, subject: &mut Subject) -> Result<Next> {
        if !self.scripts.has(stage) {
            return Ok(Next::Stage);
        }
        writeln!(self.out, "{}", format!("{} {text}", stage.callout()).trim_end())?;
        let before = self.context.clone();
        subject.context = before.clone();
        let answer = self.scripts.answer(stage, text, subject);
        self.context = std::mem::take(&mut subject.context);
        for failure in &answer.failures {
            writeln!(self.out, "  {} failed: {}", failure.script, failure.text)?;
        }
        for (lifetime, name) in
            [(Lifetime::Connection, "connection"), (Lifetime::Message, "message")]
        {
            for (variable, value) in self.context.iter(lifetime) {
                if before.get(lifetime, variable) != Some(value) {
                    writeln!(self.out, "  {name} {variable} = {value:?}")?;
                }
            }
            for (variable, _) in before.iter(lifetime) {
                if self.context.get(lifetime, variable).is_none() {
                    writeln!(self.out, "  {name} {variable} is forgotten")?;
                }
            }
        }
        match answer.refusal {
            None => Ok(Next::Stage),
            Some(refusal) => {
                let reply = String::from_utf8_lossy(refusal.reply.octets());
                for line in reply.lines() {
                    writeln!(self.out, "  refused: {line}")?;
                }
                Ok(Next::Refused)
            }
        }
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
                writeln!(self.out, "  {sign} {}", String::from_utf8_lossy(field).trim_end())?;
            }
        }
        Ok(changed)
    }
}
