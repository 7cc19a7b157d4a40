//! A Postfix of the test's own: its configuration, queue, log and maildirs lie in a
//! temporary directory, it listens on loopback alone and delivers nowhere else. The
//! Postfix of the machine is not touched.

use super::{
    PATIENCE, free_port,
    process::{Server, run},
    say, wait_for,
};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// The account that maildirs belong to (`nobody`): virtual(8) refuses root.
const MAILBOX_OWNER: u32 = 65_534;

/// A running Postfix with one maildir for each recipient.
#[derive(Debug)]
pub(crate) struct Postfix {
    /// `postfix start-fg`, which lasts as long as the master does.
    starter: Server,
    directory: TempDir,
    /// Where it takes mail.
    pub(crate) port: u16,
}

impl Postfix {
    /// Starts Postfix with a mailbox for each of `recipients`; others are refused. Panics
    /// for a user who is not root: the master wants to be.
    pub(crate) fn start<A: AsRef<str>>(recipients: &[A]) -> Self {
        Self::start_with(recipients, |_folder| String::new())
    }

    /// As `start`, with further settings, which are told the folder of this Postfix.
    pub(crate) fn start_with<A: AsRef<str>>(
        recipients: &[A],
        settings: impl FnOnce(&Path) -> String,
    ) -> Self {
        Self::start_services(recipients, settings, smtpd)
    }

    /// As `start_with`, with entries of master.cf for its port in the place of the one smtpd.
    pub(crate) fn start_services<A: AsRef<str>>(
        recipients: &[A],
        settings: impl FnOnce(&Path) -> String,
        services: impl FnOnce(u16) -> String,
    ) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test starts a Postfix, which needs root: run the tests as root, \
             or leave the end-to-end tests out with MAILWAKE_SKIP_E2E=1"
        );
        let directory = tempfile::Builder::new().prefix("postfix-").tempdir().expect("directory");
        let port = free_port();
        write_configuration(directory.path(), &services(port), recipients);
        let main_cf = directory.path().join("etc/main.cf");
        let text = main_cf_with(&main_cf, &settings(directory.path()));
        fs::write(&main_cf, text).expect("write the configuration of postfix");
        let starter = start_in(directory.path(), port);
        Self { starter, directory, port }
    }

    /// Stops it, as `postfix stop` does. Its queue and maildirs stay.
    pub(crate) fn stop(&mut self) {
        let master = self.master_id().expect("a Postfix that runs");
        kill_process(master, Signal::TERM).expect("signal the master");
        assert!(self.starter.ends_within(PATIENCE), "postfix did not end on SIGTERM");
    }

    /// Starts it again behind `stop`.
    pub(crate) fn start_again(&mut self) {
        // What it looks through at its start it does as its own account, and tells it.
        let maillog = self.directory.path().join("maillog");
        fs::set_permissions(maillog, Permissions::from_mode(0o666)).expect("open the maillog");
        self.starter = start_in(self.directory.path(), self.port);
    }

    /// The messages in a recipient's maildir now, in the order of delivery.
    pub(crate) fn mail(&self, recipient: &str) -> Vec<Vec<u8>> {
        let new = self.directory.path().join("mail").join(maildir(recipient)).join("new");
        let files = files_by_age(&new).into_iter();
        files.map(|file| fs::read(file).expect("read a delivered message")).collect()
    }

    /// Waits until a recipient's maildir holds at least `count` messages, and gives them
    /// in the order of delivery. Lines end in LF, as Postfix stores them.
    pub(crate) fn wait_for_mail(&self, recipient: &str, count: usize) -> Vec<Vec<u8>> {
        let new = self.directory.path().join("mail").join(maildir(recipient)).join("new");
        let what = format!("{count} messages to {recipient}; maillog:\n{}", self.maillog());
        wait_for(&what, PATIENCE, || {
            let messages = files_by_age(&new);
            (messages.len() >= count).then_some(messages)
        })
        .into_iter()
        .map(|file| fs::read(file).expect("read a delivered message"))
        .collect()
    }

    /// The process id in the master's own file; none when it is gone.
    fn master_id(&self) -> Option<Pid> {
        let file = self.directory.path().join("queue/pid/master.pid");
        Pid::from_raw(fs::read_to_string(file).ok()?.trim().parse().ok()?)
    }

    /// Has it try at once to deliver what it has deferred, as `postqueue -f` does.
    pub(crate) fn flush(&self) {
        let etc = self.directory.path().join("etc");
        run("postqueue", "postfix", ["-c".as_ref(), etc.as_os_str(), "-f".as_ref()]);
    }

    /// Where it logs.
    pub(crate) fn maillog_file(&self) -> PathBuf {
        self.directory.path().join("maillog")
    }

    /// What Postfix has logged so far.
    pub(crate) fn maillog(&self) -> String {
        fs::read_to_string(self.maillog_file()).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // The master is a session of its own, so the end of the process that started it
        // would not reach it. It ends its children and its log daemon.
        if let Some(master) = self.master_id() {
            kill_process(master, Signal::TERM).ok();
            if !self.starter.ends_within(PATIENCE) {
                say("postfix did not end on SIGTERM; killed");
                kill_process_group(master, Signal::KILL).ok();
            }
        }
        if std::thread::panicking() {
            say(&format!("--- maillog of postfix\n{}", self.maillog()));
        }
    }
}

fn start_in(directory: &Path, port: u16) -> Server {
    let mut command = Command::new("postfix");
    command.arg("-c").arg(directory.join("etc")).arg("start-fg");
    let mut starter = Server::start("postfix", "postfix", &mut command, directory.join("output"));
    starter.wait_until_listening(&[port]);
    starter
}

