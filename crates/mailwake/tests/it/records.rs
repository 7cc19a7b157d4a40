//! Records by the command line and by pipes: what was read is in the log, whether serve runs,
//! is down, or is killed, and whoever has read it.

mod million;

use crate::support::{
    PATIENCE, free_port,
    mailwake::{BINARY, Installation},
    process::run,
    upstream::Upstream,
    wait_for,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
};

const HEADER: &str = "type,timeLogged,rcpt,header_x-sp-message-id\r\n";

/// Deliveries as PowerMTA tells them.
fn rows(range: std::ops::Range<u32>) -> String {
    let row = |number: u32| {
        format!("d,2026-11-22 09:00:00+0000,{number}@b.example,00f3a5c7e9b1{number:08x}\r\n")
    };
    range.map(row).collect()
}

fn write(installation: &Installation, name: &str, text: &str) -> String {
    let file = installation.folder().join(name);
    fs::write(&file, text).expect("write records");
    file.display().to_string()
}

/// The recipients of all deliveries that the store knows, each as often as it is there.
fn recipients(installation: &Installation) -> Vec<String> {
    let events = installation.events(&["--type", "delivery"]);
    let of = |event: &Value| event["attempt"]["rcpt_to"].as_str().expect("a recipient").to_owned();
    let mut recipients: Vec<_> = events.iter().map(of).collect();
    recipients.sort_by_key(|recipient| (recipient.len(), recipient.clone()));
    recipients
}

fn wanted(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("{number}@b.example")).collect()
}

fn wait_for_recipients(installation: &Installation, range: std::ops::Range<u32>) {
    let wanted = wanted(range);
    wait_for("all deliveries", PATIENCE, || {
        let unique: BTreeSet<_> = recipients(installation).into_iter().collect();
        (unique.len() >= wanted.len()).then_some(())
    });
    assert_eq!(recipients(installation), wanted);
}

#[test]
fn records_are_read_while_serve_is_down_and_while_it_runs() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let first = write(&installation, "first.csv", &(HEADER.to_owned() + &rows(0..700)));
    let text = format!("{HEADER}x,what,is,this\r\n{}", rows(700..900));
    let second = write(&installation, "second.csv", &text);
    let told = installation.run(&["ingest", "--format", "powermta", &first]);
    assert_eq!(told, "701 lines read, 700 events, 0 malformed lines\n");

    let serving = installation.serve();
    let told = installation.run(&["ingest", "--format", "powermta", &second]);
    assert!(told.contains(" 200 events, "), "{told}");
    wait_for_recipients(&installation, 0..900);
    assert!(serving.stop().success());
}

#[test]
fn record_of_the_last_hours_of_the_calendar_does_not_hide_the_others() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let last = "d,253402300799,last@b.example,00f3a5c7e9b1ffffffff\r\n";
    let text = [HEADER, last, &rows(0..2)].concat();
    let records = write(&installation, "acct.csv", &text);
    installation.run(&["ingest", "--format", "powermta", &records]);
    let serving = installation.serve();
    wait_for("all deliveries", PATIENCE, || (recipients(&installation).len() == 3).then_some(()));
    let told = installation.run(&["events"]);
    let times = told.lines().map(|line| line.split("  ").next().unwrap_or_default());
    let wanted = ["253402300799000 ms", "2026-11-22T09:00:00.000Z", "2026-11-22T09:00:00.000Z"];
    assert_eq!(times.collect::<Vec<_>>(), wanted, "{told}");
    assert!(serving.stop().success());
}

