//! The main job in one process, for a first look: an MTA, the gateway, the tracker, the MTA's
//! records and the store, in a temporary directory. Mail is sent, delivered or refused, opened
//! and clicked, and what was counted is held against what was done.

mod recipients;
mod records;
mod sender;
mod upstream;

use crate::{
    cli::{keys, report::write_tables},
    config::Config,
    serve::{Roles, Server},
    stores::{report::Report, report::ReportFilter, sqlite::StoreReader},
    telemetry::{self, LogFormat, TelemetryConfig},
};
use anyhow::{Context, Result, bail};
use clap::Args;
use recipients::{Done, Mail};
use records::Records;
use std::{
    fs,
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};
use tokio::signal::ctrl_c;
use upstream::Upstream;

/// How long the store may take to learn of everything.
const STORE_TIMEOUT: Duration = Duration::from_secs(20);

/// The file of what the MTA writes down.
const RECORDS: &str = "acct.csv";

/// What `mailwake demo` takes.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End when everything was shown, in place of waiting for Ctrl-C.
    #[arg(long)]
    pub once: bool,
}

/// Runs the demo. It fails when the counters are not what was done.
pub fn run(args: &DemoArgs) -> Result<()> {
    telemetry::start(TelemetryConfig { format: LogFormat::Text, level: tracing::Level::WARN });
    let folder = tempfile::Builder::new().prefix("mailwake-demo-").tempdir()?;
    let records = Records::create(&folder.path().join(RECORDS)).context("begin the records")?;
    let upstream = Upstream::start(records).context("start the MTA")?;
    let path = folder.path().join("mailwake.toml");
    let keys = keys::new_ring()?;
    fs::write(folder.path().join("keys.txt"), keys.to_text())?;
    fs::write(&path, configuration(folder.path(), upstream.address(), free_address()?))?;
    let server = Server::start(&Config::load(&path)?, keys, Roles::ALL)?;
    let shown = show(&server, &upstream, folder.path());
    if let (Ok(()), false) = (&shown, args.once) {
        tell_where_next(&server, &path)?;
        server.runtime().block_on(ctrl_c())?;
    }
    server.stop()?;
    shown
}

/// Sends, opens, clicks, and prints what came of it.
fn show(server: &Server, upstream: &Upstream, folder: &Path) -> Result<()> {
    let gateway = server.gateway_address().context("the demo has a gateway")?;
    let mut out = io::stdout().lock();
    writeln!(out, "Sending through the gateway at {gateway}:")?;
    let sent = sender::send_all(gateway, &mut out)?;
    let mails = upstream.mails(sent)?;
    writeln!(out, "\nWhat the recipients got, and what they do with it:")?;
    let mut done = Done::sent(sent as u64);
    for (number, mail) in mails.iter().enumerate() {
        recipients::read(&Mail::of(mail)?, number, &mut done, &mut out)?;
    }
    let report = settled_report(folder, &done)?;
    writeln!(out, "\nWhat mailwake counted:\n")?;
    write_tables(&mut out, &report)?;
    writeln!(out, "\nThe counters are what was done: {done}.")?;
    // Else the two columns of zeros look like a fault.
    writeln!(
        out,
        "A program did it, right behind the sending. So its verdict is a machine's, and nothing is\n\
         counted without machines. Open a link yourself, and that is counted as a person's."
    )?;
    Ok(())
}

/// The report, as soon as the store has everything that was done.
fn settled_report(folder: &Path, done: &Done) -> Result<Report> {
    let mut reader = StoreReader::open(&folder.join("data/store"))?;
    let deadline = Instant::now() + STORE_TIMEOUT;
    let (_sender, pause) = mpsc::channel::<()>();
    loop {
        let report = reader.report(&ReportFilter::default())?;
        let counted = Done::of(&report.counters);
        if counted == *done {
            return Ok(report);
        }
        let is_over = Instant::now() > deadline;
        if is_over
            || pause.recv_timeout(Duration::from_millis(20)) != Err(RecvTimeoutError::Timeout)
        {
            bail!("the counters do not add up: {counted} were counted, but {done} were done");
        }
    }
}

fn tell_where_next(server: &Server, path: &Path) -> Result<()> {
    let mut out = io::stdout().lock();
    let (gateway, tracker) = (server.gateway_address(), server.tracker_address());
    let (gateway, tracker) = (gateway.context("a gateway")?, tracker.context("a tracker")?);
    let config = path.display();
    writeln!(
        out,
        "\nIt stays up until Ctrl-C. Where to look next:\n\
         \x20 send more:    swaks --server {gateway} --to you@example.com --body 'see https://example.com/'\n\
         \x20 the tracker:  curl -i http://{tracker}/robots.txt\n\
         \x20 counters:     mailwake report --config {config}\n\
         \x20 events live:  mailwake events --follow --config {config}\n\
         \x20 records:      cat {}\n\
         \x20 read a link:  mailwake linktool decode LINK --key-file {}",
        path.with_file_name(RECORDS).display(),
        path.with_file_name("keys.txt").display()
    )?;
    Ok(())
}

fn configuration(folder: &Path, upstream: SocketAddr, tracker: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "data_directory = \"{folder}/data\"\n\
         [keys]\n\
         file = \"{folder}/keys.txt\"\n\
         [engagement]\n\
         tracking_url = \"http://{tracker}/\"\n\
         [gateway]\n\
         listen = \"127.0.0.1:0\"\n\
         upstream = \"{upstream}\"\n\
         [tracker]\n\
         listen = \"{tracker}\"\n\
         [delivery.source.demo]\n\
         format = \"powermta\"\n\
         path = \"{folder}/{RECORDS}\"\n\
         [event_log]\n\
         segment_mib = 4\n\
         disk_quota_mib = 64\n"
    )
}

/// An address whose port is free: links name it before the tracker listens there.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
