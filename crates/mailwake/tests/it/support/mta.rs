//! Exim and OpenSMTPD, which Debian does not install beside Postfix: `ci/test-programs`
//! unpacks them. Each runs in a mount namespace of its own, where it finds its accounts and
//! folders; what it delivers lies in a temporary directory.

use super::{PATIENCE, free_port, postfix::files_by_age, process::Server, say, wait_for};
use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// The account that maildirs belong to (`nobody`).
const MAILBOX_OWNER: u32 = 65_534;

/// A running MTA with maildirs for `ann` and `bob` at example.com.
#[derive(Debug)]
pub(crate) struct Mta {
    _server: Server,
    directory: TempDir,
    /// Where it takes mail.
    pub(crate) port: u16,
}

/// What an MTA finds in its namespace.
struct Room<'d> {
    directory: &'d Path,
    script: String,
}

impl Mta {
    /// Starts Exim.
    pub(crate) fn exim() -> Self {
        Self::exim_that(&maildirs)
    }

    /// Starts Exim, which sends all it takes on to this port.
    pub(crate) fn exim_before(port: u16) -> Self {
        Self::exim_that(&|_directory| smart_host(port))
    }

    /// Starts Exim, which sends mail for later.example and never.example on to these ports.
    pub(crate) fn exim_with_others(later: u16, never: u16) -> Self {
        Self::exim_that(&|directory| maildirs_and_others(directory, later, never))
    }

    fn exim_that(delivers: &dyn Fn(&Path) -> String) -> Self {
        Self::start("exim", |directory, port| {
            for folder in ["spool", "log"] {
                owned_folder(&directory.join(folder));
            }
            let mut room = Room::new(directory);
            room.add_accounts(&[("Debian-exim", MAILBOX_OWNER)]);
            // Its library of names is none that Postfix's machine has.
            let libraries = programs().join("root/usr/lib/x86_64-linux-gnu");
            let list = format!("include /etc/ld.so.conf\n{}\n", libraries.display());
            let list = room.write("ld.conf", &list);
            let cache = directory.join("ld.so.cache");
            room.run(&format!("/sbin/ldconfig -X -C {} -f {}", cache.display(), list.display()));
            room.run(&format!("mount --bind {} /etc/ld.so.cache", cache.display()));
            let configuration =
                room.write("exim.conf", &(exim_conf(directory, port) + &delivers(directory)));
            room.exec(&format!("usr/sbin/exim4 -C {} -bdf", configuration.display()))
        })
    }

    /// Starts OpenSMTPD.
    pub(crate) fn opensmtpd() -> Self {
        Self::start("opensmtpd", |directory, port| {
            let mut room = Room::new(directory);
            room.add_accounts(&[
                ("opensmtpd", 64_001),
                ("opensmtpq", 64_002),
                ("mailwake-test", MAILBOX_OWNER),
            ]);
            // These places are built into it.
            let libexec = programs().join("root/usr/libexec");
            room.run(&format!("mount --bind {} /usr/libexec", libexec.display()));
            for folder in ["/var/spool", "/var/lib", "/run"] {
                room.run(&format!("mount -t tmpfs none {folder}"));
            }
            room.run("mkdir -p /var/lib/opensmtpd/empty");
            room.run("mkdir -m 711 /var/spool/smtpd");
            let configuration = room.write("smtpd.conf", &smtpd_conf(directory, port));
            room.exec(&format!("usr/sbin/smtpd -d -f {}", configuration.display()))
        })
    }

    fn start(name: &'static str, script: impl FnOnce(&Path, u16) -> String) -> Self {
        let directory = tempfile::Builder::new().prefix(name).tempdir().expect("directory");
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("open it");
        owned_folder(&directory.path().join("mail"));
        let port = free_port();
        let script = script(directory.path(), port);
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-e", "-c", &script]);
        let log = directory.path().join("output");
        let mut server = Server::start(name, "util-linux", &mut command, log);
        server.wait_until_listening(&[port]);
        Self { _server: server, directory, port }
    }

    /// Where Exim logs.
    pub(crate) fn exim_log_file(&self) -> PathBuf {
        self.directory.path().join("log/mainlog")
    }

    /// What Exim has logged so far.
    pub(crate) fn exim_log(&self) -> String {
        fs::read_to_string(self.exim_log_file()).unwrap_or_default()
    }

    /// As `Postfix::wait_for_mail`.
    pub(crate) fn wait_for_mail(&self, recipient: &str, count: usize) -> Vec<Vec<u8>> {
        let user = recipient.split('@').next().unwrap_or_default();
        let new = self.directory.path().join("mail").join(user).join("new");
        let files = wait_for(&format!("{count} messages to {recipient}"), PATIENCE, || {
            let files = files_by_age(&new);
            (files.len() >= count).then_some(files)
        });
        files.into_iter().map(|file| fs::read(file).expect("read a delivered message")).collect()
    }
}

impl<'d> Room<'d> {
    fn new(directory: &'d Path) -> Self {
        Self { directory, script: String::new() }
    }

    fn run(&mut self, command: &str) {
        self.script += command;
        self.script.push('\n');
    }

    /// The whole script, which ends as a program of those that were unpacked.
    fn exec(mut self, program: &str) -> String {
        self.run(&format!("exec {}/root/{program}", programs().display()));
        self.script
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.directory.join(name);
        fs::write(&file, text).expect("write a file for an MTA");
        file
    }

