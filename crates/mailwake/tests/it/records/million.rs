//! How long a file of PowerMTA takes, and how much memory: a million records in one run, with
//! what was read and used by each second.

use crate::support::{
    free_port,
    mailwake::{BINARY, Installation},
    say,
};
use std::{
    fs,
    io::{BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// Memory that reading may take, however long the file is.
const MEMORY_KIB_MAX: u64 = 200 * 1024;

const HEADER: &str = "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,\
    bounceCat,srcType,srcMta,dlvType,dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,\
    jobId,envId,queue,vmtaPool,header_X-Sp-Message-Id";

/// `MAILWAKE_RECORDS=10000` makes it shorter.
#[test]
#[ignore = "takes minutes"]
fn a_million_records_are_read_in_one_run() {
    let records = std::env::var("MAILWAKE_RECORDS")
        .map_or(1_000_000, |records| records.parse::<u64>().expect("a number of records"));
    let installation = Installation::new(free_port());
    let file = installation.folder().join("acct.csv");
    write_records(&file, records);
    let size = fs::metadata(&file).expect("the file").len();
    say(&format!("{records} records, {size} octets"));
    let begun = Instant::now();
    let mut child = Command::new(BINARY)
        .args(["ingest", "--format", "powermta", "--config"])
        .arg(installation.folder().join("mailwake.toml"))
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("mailwake runs");
    let process = format!("/proc/{}", child.id());
    let output = child.stdout.take().expect("its output");
    let (ended, wait) = mpsc::channel();
    let reader = thread::spawn(move || {
        let printed = std::io::read_to_string(output).expect("text");
        ended.send(()).expect("the test waits");
        printed
    });
    let mut memory = 0;
    say("seconds  records  KiB in memory");
    while wait.recv_timeout(Duration::from_secs(1)).is_err() {
        let read = position(Path::new(&process), &file).unwrap_or(0) * records / size;
        let resident = kib(&process, "VmRSS").unwrap_or(0);
        memory = kib(&process, "VmHWM").unwrap_or(memory);
        say(&format!("{:7.1}  {read:7}  {resident}", begun.elapsed().as_secs_f64()));
    }
    assert!(child.wait().expect("it ends").success());
    let took = begun.elapsed().as_secs_f64();
    let printed = reader.join().expect("its output");
    say(&format!("{took:.1} s, {:.0} records/s, at most {memory} KiB", records as f64 / took));
    let lines = records + 1;
    assert_eq!(printed, format!("{lines} lines read, {records} events, 0 malformed lines\n"));
    assert!(memory < MEMORY_KIB_MAX, "{memory} KiB");
}

/// Nine of ten are delivered, others are tried again or given up.
fn write_records(file: &Path, records: u64) {
    let mut out = BufWriter::new(fs::File::create(file).expect("make the file"));
    writeln!(out, "{HEADER}").expect("write");
    for number in 0..records {
        let (kind, action, status, reply, category) = match number % 20 {
            7 => (
                "b",
                "failed",
                "5.1.1 (bad destination mailbox address)",
                "\"smtp;550 5.1.1 <user@example.net>: User unknown, sorry\"",
                "bad-mailbox",
            ),
            13 => (
                "t",
                "delayed",
                "4.2.2 (mailbox full)",
                "smtp;452 4.2.2 Over quota",
                "quota-issues",
            ),
            _ => ("d", "relayed", "2.0.0 (success)", "smtp;250 2.0.0 OK 1795338005 - gsmtp", ""),
        };
        writeln!(
            out,
            "{kind},2026-11-22 09:{:02}:{:02}+0000,2026-11-22 08:59:58+0000,news@shop.example,\
             user{number}@example.net,,{action},{status},{reply},mx.example.net (203.0.113.9),\
             {category},smtp,mailwake (192.0.2.1),smtp,198.51.100.7,203.0.113.9,\
             \"ENHANCEDSTATUSCODES,PIPELINING,8BITMIME\",20481,vmta1,job-7,,example.net/vmta1,\
             pool-a,32a41{number:015x}",
            number / 60 % 60,
            number % 60,
        )
        .expect("write");
    }
    out.flush().expect("write");
}

/// How far a process has read a file.
fn position(process: &Path, file: &Path) -> Option<u64> {
    for entry in fs::read_dir(process.join("fd")).ok()?.flatten() {
        if fs::read_link(entry.path()).is_ok_and(|target| target == file) {
            let info = fs::read_to_string(process.join("fdinfo").join(entry.file_name())).ok()?;
            return info.lines().next()?.strip_prefix("pos:")?.trim().parse().ok();
        }
    }
    None
}

fn kib(process: &str, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("{process}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}
