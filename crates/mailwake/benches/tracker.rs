//! What the tracker does beside nginx, which serves a pixel with `empty_gif` and records
//! nothing: requests a second, latency, and CPU time for each request, of everything that
//! the server runs. Each server has core 0 for itself, the load generator core 1; they
//! take turns in one run, so that the ratios hold where absolute numbers do not.
//!
//! `cargo bench -p mailwake --bench tracker` needs nginx and wrk.

mod support;

use anyhow::{Context, Result, bail, ensure};
use arc_swap::ArcSwap;
use mailwake::{
    event_log::{EventLog, LogConfig},
    net,
    tracker::{self, Counters, Front, TrackerConfig},
};
use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
};
use support::{command, cpu_microseconds, free_address, median, print, wait_for};
use tokio_util::sync::CancellationToken;
use tracking::{
    ids::{MessageId, Timestamp},
    token::{Engagement, Link, Sealer, key::KeyRing},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Turns of each server, after one that warms it up.
const ROUNDS: usize = 5;
const SECONDS: &str = "5s";
const CONNECTIONS: &str = "64";

const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";

/// In this mode the bench is the tracker, in a process of its own.
const SERVE: &str = "serve-the-tracker";

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().collect();
    match arguments.iter().position(|argument| argument == SERVE) {
        Some(at) => serve(&arguments[at + 1..]),
        None => compare(),
    }
}

fn compare() -> Result<()> {
    for (program, package) in [("nginx", "nginx-light"), ("wrk", "wrk"), ("taskset", "util-linux")]
    {
        let asked = command(program).arg("--version").output();
        ensure!(asked.is_ok(), "{program} is missing: apt-get install {package}");
    }
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut servers = [Server::nginx(directory.path())?, Server::tracker(directory.path())?];
    print(&format!(
        "{:26}{:>10} {:>8} {:>8} {:>9}   beside nginx\n",
        "wrk -t1 -c64, one core", "req/s", "p50 ms", "p99 ms", "CPU us"
    ))?;
    for round in 0..=ROUNDS {
        for server in &mut servers {
            let turn = server.turn()?;
            if round > 0 {
                server.turns.push(turn);
            }
        }
    }
    let floor = middle(&servers[0].turns);
    for server in &servers {
        let turn = middle(&server.turns);
        print(&format!(
            "{:26}{:>10.0} {:>8.2} {:>8.2} {:>9.2}   {:.2}x req/s, {:.2}x CPU\n",
            server.name,
            turn.rate,
            turn.p50,
            turn.p99,
            turn.cpu,
            turn.rate / floor.rate,
            turn.cpu / floor.cpu
        ))?;
    }
    servers.into_iter().try_for_each(Server::stop)
}

fn pinned(core: &str, program: &str) -> Command {
    let mut command = command("taskset");
    command.args(["-c", core, program]);
    command
}

/// What one turn has shown.
#[derive(Clone, Copy)]
struct Turn {
    /// Requests a second.
    rate: f64,
    /// Latencies in milliseconds.
    p50: f64,
    p99: f64,
    /// CPU time of a request, in microseconds.
    cpu: f64,
}

fn middle(turns: &[Turn]) -> Turn {
    let of = |number: fn(&Turn) -> f64| median(turns.iter().map(number));
    Turn { rate: of(|t| t.rate), p50: of(|t| t.p50), p99: of(|t| t.p99), cpu: of(|t| t.cpu) }
}

struct Server {
    name: &'static str,
    process: Child,
    url: String,
    turns: Vec<Turn>,
}

impl Server {
    fn nginx(directory: &Path) -> Result<Self> {
        let free = free_address()?;
        let configuration = directory.join("nginx.conf");
        fs::write(&configuration, nginx_configuration(directory, free))?;
        let process = pinned(SERVER_CORE, "nginx")
            .arg("-p")
            .arg(directory)
            .arg("-c")
            .arg(&configuration)
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self {
            name: "nginx, empty_gif",
            process,
            url: format!("http://{free}/pixel.gif"),
            turns: Vec::new(),
        };
        wait_for(free)?;
        Ok(server)
    }

