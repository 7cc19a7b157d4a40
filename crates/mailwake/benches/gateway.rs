//! What the gateway does beside the direct way: smtp-source sends a 20 KB HTML message
//! with 30 links to smtp-sink, straight and through `mailwake serve` with everything it
//! has: rewriting, the event log on disk, the store. The two take turns in one run, so
//! that the ratio holds where absolute numbers do not.
//!
//! `cargo bench -p mailwake --bench gateway` needs smtp-source and smtp-sink.

use anyhow::{Context, Result, ensure};
use std::{
    env, fs,
    io::{self, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const BINARY: &str = env!("CARGO_BIN_EXE_mailwake");

/// Sessions at a time, and messages that they send together.
const LOADS: [(u32, u32); 3] = [(1, 4_000), (10, 20_000), (50, 20_000)];

/// Turns of each way, after one that warms it up.
const ROUNDS: usize = 3;

const LINKS: usize = 30;
const HTML_OCTETS: usize = 20 * 1024;

/// Hundredths of a second, in which Linux tells CPU time to programs (USER_HZ).
const MICROSECONDS_PER_TICK: f64 = 10_000.0;

fn main() -> Result<()> {
    for program in ["smtp-source", "smtp-sink"] {
        let asked = command(program).arg("-h").stderr(Stdio::null()).status();
        ensure!(asked.is_ok(), "{program} is missing: apt-get install postfix");
    }
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let message = directory.path().join("message");
    fs::write(&message, message_text())?;
    let sink_port = free_port()?;
    let _sink = Running(sink(sink_port)?);
    wait_for(sink_port)?;
    let gateway_port = free_port()?;
    let gateway = Running(serve(directory.path(), gateway_port, sink_port)?);
    wait_for(gateway_port)?;
    print(&format!(
        "{:26}{:>12} {:>12} {:>8} {:>14}\n",
        "20 KB HTML, 30 links", "direct", "gateway", "ratio", "CPU us/message"
    ))?;
    for (sessions, messages) in LOADS {
        let (mut direct, mut through, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let direct_rate = send(&message, sink_port, sessions, messages)?;
            let before = cpu_microseconds(&gateway.0)?;
            let rate = send(&message, gateway_port, sessions, messages)?;
            let used = cpu_microseconds(&gateway.0)? - before;
            if round > 0 {
                direct.push(direct_rate);
                through.push(rate);
                cpu.push(used / f64::from(messages));
            }
        }
        let (direct, through) = (median(direct), median(through));
        print(&format!(
            "{:26}{direct:>8.0} msg/s {through:>6.0} msg/s {:>7.2}x {:>14.0}\n",
            format!("{sessions} sessions"),
            through / direct,
            median(cpu)
        ))?;
    }
    Ok(())
}

/// A program that ends with the bench.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}

/// Administrators' programs are not in everybody's path.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin");
    command
}

fn sink(port: u16) -> Result<Child> {
    let mut sink = command("smtp-sink");
    if rustix::process::geteuid().is_root() {
        sink.args(["-u", "nobody"]);
    }
    Ok(sink.args([&format!("127.0.0.1:{port}"), "256"]).stderr(Stdio::null()).spawn()?)
}

fn serve(directory: &Path, port: u16, upstream: u16) -> Result<Child> {
    let path = directory.display();
    let keys = Command::new(BINARY).args(["keys", "generate"]).output()?;
    fs::write(directory.join("keys.txt"), keys.stdout)?;
    let configuration = format!(
        "data_directory = \"{path}/data\"\n\
         [log]\nlevel = \"warn\"\n\
         [keys]\nfile = \"{path}/keys.txt\"\n\
         [engagement]\ntracking_url = \"https://track.example.com/\"\n\
         [gateway]\nlisten = \"127.0.0.1:{port}\"\nupstream = \"127.0.0.1:{upstream}\"\n"
    );
    fs::write(directory.join("mailwake.toml"), configuration)?;
    let mut serve = Command::new(BINARY);
    Ok(serve.arg("serve").arg("--config").arg(directory.join("mailwake.toml")).spawn()?)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn wait_for(port: u16) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(Instant::now() < end, "nobody listens on port {port}");
        thread::yield_now();
    }
    Ok(())
}

/// Messages a second that get through, connections kept.
fn send(message: &Path, port: u16, sessions: u32, messages: u32) -> Result<f64> {
    let start = Instant::now();
    let status = command("smtp-source")
        .args(["-d", "-s", &sessions.to_string(), "-m", &messages.to_string()])
        .args(["-f", "news@shop.example", "-t", "ann@example.com", "-F"])
        .arg(message)
        .arg(format!("127.0.0.1:{port}"))
        .status()?;
    ensure!(status.success(), "smtp-source to port {port}: {status}");
    Ok(f64::from(messages) / start.elapsed().as_secs_f64())
}

/// User and system time of all threads, past ones too (proc_pid_stat(5)).
fn cpu_microseconds(process: &Child) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id()))?;
    // The name of the program may hold anything but ends in the last parenthesis.
    let (_, fields) = stat.rsplit_once(") ").context("stat of a process")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? * MICROSECONDS_PER_TICK)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// A newsletter in quoted-printable, with LF line ends as smtp-source reads it.
fn message_text() -> String {
    let mut text = String::from(
        "From: Shop <news@shop.example>\nTo: ann@example.com\nSubject: November\n\
         Date: Sat, 21 Nov 2026 09:00:00 +0100\nMessage-ID: <1@shop.example>\nMIME-Version: 1.0\n\
         Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n\
         <!DOCTYPE html>\n<html><body style=3D\"font-family: sans-serif\">\n",
    );
    let filler = "<p>Gr=C3=BC=C3=9Fe aus dem Winter, und noch ein paar Worte davon.</p>\n";
    for link in 0..LINKS {
        text += &format!(
            "<a class=3D\"button\" href=3D\"https://shop.example/products/{link}=\n\
             ?utm_source=3Dnewsletter&amp;utm_medium=3Demail&amp;utm_campaign=3Dnov\">Ware</a>\n"
        );
        while text.len() < HTML_OCTETS * (link + 1) / LINKS {
            text += filler;
        }
    }
    text + "</body></html>\n"
}
