//! `mailwake check-config --explain`: what counts for a client and a message, key by key,
//! and which place of the configuration, which header or which variable says so.

use super::{
    message,
    trial::{self, Trial},
};
use crate::{
    config::{Config, Listener},
    gateway::scopes::{ClientScope, PATHWAY},
    policy::Scripts,
};
use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use mail::message::header::fields;
use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};
use tracking::{
    account::Account,
    context::{Context, Lifetime},
    copy::Terms,
    scope::{Effective, Explained, Layer, Origin, Scope, sender_domain},
    smtpapi::{FIELD, Refusal},
};

/// A client and a message.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Tell each engagement option that counts, its value, and where it comes from.
    #[arg(long)]
    explain: bool,
    /// With --explain: for this listener; "default" is that of [gateway]. All, unless told.
    #[arg(long, value_name = "NAME", requires = "explain")]
    listener: Option<String>,
    /// With --explain: for this socket, as the configuration has it. All, unless told.
    #[arg(long, value_name = "ADDRESS", requires = "explain")]
    listen: Option<SocketAddr>,
    /// With --explain: for a client with this address.
    #[arg(long, value_name = "IP", requires = "explain")]
    client: Option<IpAddr>,
    /// With --explain: with this pathway, as the context variable "pathway" chooses it.
    #[arg(long, value_name = "NAME", requires = "explain")]
    pathway: Option<String>,
    /// With --explain: for a message whose From is this address; with --policy it is the
    /// reverse-path, which counts where From has none.
    #[arg(long, value_name = "ADDRESS", requires = "explain")]
    from: Option<String>,
    /// With --explain: for a message with this X-MSYS-API.
    #[arg(long, value_name = "JSON", requires = "explain")]
    header: Option<String>,
    /// With --explain: with this context variable of the message. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", requires = "explain", value_parser = variable)]
    set: Vec<(String, String)>,
    /// With --explain: for the message in this file, with its X-MSYS-API and its From.
    #[arg(long, value_name = "FILE", requires = "explain")]
    message: Option<PathBuf>,
    /// With --explain: ask the scripts of policy first, about the message in --message, or on
    /// standard input. What they set counts for the copy of each recipient.
    #[arg(long, requires_all = ["explain", "rcpt"])]
    policy: bool,
    /// With --policy: what the client calls itself in EHLO.
    #[arg(long, value_name = "NAME", requires = "policy", default_value = "localhost")]
    helo: String,
    /// With --policy: a recipient, as RCPT TO would give it. May be repeated.
    #[arg(long, value_name = "ADDRESS", requires = "policy")]
    rcpt: Vec<String>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl ExplainArgs {
    /// Is anything to be explained?
    pub(super) fn is_asked(&self) -> bool {
        self.explain
    }
}

/// Tells what counts, for each listener and socket that is asked for.
pub(super) fn run(config: &Config, args: &ExplainArgs, out: &mut impl Write) -> Result<()> {
    let gateway = config.gateway.as_ref().context("there is no [gateway] to explain")?;
    let case = Case::read(config, args)?;
    let is_asked = |listener: &&Listener| {
        args.listener.as_ref().is_none_or(|name| *name == listener.config.name)
    };
    let mut is_found = false;
    for listener in gateway.listeners.iter().filter(is_asked) {
        for listen in &listener.listen {
            if args.listen.is_none_or(|asked| asked == *listen) {
                is_found = true;
                let scope = listener.scopes.of(*listen, args.client);
                writeln!(out, "listener {:?} at {listen}:", listener.config.name)?;
                case.explain(scope, out)?;
            }
        }
    }
    if !is_found {
        let places = gateway.listeners.iter().map(|listener| {
            format!("{:?} at {}", listener.config.name, super::list(&listener.listen))
        });
        bail!("there is no such listener; there are {}", places.collect::<Vec<_>>().join("; "));
    }
    Ok(())
}

/// What is asked.
struct Case<'a> {
    args: &'a ExplainArgs,
    /// With the X-MSYS-API of the command line behind its own header fields.
    message: Vec<u8>,
    /// The scripts of policy, where they are to be asked.
    scripts: Option<Arc<Scripts>>,
}

/// A message, or the copy for one recipient.
struct Subject<'s> {
    content: &'s [u8],
    context: &'s Context,
    /// The variables before policy was asked.
    before_policy: &'s Context,
}

impl<'a> Case<'a> {
    fn read(config: &Config, args: &'a ExplainArgs) -> Result<Self> {
        let scripts = args.policy.then(|| trial::scripts(config)).transpose()?;
        let mut message = match (&args.message, &scripts) {
            (None, None) => Vec::new(),
            (file, _) => message::read(file.as_deref())?,
        };
        if let Some(json) = &args.header {
            add_field(&mut message, json);
        }
        Ok(Self { args, message, scripts })
    }

