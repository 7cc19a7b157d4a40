//! No room for events: mail is refused with 452, so that no message is under way of which
//! nothing is known; clicks still redirect; and with room again all goes on.

use super::{
    SEGMENT_BYTES, TARGET, content, fill_log, last_link, limit_log, send, wait_for_receptions,
};
use crate::support::{
    PATIENCE, http, mailwake::Installation, say, smtp::Session, upstream::Upstream, wait_for,
};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// Octets of the log that are left for the test itself.
const LEFT_OCTETS: u64 = 24 << 10;

#[test]
fn a_log_at_its_quota_refuses_mail_until_consumers_have_passed_it() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    limit_log(&installation, 2);
    fill_log(&installation, 2, 1_000, 2 * SEGMENT_BYTES - LEFT_OCTETS);
    let serving = installation.serve_roles("gateway,tracker");
    let mut acknowledged = send_until_refused(&installation);
    check_full(&installation, &upstream, acknowledged.len());
    check_not_ready(&installation, "its disk quota of 2097152 octets is used up");

    let store = installation.serve_roles("store");
    let is_ready = || (store.log().matches("mailwake is ready").count() == 2).then_some(());
    wait_for("the store to be ready", PATIENCE, is_ready);
    assert!(store.stop().success(), "SIGTERM ends the store in order");
    // Nobody has to lose a message to find out.
    assert_eq!(installation.admin("ready").status, 200);
    acknowledged.push(send_until_taken(&installation));
    assert!(serving.stop().success(), "SIGTERM ends serve in order");

    let serving = installation.serve();
    wait_for_receptions(&installation, &acknowledged);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn a_full_disk_refuses_mail_until_there_is_room() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    limit_log(&installation, 100);
    let disk = match SmallDisk::mount(&installation.data(), "32m") {
        Ok(disk) => disk,
        Err(error) => return say(&format!("NOT RUN: full disk: {error}")),
    };
    fill_log(&installation, 100, 1_000, SEGMENT_BYTES - LEFT_OCTETS);
    let serving = installation.serve();
    // What is left is the rest of the segment, and the one that was made ahead.
    let ahead = installation.data().join("log/spare.tmp");
    wait_for("a segment made ahead", PATIENCE, || {
        fs::metadata(&ahead).ok().filter(|file| file.len() == SEGMENT_BYTES)
    });
    disk.fill();
    let mut acknowledged = send_until_refused(&installation);
    check_full(&installation, &upstream, acknowledged.len());
    check_not_ready(&installation, "No space left on device");

    disk.make_room();
    wait_for("mailwake to be ready again", PATIENCE, || {
        (installation.admin("ready").status == 200).then_some(())
    });
    acknowledged.push(send_until_taken(&installation));
    wait_for_receptions(&installation, &acknowledged);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// The recipients of all messages that were taken before the first 452.
fn send_until_refused(installation: &Installation) -> Vec<String> {
    let mut taken = Vec::new();
    let mut session = Session::open(installation.gateway_port).expect("a session");
    for number in 0..10_000 {
        let recipient = format!("full-{number}@example.com");
        let content = content(&recipient);
        let reply = session.send("news@shop.example", &recipient, content.as_bytes());
        let reply = reply.expect("a reply");
        match reply.code {
            250 => taken.push(recipient),
            452 => return taken,
            _ => panic!("expected 250 or 452, got {reply:?}"),
        }
    }
    panic!("{} messages were taken, and the log has no room for them", taken.len());
}

fn send_until_taken(installation: &Installation) -> String {
    let recipient = "room@example.com".to_owned();
    wait_for("a message to be taken", PATIENCE, || {
        (send(installation, &recipient).code == 250).then_some(())
    });
    recipient
}

/// What was refused is nowhere, and links lead to where they always did.
fn check_full(installation: &Installation, upstream: &Upstream, taken: usize) {
    assert!(taken > 0, "no message was taken before the log was full");
    let refused = send(installation, "refused@example.com");
    assert_eq!((refused.code, &refused.text[..6]), (452, "4.3.1 "), "{refused:?}");
    assert_eq!(upstream.messages().len(), taken, "messages that went upstream");
    for _ in 0..3 {
        let answer = http::get(&last_link(upstream));
        assert_eq!((answer.status, answer.field("location")), (302, TARGET));
    }
}

/// Whoever watches is told why, and what was refused is counted.
fn check_not_ready(installation: &Installation, reason: &str) {
    let answer = installation.admin("ready");
    let told = String::from_utf8_lossy(&answer.body);
    let line = told.lines().find(|line| line.starts_with("append to the event log: "));
    assert_eq!(answer.status, 503, "{told}");
    assert!(line.is_some_and(|line| line.contains(reason)), "{told}");
    assert_eq!(installation.admin("health").status, 200);
    let refused = "mailwake_gateway_refusals_total{reason=\"event_log\"}";
    assert!(installation.metric(refused) >= 1.0);
}

/// A file system in memory with a size of its own.
struct SmallDisk {
    directory: PathBuf,
}

impl SmallDisk {
    /// Mounts it, which only root can.
    fn mount(directory: &Path, size: &str) -> Result<Self, String> {
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(directory);
        let output = mount.output().map_err(|error| format!("mount: {error}"))?;
        match output.status.success() {
            true => Ok(Self { directory: directory.into() }),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }

    /// Writes a file until nothing is left.
    fn fill(&self) {
        let mut file = File::create(self.filler()).expect("a file");
        while file.write_all(&[1; 4_096]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).expect("a file that is there");
    }

    fn filler(&self) -> PathBuf {
        self.directory.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever still has a file open loses it with its process.
        Command::new("umount").arg("-l").arg(&self.directory).status().ok();
    }
}