    /// Gives it accounts that the machine does not have.
    fn add_accounts(&mut self, accounts: &[(&str, u32)]) {
        for (file, rest) in [("passwd", ":/:/bin/sh"), ("group", "")] {
            let known = fs::read_to_string(format!("/etc/{file}")).expect("read the accounts");
            let line = |(name, id): &(&str, u32)| match file {
                "passwd" => format!("{name}:x:{id}:{id}:{rest}\n"),
                _ => format!("{name}:x:{id}:\n"),
            };
            let text = known + &accounts.iter().map(line).collect::<String>();
            let file_of_ours = self.write(file, &text);
            self.run(&format!("mount --bind {} /etc/{file}", file_of_ours.display()));
        }
    }
}

/// Where `ci/test-programs` puts what it gets.
pub(crate) fn programs() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-programs");
    folder.canonicalize().expect("run ci/test-programs")
}

/// Whether an end-to-end test is left out, also for want of this program, which is said on
/// stderr: `ci/test-programs` may not have got it.
pub(crate) fn is_left_out(test: &str, program: &str) -> bool {
    if super::is_left_out(test) {
        return true;
    }
    let is_missing = !programs().join(program).exists();
    let mut unshare = Command::new("unshare");
    let has_namespaces = unshare.args(["--mount", "true"]).stderr(Stdio::null()).status();
    let why = match () {
        () if is_missing => format!("there is no {program}"),
        () if !has_namespaces.is_ok_and(|status| status.success()) => "no mount namespaces".into(),
        () => return false,
    };
    say(&format!("NOT RUN: {test} ({why})"));
    true
}

fn owned_folder(folder: &Path) {
    fs::create_dir(folder).expect("folder for an MTA");
    chown(folder, Some(MAILBOX_OWNER), Some(MAILBOX_OWNER)).expect("give a folder away");
}

fn exim_conf(directory: &Path, port: u16) -> String {
    let (directory, programs) = (directory.display(), programs());
    format!(
        "exim_path = {}/root/usr/sbin/exim4\n\
         spool_directory = {directory}/spool\n\
         log_file_path = {directory}/log/%slog\n\
         pid_file_path = {directory}/spool/pid\n\
         primary_hostname = mx.example.com\n\
         local_interfaces = 127.0.0.1\n\
         daemon_smtp_ports = {port}\n\
         exim_user = nobody\n\
         exim_group = {MAILBOX_OWNER}\n\
         never_users =\n\
         keep_environment =\n\
         tls_advertise_hosts =\n\
         host_lookup =\n\
         rfc1413_query_timeout = 0s\n\
         acl_smtp_rcpt = rcpt\n\
         acl_smtp_data = data\n\
         begin acl\n\
         rcpt:\n  accept domains = example.com : later.example : never.example\n  deny message = no such domain here\n\
         data:\n  accept\n",
        programs.display()
    )
}

/// Exim delivers to maildirs.
fn maildirs(directory: &Path) -> String {
    format!(
        "begin routers\n\
         mailbox:\n  driver = accept\n  domains = example.com\n  local_parts = ann : bob\n  \
         transport = maildir\n\
         begin transports\n\
         maildir:\n  driver = appendfile\n  directory = {}/mail/$local_part_data\n  \
         maildir_format\n  create_directory\n  user = nobody\n  group = {MAILBOX_OWNER}\n  \
         delivery_date_add\n  envelope_to_add\n  return_path_add\n",
        directory.display()
    )
}

/// Exim delivers to maildirs, and what is for others to their ports.
fn maildirs_and_others(directory: &Path, later: u16, never: u16) -> String {
    let others = [("later", later), ("never", never)];
    let router = |(name, _): (&str, u16)| {
        format!("{name}:\n  driver = accept\n  domains = {name}.example\n  transport = {name}\n")
    };
    let transport = |(name, port): (&str, u16)| {
        format!(
            "{name}:\n  driver = smtp\n  hosts = 127.0.0.1\n  port = {port}\n  allow_localhost\n  \
             hosts_avoid_tls = *\n"
        )
    };
    let routers = format!("begin routers\n{}", others.map(router).concat());
    let transports = format!("begin transports\n{}", others.map(transport).concat());
    maildirs(directory)
        .replace("begin routers\n", &routers)
        .replace("begin transports\n", &transports)
}

/// Exim sends to a port, with BDAT where it may.
fn smart_host(port: u16) -> String {
    format!(
        "begin routers\n\
         all:\n  driver = accept\n  transport = next\n\
         begin transports\n\
         next:\n  driver = smtp\n  hosts = 127.0.0.1\n  port = {port}\n  allow_localhost\n  \
         hosts_try_chunking = *\n  hosts_avoid_tls = *\n"
    )
}

fn smtpd_conf(directory: &Path, port: u16) -> String {
    format!(
        "listen on 127.0.0.1 port {port} hostname mx.example.com\n\
         table users {{ \"ann@example.com\" = \"mailwake-test\", \"bob@example.com\" = \"mailwake-test\" }}\n\
         action \"deliver\" maildir \"{}/mail/%{{rcpt.user}}\" virtual <users>\n\
         match from any for domain \"example.com\" action \"deliver\"\n",
        directory.display()
    )
}