/// PowerMTA's pipe.
struct Pipe {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Pipe {
    fn start(installation: &Installation) -> Self {
        let config = installation.folder().join("mailwake.toml");
        let log = File::create(installation.folder().join("acct-etl.log")).expect("a log");
        let mut command = Command::new(BINARY);
        command.arg("acct-etl").arg("--config").arg(config).stdin(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("start acct-etl");
        let stdin = child.stdin.take();
        Self { child, stdin }
    }

    fn write(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("it is open");
        stdin.write_all(text.as_bytes()).expect("write to the pipe");
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("an id");
        kill_process(Pid::from_raw(id).expect("an id"), signal).expect("signal");
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.stdin.take();
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn spool(installation: &Installation) -> PathBuf {
    installation.data().join("delivery/spool")
}

/// Octets of events in the spool.
fn spooled(installation: &Installation) -> u64 {
    let Ok(entries) = fs::read_dir(spool(installation)) else { return 0 };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let events = paths.filter(|path| path.extension().is_some_and(|end| end != "columns"));
    events.filter_map(|path| path.metadata().ok()).map(|data| data.len()).sum()
}

/// A program that is killed when ten rows are in the spool.
fn read_ten_and_die(installation: &Installation) {
    let mut pipe = Pipe::start(installation);
    pipe.write(HEADER);
    pipe.write(&rows(0..10));
    wait_for("the spool", PATIENCE, || (spooled(installation) > 10 * 100).then_some(()));
    pipe.signal(Signal::KILL);
}

#[test]
fn pipe_is_read_while_serve_is_down_however_it_ends() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    // Killed in the middle, and behind a whole line: what it has read is there.
    read_ten_and_die(&installation);
    // Told to end: what is in the pipe is read.
    let mut pipe = Pipe::start(&installation);
    pipe.write(HEADER);
    wait_for("its start", PATIENCE, || {
        let file = fs::read_to_string(format!("/proc/{}/status", pipe.child.id())).ok()?;
        // It catches SIGTERM by now.
        let caught = file.lines().find_map(|line| line.strip_prefix("SigCgt:\t"))?;
        (u64::from_str_radix(caught.trim(), 16).ok()? & 1 << 14 != 0).then_some(())
    });
    pipe.write(&rows(10..20));
    pipe.signal(Signal::TERM);
    assert!(pipe.child.wait().expect("it ends").success());
    drop(pipe);
    // Its input ends.
    let mut pipe = Pipe::start(&installation);
    pipe.write(HEADER);
    pipe.write(rows(20..30).trim_end());
    pipe.stdin.take();
    assert!(pipe.child.wait().expect("it ends").success());

    let serving = installation.serve();
    wait_for_recipients(&installation, 0..30);
    // While serve runs.
    let mut pipe = Pipe::start(&installation);
    pipe.write(HEADER);
    pipe.write(&rows(30..40));
    wait_for_recipients(&installation, 0..40);
    pipe.stdin.take();
    assert!(pipe.child.wait().expect("it ends").success());
    wait_for("an empty spool", PATIENCE, || (spooled(&installation) == 0).then_some(()));
    assert!(serving.stop().success());
}

/// PowerMTA names the columns when it starts, and starts the program as often as it likes.
#[test]
fn columns_of_a_pipe_are_known_when_the_program_is_started_again() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    read_ten_and_die(&installation);
    for range in [10..20, 20..30] {
        let mut pipe = Pipe::start(&installation);
        pipe.write(&rows(range));
        pipe.stdin.take();
        assert!(pipe.child.wait().expect("it ends").success());
    }
    let serving = installation.serve();
    wait_for_recipients(&installation, 0..30);
    assert!(serving.stop().success());
}

/// As the Go reference's program is called.
#[test]
fn options_of_the_go_reference_are_known() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let records = write(&installation, "acct.csv", &format!("{HEADER}{}x\r\n", rows(0..3)));
    let log = installation.folder().join("etl.log").display().to_string();
    installation.run(&["acct-etl", "-infile", &records, "-logfile", &log]);
    let told = fs::read_to_string(log).expect("a log");
    assert!(told.contains("acct-etl: line 5: "), "{told}");
    assert!(told.ends_with("5 lines read, 3 events, 1 malformed lines\n"), "{told}");
    let serving = installation.serve();
    wait_for_recipients(&installation, 0..3);
    assert!(serving.stop().success());
}

#[test]
fn malformed_lines_are_told_with_file_and_number() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let file = write(&installation, "mail.log", "hello\n");
    let told = installation.run(&["ingest", "--format", "postfix", &file]);
    assert_eq!(told, "1 lines read, 0 events, 1 malformed lines\n");
    let told = installation.run_failing(&["ingest", "--format", "postfix", "/nonexistent"]);
    assert!(told.contains("open /nonexistent: "), "{told}");
}

/// As KumoMTA posts them.
#[test]
fn posted_records_are_recorded() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let (port, token) = (free_port(), write(&installation, "token", "secret\n"));
    let file = installation.folder().join("mailwake.toml");
    let text = fs::read_to_string(&file).expect("read the configuration");
    let http =
        format!("[delivery.http]\nlisten = \"127.0.0.1:{port}\"\ntoken_file = \"{token}\"\n");
    fs::write(&file, text + &http).expect("write the configuration");
    let serving = installation.serve();
    let record = |number: u32| {
        format!(
            "{{\"type\":\"Delivery\",\"id\":\"{number}\",\"sender\":\"n@shop.example\",\
             \"recipient\":\"{number}@b.example\",\"queue\":\"b.example\",\"site\":\"b\",\"size\":7,\
             \"response\":{{\"code\":250,\"content\":\"OK\"}},\"timestamp\":1795341600,\
             \"created\":1795341599,\"num_attempts\":0,\
             \"headers\":{{\"X-Sp-Message-Id\":\"00f3a5c7e9b1{number:08x}\"}}}}"
        )
    };
    let list = format!("[{}]", (0..20).map(record).collect::<Vec<_>>().join(","));
    let url = format!("http://127.0.0.1:{port}/records");
    let post = |token: &str, body: &str| {
        let field = format!("Authorization: Bearer {token}");
        let arguments = ["-sS", "-w", "%{http_code}", "-H", &*field, "--data-binary", body, &*url];
        run("curl", "curl", arguments)
    };
    assert!(post("wrong", &list).ends_with("401"));
    // Twice: its answer may have been lost.
    assert!(post("secret", &list).ends_with("200"));
    assert!(post("secret", &list).ends_with("200"));
    wait_for_recipients(&installation, 0..20);
    assert!(serving.stop().success());
}

/// A report of feedback has the whole message in it: by hand, and in a file that is followed.
#[test]
fn line_of_kumomta_may_be_long() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let record = |number: u32| {
        let message = "x".repeat(2 << 20);
        format!(
            "{{\"type\":\"Feedback\",\"id\":\"{number}\",\"recipient\":\"fbl@shop.example\",\
             \"timestamp\":1795341600,\"feedback_report\":{{\"feedback_type\":\"abuse\",\
             \"original_message\":\"{message}\"}}}}\n"
        )
    };
    let read = write(&installation, "read.log", &record(0));
    let told = installation.run(&["ingest", "--format", "kumomta", &read]);
    assert_eq!(told, "1 lines read, 1 events, 0 malformed lines\n");
    let followed = write(&installation, "followed.log", &record(1));
    let file = installation.folder().join("mailwake.toml");
    let text = fs::read_to_string(&file).expect("read the configuration");
    let source = format!("[delivery.source.kumo]\nformat = \"kumomta\"\npath = \"{followed}\"\n");
    fs::write(&file, text + &source).expect("write the configuration");
    let serving = installation.serve();
    wait_for("both complaints", PATIENCE, || {
        (installation.events(&["--type", "spam_complaint"]).len() == 2).then_some(())
    });
    assert!(serving.stop().success());
}
