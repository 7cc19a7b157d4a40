//! What benches share: programs beside ours, and what they cost.

use anyhow::{Context, Result, ensure};
use std::{
    env, fs,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

/// Hundredths of a second, in which Linux tells CPU time to programs (USER_HZ).
const MICROSECONDS_PER_TICK: f64 = 10_000.0;

pub(crate) fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}

/// Administrators' programs are not in everybody's path.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin");
    command
}

/// A free address on this host.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits for a program that tells nobody when it is ready.
pub(crate) fn wait_for(address: SocketAddr) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).is_err() {
        ensure!(Instant::now() < end, "nobody listens on {address}");
        thread::yield_now();
    }
    Ok(())
}

/// User and system time of all threads, past ones too (proc_pid_stat(5)).
pub(crate) fn cpu_microseconds(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program may hold anything but ends in the last parenthesis.
    let (_, fields) = stat.rsplit_once(") ").context("stat of a process")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? * MICROSECONDS_PER_TICK)
}

/// Memory that a process has in MiB (proc_pid_status(5), `VmRSS`).
#[allow(dead_code, reason = "not every bench measures it")]
pub(crate) fn resident_mib(process: &Child) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()).context("VmRSS of a process")?;
    Ok(kib.parse::<f64>()? / 1_024.0)
}

pub(crate) fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut numbers: Vec<_> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