/// `Ann@Example.com` has the maildir `example.com/ann/`.
fn maildir(recipient: &str) -> String {
    let (local_part, domain) = recipient.rsplit_once('@').expect("a recipient has a domain");
    format!("{domain}/{local_part}/").to_ascii_lowercase()
}

/// The files of a folder, oldest first; none where it is not there.
pub(super) fn files_by_age(folder: &Path) -> Vec<PathBuf> {
    // Not there before the first message.
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry of a maildir").path();
            (fs::metadata(&path).and_then(|data| data.modified()).expect("its time"), path)
        })
        .collect();
    files.sort();
    files.into_iter().map(|(_, path)| path).collect()
}

fn write_configuration<A: AsRef<str>>(directory: &Path, services: &str, recipients: &[A]) {
    // virtual(8) delivers as the owner of the maildirs and has to get there.
    fs::set_permissions(directory, Permissions::from_mode(0o755)).expect("open the directory");
    for (name, owner) in
        [("etc", 0), ("queue", 0), ("data", postfix_account()), ("mail", MAILBOX_OWNER)]
    {
        let folder = directory.join(name);
        fs::create_dir(&folder).expect("folder for postfix");
        chown(&folder, Some(owner), None).expect("give a folder to its account");
    }
    let mailboxes = recipients
        .iter()
        .map(|recipient| format!("{0} {1}\n", recipient.as_ref(), maildir(recipient.as_ref())))
        .collect::<String>();
    let write = |name: &str, text: &str| {
        fs::write(directory.join("etc").join(name), text)
            .expect("write the configuration of postfix");
    };
    write("mailboxes", &mailboxes);
    write("main.cf", &main_cf(directory));
    write("master.cf", &(services.to_owned() + &master_cf()));
}

/// Later settings go before earlier ones.
fn main_cf_with(file: &Path, settings: &str) -> String {
    fs::read_to_string(file).expect("read the configuration of postfix") + settings
}

fn main_cf(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "compatibility_level = 3.6\n\
         queue_directory = {directory}/queue\n\
         data_directory = {directory}/data\n\
         maillog_file = {directory}/maillog\n\
         maillog_file_prefixes = {directory}\n\
         inet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\n\
         myhostname = mx.example.com\n\
         mydestination =\n\
         mynetworks = 127.0.0.0/8\n\
         local_recipient_maps =\n\
         alias_maps =\n\
         alias_database =\n\
         virtual_mailbox_domains = example.com, example.net\n\
         virtual_mailbox_maps = texthash:{directory}/etc/mailboxes\n\
         virtual_mailbox_base = {directory}/mail\n\
         virtual_uid_maps = static:{MAILBOX_OWNER}\n\
         virtual_gid_maps = static:{MAILBOX_OWNER}\n\
         # Nothing leaves this machine, and nobody is asked about names.\n\
         default_transport = error:5.7.1 this postfix delivers only to its own maildirs\n\
         relay_transport = error:5.7.1 this postfix delivers only to its own maildirs\n\
         smtpd_relay_restrictions = reject_unauth_destination\n\
         disable_dns_lookups = yes\n\
         smtpd_peername_lookup = no\n\
         # Headers stay as the sender wrote them.\n\
         local_header_rewrite_clients =\n\
         # Tests open many sessions from one address.\n\
         smtpd_client_connection_count_limit = 0\n\
         notify_classes =\n"
    )
}

fn smtpd(port: u16) -> String {
    format!("127.0.0.1:{port} inet n - n - - smtpd\n")
}

fn master_cf() -> String {
    let services = [
        ("cleanup", "unix", "n", "0", "cleanup"),
        ("qmgr", "unix", "n", "1", "qmgr"),
        ("rewrite", "unix", "-", "-", "trivial-rewrite"),
        ("bounce", "unix", "-", "0", "bounce"),
        ("defer", "unix", "-", "0", "bounce"),
        ("trace", "unix", "-", "0", "bounce"),
        ("verify", "unix", "-", "1", "verify"),
        ("flush", "unix", "n", "0", "flush"),
        ("proxymap", "unix", "-", "-", "proxymap"),
        ("error", "unix", "-", "-", "error"),
        ("retry", "unix", "-", "-", "error"),
        ("smtp", "unix", "-", "-", "smtp"),
        ("virtual", "unix", "-", "-", "virtual"),
        ("tlsmgr", "unix", "-", "1", "tlsmgr"),
        ("anvil", "unix", "-", "1", "anvil"),
        ("scache", "unix", "-", "1", "scache"),
        ("postlog", "unix-dgram", "n", "1", "postlogd"),
    ];
    services
        .iter()
        .map(|(service, kind, private, processes_max, program)| {
            // virtual(8) writes as the owner of each maildir, so it starts as root.
            let unprivileged = if *program == "virtual" { "n" } else { "-" };
            format!("{service} {kind} {private} {unprivileged} n - {processes_max} {program}\n")
        })
        .collect()
}

/// The user id of Postfix's own account.
fn postfix_account() -> u32 {
    let accounts = fs::read_to_string("/etc/passwd").expect("read the accounts");
    accounts
        .lines()
        .filter_map(|line| line.strip_prefix("postfix:"))
        .find_map(|line| line.split(':').nth(1)?.parse().ok())
        .ok_or_else(|| io::Error::other("no account `postfix`; apt-get install postfix"))
        .unwrap_or_else(|error| panic!("start postfix: {error}"))
}