    fn explain(&self, scope: &ClientScope, out: &mut impl Write) -> Result<()> {
        let context = context(scope, self.args)?;
        let subject =
            Subject { content: &self.message, context: &context, before_policy: &context };
        let Some(scripts) = &self.scripts else {
            let told = self.tell(scope, &subject, out)?;
            return told.map_err(|refusal| {
                anyhow!("the message would be refused: {}", message::reply(&refusal))
            });
        };
        let trial = Trial {
            out,
            margin: "  ",
            scripts,
            client: self.args.client,
            helo: &self.args.helo,
            from: self.from(),
            recipients: &self.args.rcpt,
            context: context.clone(),
        };
        trial.run(&self.message, |out, tried| {
            writeln!(out, "  for {}:", tried.recipient)?;
            let subject = Subject {
                content: &tried.message,
                context: &tried.context,
                before_policy: &context,
            };
            if let Err(refusal) = self.tell(scope, &subject, out)? {
                writeln!(out, "  refused: {}", message::reply(&refusal))?;
            }
            Ok(())
        })
    }

    fn from(&self) -> &'a str {
        self.args.from.as_deref().unwrap_or_default()
    }

    /// Tells what counts; the inner error is what the sender is told instead of it.
    fn tell(
        &self,
        scope: &ClientScope,
        subject: &Subject<'_>,
        out: &mut impl Write,
    ) -> Result<Result<(), Refusal>> {
        let Subject { content, context, before_policy } = subject;
        let chosen = context.variable(PATHWAY).filter(|name| !name.is_empty());
        let settings = scope.settings(chosen).map_err(|error| {
            anyhow!("pathway {:?} is not taken: {error}", chosen.unwrap_or_default())
        })?;
        let pathway = chosen.or(scope.pathway());
        let terms = settings.request(content).and_then(|request| {
            Terms::new(settings, request.as_ref(), context)?;
            Ok(request)
        });
        let request = match terms {
            Ok(request) => request,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (variables, wrong) = Layer::of_context(context);
        let variables = Scope { origin: Origin::Context, layer: variables };
        let header = request.as_ref().map(Layer::from).unwrap_or_default();
        let header = Scope { origin: Origin::Header, layer: header };
        let effective = scope.effective(pathway, &[&variables, &header]);
        if let Some(name) = pathway {
            writeln!(out, "  by pathway {name:?}")?;
        }
        for lifetime in [Lifetime::Connection, Lifetime::Message] {
            for (name, value) in context.iter(lifetime) {
                let is_set = before_policy.get(lifetime, name) != Some(value);
                let by = if is_set { ", set by policy" } else { "" };
                writeln!(out, "  with context variable {name} = {value:?}{by}")?;
            }
        }
        for wrong in wrong {
            writeln!(out, "  {wrong}: it is left out")?;
        }
        if !settings.reads_smtpapi && fields(content).any(|field| field.is(FIELD)) {
            writeln!(out, "  {FIELD} is not read: x_msys_api = false")?;
        }
        let sender = sender_domain(content, self.from());
        for line in lines(&effective, &sender, &Account::of_context(context)) {
            let Explained { key, value, origin } = line;
            writeln!(out, "  {:<48} # {origin}", format!("{key} = {value}"))?;
        }
        Ok(Ok(()))
    }
}

/// The variables of the message: those that its connection begins with, and those that are
/// set here.
fn context(scope: &ClientScope, args: &ExplainArgs) -> Result<Context> {
    let mut context = scope.context();
    let pathway = args.pathway.iter().map(|name| (PATHWAY, name.as_str()));
    let set = args.set.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in set.chain(pathway) {
        context.set(Lifetime::Message, name, value)?;
    }
    Ok(context)
}

/// Puts an X-MSYS-API behind the header fields that are there, so that what it says goes
/// before what they say.
fn add_field(message: &mut Vec<u8>, json: &str) {
    let end = fields(message).map(|field| field.range.end).max().unwrap_or_default();
    let folded = json.lines().collect::<Vec<_>>().join("\r\n ");
    let mut field = format!("{FIELD}: {folded}\r\n");
    if end > 0 && !message[..end].ends_with(b"\n") {
        field.insert_str(0, "\r\n");
    }
    if end == message.len() {
        field.push_str("\r\n");
    }
    message.splice(end..end, field.into_bytes());
}

/// What counts, with the host that is the sender's own.
fn lines(effective: &Effective<'_>, sender: &str, account: &Account) -> Vec<Explained> {
    let domains = &effective.settings.tracking_domains;
    let by_sender = domains.of(sender, "").map(|domain| ("tracking_domain_by_sender", domain));
    let by_customer = || {
        let domain = domains.of("", &account.customer_id)?;
        Some(("tracking_domain_by_customer", domain))
    };
    let mut lines = effective.explain();
    if let Some((key, domain)) = by_sender.or_else(by_customer) {
        let origin = lines.iter().find(|line| line.key == key).map(|line| line.origin.clone());
        for line in lines.iter_mut().filter(|line| line.key == "tracking_domain") {
            line.value = format!("{:?}", domain.as_str());
            line.origin = format!("{key} of {}", origin.as_deref().unwrap_or_default());
        }
    }
    lines
}
