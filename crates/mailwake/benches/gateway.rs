//! What the gateway does beside the direct way: smtp-source sends a 20 KB HTML message
//! with 30 links to smtp-sink, straight, through HAProxy, which passes octets on, and
//! through `mailwake serve` with everything it has: rewriting, the event log on disk, the
//! store. The three take turns in one run, so that ratios hold where absolute numbers do
//! not. Before that, sessions are opened that only wait, to see what memory they take.
//!
//! `cargo bench -p mailwake --bench gateway` needs smtp-source, smtp-sink and haproxy.

mod support;

use anyhow::{Result, ensure};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};
use support::{command, cpu_microseconds, free_address, median, print, resident_mib, wait_for};

const BINARY: &str = env!("CARGO_BIN_EXE_mailwake");

/// Sessions at a time, and messages that they send together.
const LOADS: [(u32, u32); 5] =
    [(1, 4_000), (10, 20_000), (50, 20_000), (200, 20_000), (1_000, 20_000)];

/// Turns of each way, after one that warms it up.
const ROUNDS: usize = 3;

/// Sessions that only wait.
const IDLE: usize = 5_000;

const LINKS: usize = 30;
const HTML_OCTETS: usize = 20 * 1024;

fn main() -> Result<()> {
    for (program, package) in
        [("smtp-source", "postfix"), ("smtp-sink", "postfix"), ("haproxy", "haproxy")]
    {
        let asked = command(program).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status();
        ensure!(asked.is_ok(), "{program} is missing: apt-get install {package}");
    }
    mailwake::net::raise_open_files_limit()?;
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let message = directory.path().join("message");
    fs::write(&message, message_text())?;
    let sink_address = free_address()?;
    let _sink = Running(sink(sink_address)?);
    wait_for(sink_address)?;
    let proxy_address = free_address()?;
    let _proxy = Running(proxy(directory.path(), proxy_address, sink_address)?);
    wait_for(proxy_address)?;
    let gateway_address = free_address()?;
    let gateway = Running(serve(directory.path(), gateway_address, sink_address)?);
    wait_for(gateway_address)?;
    idle(gateway_address, &gateway)?;
    print("20 KB HTML, 30 links         direct      HAProxy      gateway  to direct  to HAProxy")?;
    print("  CPU us/message  mean ms\n")?;
    for (sessions, messages) in LOADS {
        let (mut ways, mut cpu) = ([const { Vec::new() }; 3], Vec::new());
        for round in 0..=ROUNDS {
            let direct = send(&message, sink_address, sessions, messages)?;
            let proxied = send(&message, proxy_address, sessions, messages)?;
            let before = cpu_microseconds(gateway.0.id())?;
            let through = send(&message, gateway_address, sessions, messages)?;
            let used = cpu_microseconds(gateway.0.id())? - before;
            if round > 0 {
                ways.iter_mut()
                    .zip([direct, proxied, through])
                    .for_each(|(way, rate)| way.push(rate));
                cpu.push(used / f64::from(messages));
            }
        }
        let [direct, proxied, through] = ways.map(median);
        print(&format!(
            "{sessions:>5} sessions {direct:>11.0}/s {proxied:>10.0}/s {through:>10.0}/s {:>9.2}x {:>10.2}x \
             {:>15.0} {:>8.2}\n",
            through / direct,
            through / proxied,
            median(cpu),
            // By Little's law: each session has one message under way.
            f64::from(sessions) * 1_000.0 / through,
        ))?;
    }
    Ok(())
}

/// Opens sessions that only wait, and tells what memory they take.
fn idle(address: SocketAddr, gateway: &Running) -> Result<()> {
    let before = resident_mib(&gateway.0)?;
    let mut sessions = Vec::with_capacity(IDLE);
    for _ in 0..IDLE {
        let mut session = BufReader::new(TcpStream::connect(address)?);
        let mut line = String::new();
        session.read_line(&mut line)?;
        ensure!(line.starts_with("220"), "{line}");
        session.get_mut().write_all(b"EHLO client.example\r\n")?;
        while !line.starts_with("250 ") {
            line.clear();
            ensure!(session.read_line(&mut line)? > 0, "a session was closed");
        }
        sessions.push(session);
    }
    let after = resident_mib(&gateway.0)?;
    Ok(print(&format!("{IDLE} idle sessions: {after:.0} MiB resident, {before:.0} MiB before\n"))?)
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

fn sink(address: SocketAddr) -> Result<Child> {
    let mut sink = command("smtp-sink");
    if rustix::process::geteuid().is_root() {
        sink.args(["-u", "nobody"]);
    }
    sink.args(["-m", "20000", &address.to_string(), "4096"]);
    Ok(sink.stderr(Stdio::null()).spawn()?)
}

/// HAProxy, which passes octets on and reads none of them.
fn proxy(directory: &Path, listen: SocketAddr, upstream: SocketAddr) -> Result<Child> {
    let configuration = format!(
        "global\n  maxconn 4000\n\
         defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n\
         listen smtp\n  bind {listen}\n  server sink {upstream}\n"
    );
    let file = directory.join("haproxy.cfg");
    fs::write(&file, configuration)?;
    let mut proxy = command("haproxy");
    Ok(proxy.arg("-db").arg("-f").arg(file).stderr(Stdio::null()).spawn()?)
}

fn serve(directory: &Path, listen: SocketAddr, upstream: SocketAddr) -> Result<Child> {
    let path = directory.display();
    let keys = Command::new(BINARY).args(["keys", "generate"]).output()?;
    fs::write(directory.join("keys.txt"), keys.stdout)?;
    let configuration = format!(
        "data_directory = \"{path}/data\"\n\
         [log]\nlevel = \"warn\"\n\
         [keys]\nfile = \"{path}/keys.txt\"\n\
         [engagement]\ntracking_url = \"https://track.example.com/\"\n\
         [gateway]\nlisten = \"{listen}\"\nupstream = \"{upstream}\"\nsessions_max = 20000\n"
    );
    fs::write(directory.join("mailwake.toml"), configuration)?;
    let mut serve = Command::new(BINARY);
    Ok(serve.arg("serve").arg("--config").arg(directory.join("mailwake.toml")).spawn()?)
}

/// Messages a second that get through, connections kept.
fn send(message: &Path, address: SocketAddr, sessions: u32, messages: u32) -> Result<f64> {
    let start = Instant::now();
    let status = command("smtp-source")
        .args(["-d", "-s", &sessions.to_string(), "-m", &messages.to_string()])
        .args(["-f", "news@shop.example", "-t", "ann@example.com", "-F"])
        .arg(message)
        .arg(address.to_string())
        .status()?;
    ensure!(status.success(), "smtp-source to {address}: {status}");
    Ok(f64::from(messages) / start.elapsed().as_secs_f64())
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
