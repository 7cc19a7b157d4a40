//! The command line: what each command takes, and which part does it.

mod acct_etl;
mod classify;
mod domains;
mod events;
mod explain;
mod feeders;
mod filter;
mod import;
mod ingest;
pub(crate) mod keys;
mod message;
mod policy;
pub(crate) mod report;
mod trial;

use crate::{
    config::{self, Config, KeySource, Listener, Tracker},
    demo,
    feeders::store as store_feeder,
    gateway::GatewayConfig,
    link_tool,
    policy::{Policy, PolicyConfig, Scripts, Stage},
    serve,
    smtp_io::upstreams::{Choice, Upstreams},
};
use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};
use tracking::copy::Settings;

/// Engagement tracking for the mail server you already run.
#[derive(Debug, Parser)]
#[command(name = "mailwake", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway, the tracker, the sources of records, the store and the feeders.
    Serve(ServeArgs),
    /// Show the main job in one process: mail is sent, opened, clicked and counted.
    Demo(demo::DemoArgs),
    /// Read the configuration and the keys, and tell every mistake in them.
    CheckConfig(CheckConfigArgs),
    /// Print Momentum's configuration as that of mailwake.
    ImportConfig(import::ImportArgs),
    /// Make, change and list the keys that seal links.
    Keys(keys::KeysArgs),
    /// Look after the domains of tracked links.
    Domains(domains::DomainsArgs),
    /// Ask the scripts of policy about a message, and print what they say.
    Policy(policy::PolicyArgs),
    /// Print what happened: counters, campaigns and links.
    Report(report::ReportArgs),
    /// Print events, the oldest first.
    Events(events::EventsArgs),
    /// Look after the feeders, which bring events to other systems.
    Feeders(feeders::FeedersArgs),
    /// Find the class of a bounce, and the rule that decided.
    Classify(classify::ClassifyArgs),
    /// Read records of an MTA, from files or standard input, once or as they come.
    Ingest(ingest::IngestArgs),
    /// Read PowerMTA's accounting pipe, which starts it.
    AcctEtl(acct_etl::AcctEtlArgs),
    /// Make the store anew from what the event log still has, while serve is stopped.
    Rebuild(RebuildArgs),
    /// Make the tracked copy of a message: from standard input to standard output.
    Rewrite(filter::RewriteArgs),
    /// Make and read tracked links by hand.
    Linktool(link_tool::LinkToolArgs),
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE", env = "MAILWAKE_CONFIG", default_value = config::DEFAULT_PATH)]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
struct CheckConfigArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    explain: explain::ExplainArgs,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The parts that this process runs; all that are configured, unless told.
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',')]
    roles: Vec<Role>,
    /// Where this process serves metrics, health and readiness, in place of admin.listen:
    /// for the second process of one configuration.
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
struct RebuildArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Rebuild even if the log no longer has its beginning: what stood there, and is in
    /// the store alone, is lost.
    #[arg(long)]
    allow_partial: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Gateway,
    Tracker,
    Delivery,
    Store,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = link_tool::with_two_dashes(std::env::args_os());
    let cli = Cli::parse_from(arguments);
    let ended = match cli.command {
        Command::Serve(args) => {
            serve::run(&args.config.config, roles(&args.roles), args.admin_listen)
        }
        Command::Demo(args) => demo::run(&args),
        Command::CheckConfig(args) => check_config(&args),
        Command::ImportConfig(args) => import::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Domains(args) => domains::run(&args),
        Command::Policy(args) => policy::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Events(args) => events::run(&args),
        Command::Feeders(args) => feeders::run(&args),
        Command::Classify(args) => classify::run(&args),
        Command::Ingest(args) => ingest::run(&args),
        Command::AcctEtl(args) => acct_etl::run(&args),
        Command::Rebuild(args) => rebuild(&args),
        Command::Rewrite(args) => filter::run(&args),
        Command::Linktool(args) => link_tool::run(&args),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone, the exit code is all that is left to tell it.
            drop(writeln!(io::stderr(), "mailwake: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Random octets of the system.
fn random<const N: usize>() -> Result<[u8; N]> {
    let mut octets = [0; N];
    aws_lc_rs::rand::fill(&mut octets).ok().context("the system gives no random octets")?;
    Ok(octets)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io_error = cause.downcast_ref::<io::Error>();
        io_error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

fn roles(chosen: &[Role]) -> serve::Roles {
    if chosen.is_empty() {
        return serve::Roles::ALL;
    }
    serve::Roles {
        gateway: chosen.contains(&Role::Gateway),
        tracker: chosen.contains(&Role::Tracker),
        delivery: chosen.contains(&Role::Delivery),
        store: chosen.contains(&Role::Store),
    }
}

fn rebuild(args: &RebuildArgs) -> Result<()> {
    let config = Config::load(&args.config.config)?;
    let rebuilt = store_feeder::rebuild(
        &config.event_log.directory,
        &config.store_directory,
        config.store,
        args.allow_partial,
    )?;
    let store_feeder::Rebuilt { events, damages } = rebuilt;
    let text = format!("the store has {events} events; {damages} parts of the log were damaged");
    Ok(writeln!(io::stdout(), "{text}")?)
}

fn check_config(args: &CheckConfigArgs) -> Result<()> {
    let CheckConfigArgs { config: args, explain } = args;
    let config = Config::load(&args.config)?;
    if explain.is_asked() {
        return explain::run(&config, explain, &mut io::stdout().lock());
    }
    let keys = config.keys.load()?;
    for listener in config.gateway.iter().flat_map(|gateway| &gateway.listeners) {
        let named = || format!("listener {:?}", listener.config.name);
        listener.load_certificate().with_context(named)?;
        Upstreams::load(&listener.config.upstreams, &mut Vec::new()).with_context(named)?;
    }
    let tags = config.tags.store.cassandra();
    let of_file = |(file, error)| anyhow::Error::new(error).context(format!("read {file:?}"));
    let tags = tags.map_err(of_file)?;
    config.tracker.as_ref().map(Tracker::load_certificates).transpose()?;
    let policy = Policy::load(config.policy.clone(), Arc::default())?;
    let mut out = io::stdout().lock();
    writeln!(out, "{} is right", args.config.display())?;
    writeln!(out, "  keys: {} in the ring, {} seals", keys.keys().len(), keys.active().id())?;
    if let KeySource::File(path) = &config.keys
        && keys::is_open_to_others(path)
    {
        writeln!(out, "  but everybody can read {}: chmod 600 it", path.display())?;
    }
    match &config.gateway {
        Some(gateway) => {
            gateway.listeners.iter().try_for_each(|listener| tell_listener(&mut out, listener))?;
        }
        None => writeln!(out, "  gateway: none")?,
    }
    if let Some(scripts) = policy.current() {
        tell_policy(&mut out, &config.policy, &scripts)?;
    }
    match &config.tracker {
        Some(tracker) => domains::tell(&mut out, tracker)?,
        None => writeln!(out, "  tracker: none")?,
    }
    match tags {
        Some(config) => writeln!(out, "  tags: Cassandra, {}", config.contact_points.join(", "))?,
        None => writeln!(out, "  tags: embedded")?,
    }
    writeln!(out, "  event log: {}", config.event_log.directory.display())?;
    writeln!(out, "  store: {}", config.store_directory.display())?;
    feeders::describe(&mut out, &config)
}

/// What the scripts of policy are asked.
fn tell_policy(out: &mut impl Write, config: &PolicyConfig, scripts: &Scripts) -> Result<()> {
    let stages = Stage::EVERY.into_iter().filter(|stage| scripts.has(*stage));
    let callouts: Vec<_> = stages.map(Stage::callout).collect();
    let callouts = if callouts.is_empty() { "nothing".into() } else { callouts.join(", ") };
    Ok(writeln!(out, "  policy: {} scripts, asked {callouts}", config.scripts.len())?)
}

/// What a listener will do, in two lines.
fn tell_listener(out: &mut impl Write, listener: &Listener) -> Result<()> {
    let GatewayConfig { name, listener: clients, upstreams, .. } = &listener.config;
    let order = match (&upstreams.members[..], upstreams.choice) {
        ([_], _) => "",
        (_, Choice::Priority) => ", the first that takes the session",
        (_, Choice::RoundRobin) => ", in turn",
    };
    writeln!(
        out,
        "  gateway, listener {name:?}: {} ({}) before {} ({}){order}",
        list(&listener.listen),
        clients.tls.name(),
        upstreams.addresses(),
        upstreams.members.first().map_or("none", |upstream| upstream.tls.name())
    )?;
    for (listen, peer, scope) in listener.scopes.iter() {
        let settings = scope.settings(None)?;
        let place = match peer {
            None if listener.listen.len() == 1 => String::new(),
            None => format!(" at {listen}"),
            Some(peer) => format!(" at {listen} from {peer}"),
        };
        let (tracked, url) = (tracked(settings), &settings.tracking_urls.click);
        writeln!(out, "   {place} tracks {tracked}; links at {url}")?;
    }
    Ok(())
}

/// What is tracked, in words.
fn tracked(settings: &Settings) -> String {
    let decision = &settings.decision;
    let tracked = [
        (decision.open, "opens"),
        (decision.open && decision.initial_open, "initial opens"),
        (decision.click, "clicks"),
    ];
    let tracked: Vec<_> =
        tracked.iter().filter(|(is_on, _)| *is_on).map(|(_, what)| *what).collect();
    if tracked.is_empty() { "nothing".into() } else { tracked.join(", ") }
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
