//! mailwake itself, as an operator runs it: a configuration file, a key ring, `serve`,
//! and the commands that read what was recorded.

use super::{
    PATIENCE, free_port,
    http::{self, Answer},
    process::{Server, run},
    wait_for,
};
use rustix::process::Signal;
use serde_json::Value;
use std::{
    fs,
    io::PipeReader,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};
use tempfile::TempDir;

/// The program itself, as cargo built it for the tests.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_mailwake");

/// An installation: its configuration, keys and data, whether it runs or not.
#[derive(Debug)]
pub(crate) struct Installation {
    directory: TempDir,
    /// Where the gateway takes mail.
    pub(crate) gateway_port: u16,
    /// What every link and pixel starts with.
    pub(crate) tracking_url: String,
    tracker_port: u16,
    admin_port: u16,
}

impl Installation {
    /// Writes a configuration for an upstream on loopback, with a new key ring. Answers
    /// wait long for the disk: a test that kills mailwake counts on what was answered, and
    /// the disk of a busy machine may take more than the usual deadline.
    pub(crate) fn new(upstream_port: u16) -> Self {
        let directory = tempfile::Builder::new().prefix("mailwake-").tempdir().expect("directory");
        let [gateway_port, tracker_port, admin_port] = [free_port(), free_port(), free_port()];
        let tracking_url = format!("http://127.0.0.1:{tracker_port}");
        let path = directory.path().display();
        let configuration = format!(
            "data_directory = \"{path}/data\"\n\
             [keys]\n\
             file = \"{path}/keys.toml\"\n\
             [gateway]\n\
             listen = \"127.0.0.1:{gateway_port}\"\n\
             upstream = \"127.0.0.1:{upstream_port}\"\n\
             [engagement]\n\
             tracking_url = \"{tracking_url}\"\n\
             open_tracking = true\n\
             initial_open_tracking = false\n\
             click_tracking = true\n\
             [tracker]\n\
             listen = \"127.0.0.1:{tracker_port}\"\n\
             durable_deadline_ms = 5000\n\
             [admin]\n\
             listen = \"127.0.0.1:{admin_port}\"\n"
        );
        fs::create_dir(directory.path().join("data")).expect("data directory");
        fs::write(directory.path().join("mailwake.toml"), configuration).expect("write file");
        let keys = run(BINARY, "mailwake", ["keys", "generate"]);
        fs::write(directory.path().join("keys.toml"), keys).expect("write file");
        Self { directory, gateway_port, tracking_url, tracker_port, admin_port }
    }

    /// Takes an example in the place of the configuration: where it listens and where its
    /// data lies are this installation's.
    pub(crate) fn set_example(&self, example: &str, upstream: (&str, u16)) {
        let (address, port) = upstream;
        let path = self.directory.path().display();
        let here = |port: u16| format!("\"127.0.0.1:{port}\"");
        let example = example
            .replace(&format!("\"{address}\""), &here(port))
            .replace("\"127.0.0.1:2525\"", &here(self.gateway_port))
            .replace("\"127.0.0.1:8888\"", &here(self.tracker_port))
            .replace("https://track.example.com/", &self.tracking_url);
        let admin = here(self.admin_port);
        let text = format!(
            "data_directory = \"{path}/data\"\n{example}\n[keys]\nfile = \"{path}/keys.toml\"\n\
             [admin]\nlisten = {admin}\n"
        );
        fs::write(self.configuration(), text).expect("write file");
    }

    /// Puts another line in the place of one in the configuration. A running mailwake
    /// sees it when it reloads.
    pub(crate) fn set(&self, line: &str, other: &str) {
        let text = fs::read_to_string(self.configuration()).expect("read file");
        assert!(text.contains(line), "no line {line} in {text}");
        fs::write(self.configuration(), text.replace(line, other)).expect("write file");
    }

    /// Adds lines to `[gateway]`.
    pub(crate) fn set_gateway(&self, lines: &str) {
        self.set("[gateway]\n", &format!("[gateway]\n{lines}\n"));
    }

    /// Where its files lie.
    pub(crate) fn folder(&self) -> &Path {
        self.directory.path()
    }

    /// Where its data lies, unless the configuration was changed.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Adds a key to its key ring, which seals links once it was read again.
    pub(crate) fn rotate_keys(&self) {
        self.keys(&["rotate"]);
    }

    /// Runs `mailwake keys` on its key ring.
    pub(crate) fn keys(&self, arguments: &[&str]) -> String {
        let ring = self.directory.path().join("keys.toml").display().to_string();
        run(BINARY, "mailwake", [&["keys"], arguments, &["--key-file", &ring]].concat())
    }

    /// Starts `mailwake serve` and waits until it takes mail and requests.
    pub(crate) fn serve(&self) -> Serving {
        self.serve_roles("gateway,tracker,delivery,store")
    }

    /// Asks the operators' view: `metrics`, `health` or `ready`.
    pub(crate) fn admin(&self, path: &str) -> Answer {
        http::get(&format!("http://127.0.0.1:{}/{path}", self.admin_port))
    }

    /// Where the operators' view listens.
    pub(crate) fn admin_address(&self) -> String {
        format!("127.0.0.1:{}", self.admin_port)
    }

