//! `mailwake policy test`: what the scripts of the configuration say of a message, stage by
//! stage, without a gateway, an upstream or an event.

use super::{
    ConfigArgs, message,
    trial::{self, Trial, Tried},
};
use crate::{
    config::Config,
    gateway::scopes::{ClientScope, PATHWAY},
};
use anyhow::Result;
use clap::{Args, Subcommand};
use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr},
};
use tracking::copy::Terms;

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
    let scripts = trial::scripts(&config)?;
    let message = message::read(None)?;
    let scope = scope(&config, args.client);
    let trial = Trial {
        out: io::stdout().lock(),
        margin: "",
        scripts: &scripts,
        client: Some(args.client),
        helo: &args.helo,
        from: &args.from,
        recipients: &args.rcpt,
        context: scope.map(ClientScope::context).unwrap_or_default(),
    };
    trial.run(&message, |out, tried| match scope {
        Some(scope) => tell_tracking(out, scope, tried),
        None => Ok(()),
    })
}

/// The first socket of the first listener, as this client finds it.
fn scope(config: &Config, client: IpAddr) -> Option<&ClientScope> {
    let listener = config.gateway.as_ref()?.listeners.first()?;
    Some(listener.scopes.of(*listener.listen.first()?, Some(client)))
}

/// How the gateway would track a copy.
fn tell_tracking(out: &mut impl Write, scope: &ClientScope, tried: &Tried<'_>) -> Result<()> {
    let chosen = tried.context.variable(PATHWAY).filter(|name| !name.is_empty());
    // A pathway that is not there is as none.
    let settings = scope.settings(chosen).or_else(|_| scope.settings(None))?;
    let terms = settings
        .request(&tried.message)
        .and_then(|request| Terms::new(settings, request.as_ref(), &tried.context));
    match terms {
        Ok(terms) => {
            let decision = &terms.settings.decision;
            let word = |is_on| if is_on { "yes" } else { "no" };
            let (opens, clicks) = (word(decision.open), word(decision.click));
            writeln!(out, "  tracks opens: {opens}, clicks: {clicks}")?;
        }
        Err(refusal) => writeln!(out, "  refused: {}", message::reply(&refusal))?,
    }
    Ok(())
}
