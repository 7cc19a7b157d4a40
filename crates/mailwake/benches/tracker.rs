//! What the tracker does beside nginx, which serves a pixel with `empty_gif`, redirects with
//! `return 302`, and records nothing: requests a second, latency, and CPU time for each
//! request, of everything that the server runs. mailwake answers when the event is on disk,
//! or at once (`durable_deadline_ms = 0`). Each server has core 0 for itself, the load
//! generator core 1; they take turns in one run, so that the ratios hold where absolute
//! numbers do not. Then its memory, with many connections and after many requests.
//!
//! `cargo bench -p mailwake --bench tracker` needs nginx and wrk.
//!
//! - `MAILWAKE_BENCH_REQUESTS` is how many requests the memory is looked at for.
//! - `MAILWAKE_BENCH_GO_REFERENCE` is a program that serves a pixel of the Go reference: it
//!   prints its URL on a line and serves until its input ends. It takes turns with the others.

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
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};
use support::{command, cpu_microseconds, free_address, median, print, resident_mib, wait_for};
use tokio_util::sync::CancellationToken;
use tracking::{
    ids::{MessageId, Timestamp},
    token::{Engagement, Link, Sealer, key::KeyRing},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Turns of each server, after one that warms it up.
const ROUNDS: usize = 5;
const SECONDS: &str = "3s";
const CONNECTIONS: &str = "64";

/// Connections that are open at the same time when the memory is looked at.
const OPEN_CONNECTIONS: usize = 10_000;

/// Requests for which the memory is looked at, if nothing else is said.
const REQUESTS: u64 = 500_000;

const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";

/// In this mode the bench is the tracker, in a process of its own.
const SERVE: &str = "serve-the-tracker";

/// Where clicks lead, with mailwake and with nginx.
const TARGET: &str = "https://shop.example/products/17?utm_source=newsletter&utm_medium=email";

fn main() -> Result<()> {
    net::raise_open_files_limit()?;
    let arguments: Vec<_> = env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == SERVE) {
        return serve(&arguments[at + 1..]);
    }
    for (program, package) in [("nginx", "nginx-light"), ("wrk", "wrk"), ("taskset", "util-linux")]
    {
        let asked = command(program).arg("--version").output();
        ensure!(asked.is_ok(), "{program} is missing: apt-get install {package}");
    }
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    compare(directory.path())?;
    open_connections(directory.path())?;
    many_requests(directory.path())
}

fn compare(directory: &Path) -> Result<()> {
    let deadline = TrackerConfig::default().durable_deadline;
    let mut servers = vec![
        Server::nginx(directory)?,
        Server::tracker("mailwake, at once", directory, Duration::ZERO)?,
        Server::tracker("mailwake, on disk first", directory, deadline)?,
    ];
    match env::var_os("MAILWAKE_BENCH_GO_REFERENCE") {
        Some(program) => servers.push(Server::start("the Go reference", Command::new(program))?),
        None => print("the Go reference: NOT RUN, MAILWAKE_BENCH_GO_REFERENCE is not set\n")?,
    }
    for round in 0..=ROUNDS {
        for page in servers.iter_mut().flat_map(|server| &mut server.pages) {
            let turn = page.turn()?;
            if round > 0 {
                page.turns.push(turn);
            }
        }
    }
    print(&format!(
        "{:32}{:>10} {:>8} {:>8} {:>9}   beside nginx\n",
        "wrk -t1 -c64, one core", "req/s", "p50 ms", "p99 ms", "CPU us"
    ))?;
    for (kind, _) in ["open", "click"].iter().enumerate() {
        let floor = middle(&servers[0].pages[kind].turns);
        for server in &servers {
            let Some(page) = server.pages.get(kind) else { continue };
            let turn = middle(&page.turns);
            print(&format!(
                "{:32}{:>10.0} {:>8.2} {:>8.2} {:>9.2}   {:.2}x req/s, {:.2}x CPU\n",
                page.name,
                turn.rate,
                turn.p50,
                turn.p99,
                turn.cpu,
                turn.rate / floor.rate,
                turn.cpu / floor.cpu
            ))?;
        }
    }
    servers.into_iter().try_for_each(Server::stop)
}

/// Opens connections that each ask once and stay, and tells the memory that takes.
fn open_connections(directory: &Path) -> Result<()> {
    let deadline = TrackerConfig::default().durable_deadline;
    let server = Server::tracker("mailwake, connections", directory, deadline)?;
    let before = resident_mib(&server.process)?;
    let (host, path) = server.pages[0].address()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let mut connections = Vec::with_capacity(OPEN_CONNECTIONS);
    for _ in 0..OPEN_CONNECTIONS {
        let mut connection = TcpStream::connect(host)?;
        connection.write_all(request.as_bytes())?;
        let mut answer = [0; 1024];
        let bytes = connection.read(&mut answer)?;
        ensure!(answer[..bytes].starts_with(b"HTTP/1.1 200"), "a pixel was not answered");
        connections.push(connection);
    }
    let after = resident_mib(&server.process)?;
    drop(connections);
    print(&format!(
        "{OPEN_CONNECTIONS} open connections: {after:.0} MiB resident, {before:.0} MiB before\n"
    ))?;
    server.stop()
}

/// Tells the memory of a tracker that is asked for one pixel after the other.
fn many_requests(directory: &Path) -> Result<()> {
    let wanted = env::var("MAILWAKE_BENCH_REQUESTS").ok();
    let wanted = wanted.map_or(Ok(REQUESTS), |number| number.parse::<u64>())?;
    let deadline = TrackerConfig::default().durable_deadline;
    let server = Server::tracker("mailwake, requests", directory, deadline)?;
    let mut requests = 0;
    print(&format!("{:>10} {:>14}\n", "requests", "resident MiB"))?;
    while requests < wanted {
        requests += server.pages[0].turn()?.requests;
        print(&format!("{requests:>10} {:>14.1}\n", resident_mib(&server.process)?))?;
    }
    server.stop()
}