    /// The value of a metric: with its labels as they are served, of one series, without
    /// labels the sum of all.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let answer = self.admin("metrics");
        let text = String::from_utf8_lossy(&answer.body);
        let samples = text.lines().filter_map(|line| line.rsplit_once(' '));
        let is_asked = |series: &str| {
            series == name || series.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'))
        };
        let values: Vec<f64> = samples
            .filter(|(series, _)| is_asked(series))
            .map(|(_, value)| value.parse().expect("a number"))
            .collect();
        assert!(!values.is_empty(), "no metric {name} in\n{text}");
        values.iter().sum()
    }

    /// Starts some parts in a process of their own, and waits until they listen. The
    /// operators' view is that of the process with the gateway or the tracker.
    pub(crate) fn serve_roles(&self, roles: &str) -> Serving {
        self.serve_with(roles, &[])
    }

    /// Starts `mailwake serve` with stdout in a pipe, whose other end is given.
    pub(crate) fn serve_into_pipe(&self) -> (Serving, PipeReader) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut command = self.serve_command("gateway,tracker,delivery,store");
        let log = self.directory.path().join("serve.log");
        let server =
            Server::start_writing_to(writer.into(), "mailwake", "mailwake", &mut command, log);
        (self.wait_until_started(server, "gateway,tracker,delivery,store"), reader)
    }

    /// The same, with further variables in its environment.
    pub(crate) fn serve_with(&self, roles: &str, variables: &[(&str, &str)]) -> Serving {
        let mut command = self.serve_command(roles);
        command.envs(variables.iter().copied());
        let log = self.directory.path().join("serve.log");
        let server = Server::start("mailwake", "mailwake", &mut command, log);
        self.wait_until_started(server, roles)
    }

    fn serve_command(&self, roles: &str) -> Command {
        let mut command = Command::new(BINARY);
        command.args(["serve", "--role", roles, "--config"]).arg(self.configuration());
        if roles == "store" {
            command.args(["--admin-listen", "127.0.0.1:0"]);
        }
        command
    }

    fn wait_until_started(&self, mut server: Server, roles: &str) -> Serving {
        let ports = [("gateway", self.gateway_port), ("tracker", self.tracker_port)];
        for (_, port) in ports.iter().filter(|(role, _)| roles.contains(role)) {
            server.wait_until_listening(&[*port]);
        }
        // The last part may still be starting, and a signal would not be understood yet.
        if roles != "store" {
            wait_for("the end of the start", PATIENCE, || {
                (self.admin("ready").body != b"mailwake starts\n").then_some(())
            });
        }
        Serving { server }
    }

    /// Runs a command that takes `--config`, such as `["report", "--json"]`, and gives what
    /// it printed. Panics, with stderr, when it fails.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let configuration = self.configuration().display().to_string();
        run(BINARY, "mailwake", [arguments, &["--config", &configuration]].concat())
    }

    /// Runs a command that takes `--config` and is to fail; gives what it said to stderr.
    pub(crate) fn run_failing(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(BINARY);
        command.args(arguments).arg("--config").arg(self.configuration());
        let output = command.output().expect("mailwake runs");
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// What `mailwake report --json` prints.
    pub(crate) fn report(&self) -> Value {
        let printed = self.run(&["report", "--json"]);
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error} in {printed}"))
    }

    /// What `mailwake events --json` prints, with further arguments: one event a line.
    pub(crate) fn events(&self, arguments: &[&str]) -> Vec<Value> {
        let printed = self.run(&[&["events", "--json"], arguments].concat());
        let event = |line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in line {line}"))
        };
        printed.lines().map(event).collect()
    }

    fn configuration(&self) -> PathBuf {
        self.directory.path().join("mailwake.toml")
    }
}

/// A running `mailwake serve`.
#[derive(Debug)]
pub(crate) struct Serving {
    server: Server,
}

impl Serving {
    /// Ends it as an operator does (SIGTERM), and gives its exit status.
    pub(crate) fn stop(self) -> ExitStatus {
        self.terminate();
        self.server.wait()
    }

    /// Asks it to end (SIGTERM); `wait` waits until it has.
    pub(crate) fn terminate(&self) {
        self.server.signal(Signal::TERM);
    }

    /// Waits for its end, and gives its exit status.
    pub(crate) fn wait(self) -> ExitStatus {
        self.server.wait()
    }

    /// A line of `/proc/PID/status` in KiB, such as `VmHWM`, the most memory it ever had.
    pub(crate) fn memory_kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.id()));
        let status = status.expect("a process that runs");
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kib = value.and_then(|value| value.trim().strip_suffix(" kB")?.parse().ok());
        kib.unwrap_or_else(|| panic!("no {name} in {status}"))
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    /// How many files it has open.
    pub(crate) fn open_files(&self) -> usize {
        let files = fs::read_dir(format!("/proc/{}/fd", self.server.id()));
        files.expect("a process that runs").count()
    }

    /// Asks it to read its configuration and keys again (SIGHUP).
    pub(crate) fn reload(&self) {
        self.server.signal(Signal::HUP);
    }

    /// Ends it as a crash does (SIGKILL).
    pub(crate) fn kill(self) {
        self.server.signal(Signal::KILL);
        self.server.wait();
    }

    /// All that it has written to stderr, from its first start on.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }
}
