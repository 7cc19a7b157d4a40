//! Finds the class of a bounce, and the rule that decided: a reply comes in, or many, and what
//! mailwake would make of them goes out.

use super::ConfigArgs;
use crate::config::{Config, ConfigError};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;
use std::io::{self, BufRead, Read, Write};
use tracking::{
    bounce::{Classified, Rules},
    delivery::status::split_reply,
    event::{Attempt, UpstreamReply},
};

/// Octets of one reply.
const REPLY_OCTETS_MAX: u64 = 64 * 1024;

#[derive(Debug, Args)]
pub(super) struct ClassifyArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The domain of the recipient, for rules of certain domains.
    #[arg(long, value_name = "DOMAIN", default_value = "")]
    domain: String,
    /// What the MTA that sent the mail has made of it: a category of PowerMTA, or a class of
    /// KumoMTA, such as bad-mailbox or InvalidRecipient.
    #[arg(long, value_name = "CATEGORY", default_value = "")]
    category: String,
    /// The reply that was given, as in a log or a DSN: "550 5.1.1 User unknown"; "-" reads one
    /// from each line of standard input.
    #[arg(value_name = "REPLY", allow_hyphen_values = true)]
    reply: String,
    /// Print JSON, a line for each reply.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(args: &ClassifyArgs) -> Result<()> {
    let rules = rules(args)?;
    let mut out = io::stdout().lock();
    if args.reply != "-" {
        return tell(&mut out, args, &rules, &args.reply);
    }
    let mut input = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let read = input.by_ref().take(REPLY_OCTETS_MAX + 1).read_until(b'\n', &mut line);
        if read.context("read standard input")? == 0 {
            return Ok(());
        }
        if line.len() as u64 > REPLY_OCTETS_MAX {
            bail!("a reply has at most {REPLY_OCTETS_MAX} octets");
        }
        tell(&mut out, args, &rules, String::from_utf8_lossy(&line).trim_end())?;
    }
}

/// The rules of the configuration; the built-in ones where there is no configuration at the
/// default place.
fn rules(args: &ClassifyArgs) -> Result<Rules> {
    match Config::load(&args.config.config) {
        Ok(config) => Ok(config.bounce_rules),
        Err(ConfigError::Read { error, path })
            if error.kind() == io::ErrorKind::NotFound
                && path == std::path::Path::new(crate::config::DEFAULT_PATH) =>
        {
            Ok(Rules::built_in())
        }
        Err(error) => Err(error.into()),
    }
}

fn tell(out: &mut impl Write, args: &ClassifyArgs, rules: &Rules, reply: &str) -> Result<()> {
    let parts = split_reply(reply);
    let attempt = Attempt { bounce_category: args.category.clone(), ..Attempt::default() };
    let reply = UpstreamReply {
        error_code: parts.code,
        raw_reason: parts.text.into(),
        attempt: Some(Box::new(attempt)),
        ..UpstreamReply::default()
    };
    let Classified { class, rule } = rules.classify_for(&reply, &args.domain);
    let (code, name, category) = (class.code(), class.name(), class.category().name());
    if args.json {
        let told =
            json!({ "bounce_class": code, "name": name, "category": category, "rule": rule });
        return Ok(writeln!(out, "{told}")?);
    }
    Ok(writeln!(out, "{code} {name} ({category}), by {rule}")?)
}
