//! A child process that ends with the test, and everything it started with it.

use super::{PATIENCE, say, wait_for};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::{
    ffi::OsStr,
    fmt::Write,
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A server under test, in a process group of its own, with its output in a file.
#[derive(Debug)]
pub(crate) struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it; stdout and stderr are added to `log`. `package` is what to install
    /// when the program is not there.
    pub(crate) fn start(
        name: &'static str,
        package: &str,
        command: &mut Command,
        log: PathBuf,
    ) -> Self {
        let output = File::options().append(true).create(true).open(&log).expect("open log file");
        Self::start_writing_to(output.into(), name, package, command, log)
    }

    /// The same, with stdout elsewhere.
    pub(crate) fn start_writing_to(
        stdout: Stdio,
        name: &'static str,
        package: &str,
        command: &mut Command,
        log: PathBuf,
    ) -> Self {
        let output = File::options().append(true).create(true).open(&log).expect("open log file");
        // Servers lie outside the PATH of users on Debian.
        let path = std::env::var("PATH").unwrap_or_default();
        let child = command
            .env("PATH", format!("{path}:/usr/local/sbin:/usr/sbin:/sbin"))
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(output)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{}", not_started(name, package, &error)));
        Self { name, child, log }
    }

    /// Waits until all these ports take connections. Panics, with the log, when the
    /// server ends before.
    pub(crate) fn wait_until_listening(&mut self, ports: &[u16]) {
        for port in ports {
            wait_for(&format!("{} to listen on port {port}", self.name), PATIENCE, || {
                let ended = self.child.try_wait().expect("state of a child");
                assert!(ended.is_none(), "{} ended at start:\n{}", self.name, self.log());
                TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).ok()
            });
        }
    }

    /// All that the server has written so far.
    pub(crate) fn log(&self) -> String {
        read_lossy(&self.log)
    }

    /// Sends a signal to the process itself.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("signal a child that was not waited for");
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let what = format!("{} to end", self.name);
        wait_for(&what, PATIENCE, || self.child.try_wait().expect("state of a child"))
    }

    /// Whether the process has ended, or does so in time. Never panics, so that it can be
    /// asked when a test is failing.
    pub(crate) fn ends_within(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return true;
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        false
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> Pid {
        let id = i32::try_from(self.child.id()).expect("ids of processes are positive");
        Pid::from_raw(id).expect("no child has the id 0")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A group that is gone already is what was wanted.
        kill_process_group(self.pid(), Signal::KILL).ok();
        self.child.wait().ok();
        if thread::panicking() {
            let log = self.log();
            let from = log.char_indices().rev().nth(6_000).map_or(0, |(at, _)| at);
            say(&format!("--- end of the log of {}\n{}", self.name, &log[from..]));
        }
    }
}

/// Runs a program to its end and gives what it printed. Panics, with stderr, when it
/// fails.
pub(crate) fn run<A: AsRef<OsStr>>(
    program: &str,
    package: &str,
    arguments: impl IntoIterator<Item = A>,
) -> String {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}", not_started(program, package, &error)));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program}: {}\n{printed}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    printed
}

fn not_started(program: &str, package: &str, error: &io::Error) -> String {
    let mut text = format!("start {program}: {error}");
    if error.kind() == io::ErrorKind::NotFound {
        write!(text, "; apt-get install {package}").expect("a String takes every write");
    }
    text
}

fn read_lossy(file: &Path) -> String {
    String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned()
}