    fn tracker(directory: &Path) -> Result<Self> {
        let this = env::current_exe()?;
        let mut process = pinned(SERVER_CORE, this.to_str().context("path is no text")?)
            .arg(SERVE)
            .arg(directory.join("event_log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().context("no output")?;
        let mut url = String::new();
        BufReader::new(output).read_line(&mut url)?;
        ensure!(url.starts_with("http"), "the tracker did not start");
        let url = url.trim_end().into();
        Ok(Self { name: "mailwake, on disk first", process, url, turns: Vec::new() })
    }

    fn turn(&self) -> Result<Turn> {
        let before = cpu_microseconds(&self.process)?;
        let output = pinned(LOAD_CORE, "wrk")
            .args(["-t1", "-c", CONNECTIONS, "-d", SECONDS, "--latency", &self.url])
            .output()?;
        let used = cpu_microseconds(&self.process)? - before;
        let report = String::from_utf8(output.stdout)?;
        if !output.status.success() || report.contains("Non-2xx") {
            bail!("wrk on {}: {report}", self.name);
        }
        let number = |label| number_after(&report, label).with_context(|| report.clone());
        let requests = report
            .lines()
            .find(|line| line.contains(" requests in "))
            .and_then(|line| line.split_ascii_whitespace().next()?.parse::<f64>().ok())
            .with_context(|| report.clone())?;
        Ok(Turn {
            rate: number("Requests/sec:")?,
            p50: number("50%")?,
            p99: number("99%")?,
            cpu: used / requests,
        })
    }

    /// The tracker ends with its input, nginx with a signal; both are waited for.
    fn stop(mut self) -> Result<()> {
        if self.process.stdin.take().is_none() {
            self.process.kill()?;
            self.process.wait()?;
            return Ok(());
        }
        ensure!(self.process.wait()?.success(), "{} has failed", self.name);
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After an error; a process that has ended already needs neither.
        if self.process.kill().is_ok() {
            drop(self.process.wait());
        }
    }
}

/// The number behind a label of wrk's report, times in milliseconds.
fn number_after(report: &str, label: &str) -> Option<f64> {
    let line = report.lines().find(|line| line.trim_start().starts_with(label))?;
    let text = line.trim_start().strip_prefix(label)?.trim();
    for (unit, milliseconds) in [("us", 0.001), ("ms", 1.0), ("s", 1_000.0)] {
        if let Some(number) = text.strip_suffix(unit) {
            return Some(number.parse::<f64>().ok()? * milliseconds);
        }
    }
    text.parse().ok()
}

/// One process, which is what a worker does: its CPU time is all of nginx's. Without its
/// log, which would cost it more than the tracker's events cost.
fn nginx_configuration(directory: &Path, listen: SocketAddr) -> String {
    let directory = directory.display();
    format!(
        "daemon off; master_process off; worker_processes 1;
        pid {directory}/nginx.pid; error_log {directory}/nginx-error.log;
        events {{ worker_connections 1024; }}
        http {{
            access_log off;
            client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
            fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
            scgi_temp_path {directory}/scgi;
            server {{
                listen {listen};
                location = /pixel.gif {{ empty_gif; }}
            }}
        }}\n"
    )
}

/// The tracker with a real log, until its input ends. Prints the URL of a pixel.
fn serve(arguments: &[String]) -> Result<()> {
    let [directory] = arguments else { bail!("a directory for the log") };
    let (log, _recovery) = EventLog::open(&LogConfig::new(directory))?;
    let keys = Arc::new(KeyRing::generate([7; 32], "2026-11-21"));
    let link = Link {
        tenant: 0,
        message_id: MessageId::new(Timestamp(1_795_233_600_123), [1, 2, 3, 4, 5]),
        link_index: 0,
        link_name: String::new(),
        is_amp: false,
        expires_after: None,
        context: None,
        engagement: Engagement::<String>::Open,
    };
    let token = Sealer::new(keys.clone()).seal(&link, None)?;
    let keys = Arc::new(ArcSwap::new(keys));
    let listeners = net::bind_shared((Ipv4Addr::LOCALHOST, 0).into(), 1)?.listen()?;
    print(&format!("http://{}/{token}\n", listeners[0].local_addr()?))?;
    let (counters, shutdown) = (Arc::<Counters>::default(), CancellationToken::new());
    thread::spawn({
        let shutdown = shutdown.clone();
        move || {
            // An error is an end as well.
            drop(io::stdin().read_to_end(&mut Vec::new()));
            shutdown.cancel();
        }
    });
    tracker::run(
        &TrackerConfig::default(),
        Front::plain(listeners),
        &keys,
        &log.writer(),
        &counters,
        &shutdown,
        &CancellationToken::new(),
    )?;
    log.close();
    let Counters { opens, past_deadline, not_recorded, .. } = &*counters;
    ensure!(not_recorded.get() == 0, "{} events are lost", not_recorded.get());
    let (opens, late) = (opens.get(), past_deadline.get());
    io::stderr()
        .write_all(format!("{opens} events on disk, {late} after their answer\n").as_bytes())?;
    Ok(())
}
