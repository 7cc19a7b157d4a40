//! `mailwake check-config --explain`: what counts for a client and a message, key by key,
//! and which place of the configuration, which header or which variable says so.

use crate::{
    config::{Config, Listener},
    gateway::scopes::{ClientScope, PATHWAY},
};
use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
};
use tracking::{
    account::Account,
    context::{Context, Lifetime},
    copy::Terms,
    scope::{Effective, Explained, Layer, Origin, Scope},
    smtpapi::{self, FIELD, Refusal, Request},
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
    /// With --explain: for a message whose From is this address.
    #[arg(long, value_name = "ADDRESS", requires = "explain")]
    from: Option<String>,
    /// With --explain: for a message with this X-MSYS-API.
    #[arg(long, value_name = "JSON", requires = "explain")]
    header: Option<String>,
    /// With --explain: with this context variable of the message. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", requires = "explain", value_parser = variable)]
    set: Vec<(String, String)>,
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
                explain(scope, args, out)?;
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

fn explain(scope: &ClientScope, args: &ExplainArgs, out: &mut impl Write) -> Result<()> {
    let context = context(scope, args)?;
    let chosen = context.variable(PATHWAY).filter(|name| !name.is_empty());
    let settings = scope.settings(chosen).map_err(|error| {
        anyhow!("pathway {:?} is not taken: {error}", chosen.unwrap_or_default())
    })?;
    let pathway = chosen.or(scope.pathway());
    let request = match settings.reads_smtpapi {
        true => args.header.as_deref().map(read_header).transpose()?,
        false => None,
    };
    Terms::new(settings, request.as_ref(), &context).map_err(|refusal| refused(&refusal))?;
    let (variables, wrong) = Layer::of_context(&context);
    let policy = Scope { origin: Origin::Context, layer: variables };
    let header = request.as_ref().map(Layer::from).unwrap_or_default();
    let header = Scope { origin: Origin::Header, layer: header };
    let effective = scope.effective(pathway, &[&policy, &header]);
    if let Some(name) = pathway {
        writeln!(out, "  by pathway {name:?}")?;
    }
    for lifetime in [Lifetime::Connection, Lifetime::Message] {
        for (name, value) in context.iter(lifetime) {
            writeln!(out, "  with context variable {name} = {value:?}")?;
        }
    }
    for wrong in wrong {
        writeln!(out, "  {wrong}: it is left out")?;
    }
    if request.is_none() && args.header.is_some() {
        writeln!(out, "  {FIELD} is not read: x_msys_api = false")?;
    }
    for line in lines(&effective, args, &Account::of_context(&context)) {
        let Explained { key, value, origin } = line;
        writeln!(out, "  {:<48} # {origin}", format!("{key} = {value}"))?;
    }
    Ok(())
}

/// The variables of the message: those that its connection begins with, and those that are
/// set here.
fn context(scope: &ClientScope, args: &ExplainArgs) -> Result<Context> {
    let mut context = Context::default();
    for (name, value) in scope.presets() {
        context.set(Lifetime::Connection, name, value)?;
    }
    let pathway = args.pathway.iter().map(|name| (PATHWAY, name.as_str()));
    let set = args.set.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in set.chain(pathway) {
        context.set(Lifetime::Message, name, value)?;
    }
    Ok(context)
}

/// Reads what would stand in the field. An error has the code that its sender would get.
fn read_header(json: &str) -> Result<Request> {
    let folded = json.lines().collect::<Vec<_>>().join("\r\n ");
    let message = format!("{FIELD}: {folded}\r\n\r\n");
    let request = smtpapi::read(message.as_bytes()).map_err(|refusal| refused(&refusal))?;
    request.with_context(|| format!("{FIELD} is empty"))
}

fn refused(refusal: &Refusal) -> anyhow::Error {
    anyhow!("the message would be refused: {} {} {refusal}", Refusal::CODE, Refusal::ENHANCED)
}

/// What counts, with the host that is the sender's own.
fn lines(effective: &Effective<'_>, args: &ExplainArgs, account: &Account) -> Vec<Explained> {
    let domains = &effective.settings.tracking_domains;
    let sender = args.from.as_deref().map(mail::address::domain).unwrap_or_default();
    let by_sender = domains.of(&sender, "").map(|domain| ("tracking_domain_by_sender", domain));
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