fn pinned(core: &str, program: &str) -> Command {
    let mut command = command("taskset");
    command.args(["-c", core, program]);
    command
}

/// What one turn has shown.
#[derive(Clone, Copy)]
struct Turn {
    requests: u64,
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
    let requests = turns.iter().map(|turn| turn.requests).sum();
    Turn {
        requests,
        rate: of(|t| t.rate),
        p50: of(|t| t.p50),
        p99: of(|t| t.p99),
        cpu: of(|t| t.cpu),
    }
}

/// What a server is asked for, and how it did.
struct Page {
    name: String,
    process: u32,
    url: String,
    turns: Vec<Turn>,
}

impl Page {
    fn new(server: &str, kind: &str, process: u32, url: impl Into<String>) -> Self {
        Self { name: format!("{server}, {kind}"), process, url: url.into(), turns: Vec::new() }
    }

    /// Host and path.
    fn address(&self) -> Result<(&str, &str)> {
        let address = self.url.strip_prefix("http://").context("an http URL")?;
        Ok(address.split_at(address.find('/').context("a path")?))
    }

    fn turn(&self) -> Result<Turn> {
        let before = cpu_microseconds(self.process)?;
        let output = pinned(LOAD_CORE, "wrk")
            .args(["-t1", "-c", CONNECTIONS, "-d", SECONDS, "--latency", &self.url])
            .output()?;
        let used = cpu_microseconds(self.process)? - before;
        let report = String::from_utf8(output.stdout)?;
        if !output.status.success() || report.contains("Non-2xx") {
            bail!("wrk on {}: {report}", self.name);
        }
        let number = |label| number_after(&report, label).with_context(|| report.clone());
        let requests = report
            .lines()
            .find(|line| line.contains(" requests in "))
            .and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok())
            .with_context(|| report.clone())?;
        Ok(Turn {
            requests,
            rate: number("Requests/sec:")?,
            p50: number("50%")?,
            p99: number("99%")?,
            cpu: used / requests as f64,
        })
    }
}

struct Server {
    name: &'static str,
    process: Child,
    pages: Vec<Page>,
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
        let page =
            |kind, path| Page::new("nginx", kind, process.id(), format!("http://{free}{path}"));
        let pages = vec![page("empty_gif", "/pixel.gif"), page("return 302", "/click")];
        let server = Self { name: "nginx", process, pages };
        wait_for(free)?;
        Ok(server)
    }

    fn tracker(name: &'static str, directory: &Path, deadline: Duration) -> Result<Self> {
        let this = env::current_exe()?;
        let mut command = pinned(SERVER_CORE, this.to_str().context("path is no text")?);
        let log = directory.join(name.replace([' ', ','], "_"));
        command.arg(SERVE).arg(log).arg(deadline.as_millis().to_string());
        Self::start(name, command)
    }

    /// A server that prints the URLs of its pages, a pixel and perhaps a link.
    fn start(name: &'static str, mut command: Command) -> Result<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().context("no output")?;
        let mut urls = String::new();
        BufReader::new(output).read_line(&mut urls)?;
        ensure!(urls.starts_with("http"), "{name} did not start");
        let pages = urls.split_whitespace().zip(["open", "click"]);
        let pages = pages.map(|(url, kind)| Page::new(name, kind, process.id(), url)).collect();
        Ok(Self { name, process, pages })
    }

    /// nginx ends with a signal, the others with their input; all are waited for.
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
                location = /click {{ return 302 {TARGET}; }}
            }}
        }}\n"
    )
}

/// The tracker with a real log, until its input ends. Prints the URLs of a pixel and a link.
fn serve(arguments: &[String]) -> Result<()> {
    let [directory, deadline_ms] = arguments else { bail!("a log, and a deadline") };
    let durable_deadline = Duration::from_millis(deadline_ms.parse()?);
    let (log, _recovery) = EventLog::open(&LogConfig::new(directory))?;
    let keys = Arc::new(KeyRing::generate([7; 32], "2026-11-21"));
    let sealed = |engagement| {
        let link =
            Link::new(MessageId::new(Timestamp(1_795_233_600_123), [1, 2, 3, 4, 5]), engagement);
        Sealer::new(keys.clone()).seal(&link, None)
    };
    let open = sealed(Engagement::Open)?;
    let click = sealed(Engagement::Click { target_url: TARGET.to_owned() })?;
    let keys = Arc::new(ArcSwap::new(keys));
    let listeners = net::bind_shared((Ipv4Addr::LOCALHOST, 0).into(), 1)?.listen()?;
    let address = listeners[0].local_addr()?;
    print(&format!("http://{address}/{open} http://{address}/{click}\n"))?;
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
        &TrackerConfig { durable_deadline, ..TrackerConfig::default() },
        Front::plain(listeners),
        &keys,
        &log.writer(),
        &counters,
        &shutdown,
        &CancellationToken::new(),
    )?;
    log.close();
    let Counters { opens, clicks, past_deadline, not_recorded, .. } = &*counters;
    ensure!(not_recorded.get() == 0, "{} events are lost", not_recorded.get());
    let (events, late) = (opens.get() + clicks.get(), past_deadline.get());
    io::stderr().write_all(
        format!("{events} events on disk; {late} were waited for longer than {deadline_ms} ms\n")
            .as_bytes(),
    )?;
    Ok(())
}
