//! What the gateway does beside the direct way: smtp-source sends a 20 KB HTML message
//! with 30 links to smtp-sink, straight and through `mailwake serve` with everything it
//! has: rewriting, the event log on disk, the store. The two take turns in one run, so
//! that the ratio holds where absolute numbers do not.
//!
//! `cargo bench -p mailwake --bench gateway` needs smtp-source and smtp-sink.

mod support;

use anyhow::{Result, ensure};
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};
use support::{command, cpu_microseconds, free_address, median, print, wait_for};

const BINARY: &str = env!("CARGO_BIN_EXE_mailwake");

/// Sessions at a time, and messages that they send together.
const LOADS: [(u32, u32); 3] = [(1, 4_000), (10, 20_000), (50, 20_000)];

/// Turns of each way, after one that warms it up.
const ROUNDS: usize = 3;

const LINKS: usize = 30;
const HTML_OCTETS: usize = 20 * 1024;

fn main() -> Result<()> {
    for program in ["smtp-source", "smtp-sink"] {
        let asked = command(program).arg("-h").stderr(Stdio::null()).status();
        ensure!(asked.is_ok(), "{program} is missing: apt-get install postfix");
    }
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let message = directory.path().join("message");
    fs::write(&message, message_text())?;
    let sink_address = free_address()?;
    let _sink = Running(sink(sink_address)?);
    wait_for(sink_address)?;
    let gateway_address = free_address()?;
    let gateway = Running(serve(directory.path(), gateway_address, sink_address)?);
    wait_for(gateway_address)?;
    print(&format!(
        "{:26}{:>12} {:>12} {:>8} {:>14}\n",
        "20 KB HTML, 30 links", "direct", "gateway", "ratio", "CPU us/message"
    ))?;
    for (sessions, messages) in LOADS {
        let (mut direct, mut through, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let direct_rate = send(&message, sink_address, sessions, messages)?;
            let before = cpu_microseconds(&gateway.0)?;
            let rate = send(&message, gateway_address, sessions, messages)?;
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

fn sink(address: SocketAddr) -> Result<Child> {
    let mut sink = command("smtp-sink");
    if rustix::process::geteuid().is_root() {
        sink.args(["-u", "nobody"]);
    }
    Ok(sink.args([&address.to_string(), "256"]).stderr(Stdio::null()).spawn()?)
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
         [gateway]\nlisten = \"{listen}\"\nupstream = \"{upstream}\"\n"
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
