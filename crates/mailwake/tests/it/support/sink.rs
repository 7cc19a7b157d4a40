//! smtp-sink: takes every message and writes each to a file of its own.

use super::{free_port, process::Server};
use std::{fs, os::unix::fs::chown, process::Command};
use tempfile::TempDir;

/// The account that smtp-sink runs as (`nobody`), when the tests run as root.
const ACCOUNT: u32 = 65_534;

/// A running smtp-sink.
#[derive(Debug)]
pub(crate) struct Sink {
    _server: Server,
    directory: TempDir,
    /// Where it takes mail.
    pub(crate) port: u16,
}

impl Sink {
    /// Starts it on a free port.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// As `start`, and it speaks LMTP.
    pub(crate) fn start_lmtp() -> Self {
        Self::start_with(&["-L"])
    }

    /// As `start`, with options of its own: `-f RCPT` refuses for good, `-r RCPT` for now.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("directory for messages");
        let messages = directory.path().join("messages");
        fs::create_dir(&messages).expect("directory for messages");
        let port = free_port();
        let mut command = Command::new("smtp-sink");
        if rustix::process::geteuid().is_root() {
            open_to(ACCOUNT, &directory);
            command.args(["-u", "nobody"]);
        }
        command.args(options).arg("-d").arg(messages.join("m."));
        command.args([&format!("127.0.0.1:{port}"), "128"]);
        let log = directory.path().join("output");
        let mut server = Server::start("smtp-sink", "postfix", &mut command, log);
        server.wait_until_listening(&[port]);
        Self { _server: server, directory, port }
    }

    /// All messages taken so far: smtp-sink's own fields (`X-Rcpt-Args` among them) on
    /// top, lines ending in LF. One that was broken off is cut where it broke off.
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        let folder = self.directory.path().join("messages");
        fs::read_dir(folder)
            .expect("list messages")
            .map(|entry| fs::read(entry.expect("a message").path()).expect("read a message"))
            .collect()
    }
}

fn open_to(account: u32, directory: &TempDir) {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("open");
    chown(directory.path().join("messages"), Some(account), None).expect("give the folder away");
}
