//! `mailwake domains`: the domains of tracked links.

mod check;

use super::{ConfigArgs, random};
use crate::{
    config::{Config, Tracker},
    net::tls::client::Verification,
};
use anyhow::{Result, bail};
use check::{Domain, Finding};
use clap::{Args, Subcommand};
use std::{
    io::{self, Write},
    net::IpAddr,
    path::PathBuf,
    sync::Arc,
    time::SystemTime,
};
use tracking::{
    ids::{MessageId, Timestamp},
    token::{Day, Engagement, Link, Sealer},
};

/// `mailwake domains`.
#[derive(Debug, Args)]
pub(super) struct DomainsArgs {
    #[command(subcommand)]
    command: DomainsCommand,
}

#[derive(Debug, Subcommand)]
enum DomainsCommand {
    /// Look whether a domain leads to the tracker: its addresses, its certificate, and what
    /// answers. Nothing is counted by it. Fails when something is wrong, and says what would be
    /// right.
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The domain, such as track.example.com.
    name: String,
    #[command(flatten)]
    config: ConfigArgs,
    /// Look there, and not where the name leads; may be there several times.
    #[arg(long, value_name = "ADDRESS")]
    address: Vec<IpAddr>,
    /// The port of HTTP.
    #[arg(long, value_name = "PORT", default_value_t = 80)]
    http_port: u16,
    /// The port of HTTPS.
    #[arg(long, value_name = "PORT", default_value_t = 443)]
    https_port: u16,
    /// The domain has links of http alone.
    #[arg(long, conflicts_with = "https_only")]
    http_only: bool,
    /// The domain has links of https alone, and gets no certificate by ACME.
    #[arg(long)]
    https_only: bool,
    /// The authorities that the certificate is checked against, in PEM, in place of those of
    /// the system.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(args: &DomainsArgs) -> Result<()> {
    let DomainsCommand::Check(args) = &args.command;
    let domain = domain(args)?;
    let mut out = io::stdout().lock();
    let mut mistakes = 0;
    let mut tell = |finding: Finding| -> Result<()> {
        match finding {
            Finding::Right(text) => writeln!(out, "  right  {text}")?,
            Finding::Wrong(text) => {
                mistakes += 1;
                writeln!(out, "  WRONG  {text}")?;
            }
        }
        Ok(())
    };
    let addresses = match domain.resolve() {
        Ok(addresses) => addresses,
        Err(finding) => {
            tell(finding)?;
            Vec::new()
        }
    };
    for address in addresses {
        tell(Finding::Right(format!("{} is at {address}", domain.name)))?;
        if !args.https_only {
            tell(domain.http(address))?;
        }
        if !args.http_only {
            domain.https(address).into_iter().try_for_each(&mut tell)?;
        }
    }
    match mistakes {
        0 => Ok(()),
        1 => bail!("one thing is wrong with {}", domain.name),
        _ => bail!("{mistakes} things are wrong with {}", domain.name),
    }
}

fn domain(args: &CheckArgs) -> Result<Domain> {
    let config = Config::load(&args.config.config)?;
    let target = format!("https://{}/robots.txt", args.name);
    let link = Link {
        expires_after: Some(Day(1)),
        ..Link::new(
            MessageId::new(Timestamp::from(SystemTime::now()), random()?),
            Engagement::Click { target_url: target.clone() },
        )
    };
    let token = Sealer::new(Arc::new(config.keys.load()?)).seal(&link, None)?;
    let system = || Verification::System;
    Ok(Domain {
        name: args.name.clone(),
        addresses: args.address.clone(),
        http_port: args.http_port,
        https_port: args.https_port,
        verification: args.ca_file.clone().map_or_else(system, Verification::Authorities),
        path: format!("/{token}"),
        target,
    })
}

/// Tells where a tracker listens, and the names that it has certificates for.
pub(super) fn tell(out: &mut impl Write, tracker: &Tracker) -> Result<()> {
    let listeners = tracker.listeners.iter().map(|listener| match listener.is_tls {
        true => format!("{} (TLS)", listener.listen),
        false => listener.listen.to_string(),
    });
    writeln!(out, "  tracker: {}", listeners.collect::<Vec<_>>().join(", "))?;
    let obtained = |name: &String| {
        let acme = tracker.acme.as_ref();
        acme.is_some_and(|acme| acme.domains.contains(name))
    };
    let domains = tracker.domains.iter().map(|(name, _)| match obtained(name) {
        true => format!("{name} (ACME)"),
        false => name.clone(),
    });
    let domains: Vec<_> = domains.collect();
    if !domains.is_empty() {
        writeln!(out, "    certificates: {}", domains.join(", "))?;
    }
    Ok(())
}
