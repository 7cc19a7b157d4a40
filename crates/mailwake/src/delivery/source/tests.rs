mod listing;

use super::*;
use crate::event_log::{EventLog, LogConfig, Position, reader::Entry};
use flate2::{Compression, write::GzEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    sync::Arc,
    thread::{self, JoinHandle},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tracking::event::Occurrence;

const PATIENCE: Duration = Duration::from_secs(20);

/// A folder of logs, a source that reads in it, and the event log.
struct Case {
    folder: TempDir,
    log: EventLog,
    counters: Arc<SourceCounters>,
    running: Option<(CancellationToken, JoinHandle<()>)>,
    path: String,
}

impl Case {
    /// A source of what is at this path in the folder.
    fn new(path: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        fs::create_dir(folder.path().join("logs")).expect("folder");
        let (log, _) = EventLog::open(&LogConfig::new(folder.path().join("log"))).expect("a log");
        let counters = Arc::new(SourceCounters::new("test"));
        let path = format!("{}/logs/{path}", folder.path().display());
        Self { folder, log, counters, running: None, path }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("logs").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let file = File::options().append(true).create(true).open(self.file(name));
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
    }

    /// Makes a file one of yesterday.
    fn age(&self, name: &str) {
        let file = File::options().append(true).open(self.file(name)).expect("opened");
        file.set_modified(SystemTime::now() - Duration::from_secs(86_400)).expect("aged");
    }

    fn start(&mut self) {
        self.start_at(Start::Beginning);
    }

    fn config(&self, start: Start) -> SourceConfig {
        SourceConfig {
            name: "test".into(),
            format: Format::Postfix,
            place: self.path.parse().expect("a path"),
            start,
            reading: Reading::new(Timestamp(0)),
            line_octets_max: 1_000,
            checkpoint: Some(self.folder.path().join("test.checkpoint")),
        }
    }

    fn recorder(&self, shutdown: &CancellationToken) -> Recorder {
        Recorder::of_log(self.log.writer(), shutdown.clone()).expect("a recorder")
    }

    fn start_at(&mut self, start: Start) {
        let (config, shutdown) = (self.config(start), CancellationToken::new());
        let recorder = self.recorder(&shutdown);
        let counters = self.counters.clone();
        let thread = thread::spawn(move || run(config, recorder, &counters).expect("it reads"));
        self.running = Some((shutdown, thread));
    }

    fn stop(&mut self) {
        let (shutdown, thread) = self.running.take().expect("it runs");
        shutdown.cancel();
        thread.join().expect("it ends");
    }

    /// Waits until so many lines were read in all.
    fn wait_for_lines(&self, lines: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.counters.lines.get() < lines {
            assert!(Instant::now() < deadline, "{} of {lines} lines", self.counters.lines.get());
            thread::yield_now();
        }
    }

    /// The recipients of all events, in order; each event once, however often it was recorded.
    fn recipients(&mut self) -> Vec<String> {
        self.stop();
        let mut reader = self.log.reader(Position::START);
        let (mut seen, mut recipients) = (BTreeSet::new(), Vec::new());
        while let Some(entry) = reader.read().expect("the log is read") {
            let Entry::Event { event, .. } = entry else { panic!("damage") };
            if seen.insert(event.event_id) {
                let Occurrence::Delivery(reply) = event.occurrence else { panic!("{event:?}") };
                recipients.push(reply.attempt.expect("of a record").rcpt_to);
            }
        }
        recipients
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if let Some((shutdown, _)) = &self.running {
            shutdown.cancel();
        }
    }
}

/// A delivery to each of these, a line each.
fn lines(range: std::ops::Range<u32>) -> String {
    let line = |number: u32| {
        format!(
            "2026-11-22T09:00:00Z mx postfix/smtp[1]: {number:012X}: to=<{number}@b.example>, \
             relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)\n"
        )
    };
    range.map(line).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).expect("compressed");
    gzip.finish().expect("compressed")
}

fn wanted(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("{number}@b.example")).collect()
}

#[test]
fn what_is_written_is_recorded_and_an_unfinished_line_waits() {
    let mut case = Case::new("mail.log");
    let text = lines(0..10);
    let (first, rest) = text.split_at(text.len() - 30);
    case.write("mail.log", first);
    case.start();
    case.wait_for_lines(9);
    case.write("mail.log", rest);
    case.wait_for_lines(10);
    assert_eq!(case.recipients(), wanted(0..10));
    assert_eq!(case.counters.malformed_lines.get(), 0);
}

#[test]
fn file_may_come_later() {
    let mut case = Case::new("mail.log");
    case.start();
    case.write("other.log", "what is this\n");
    case.write("mail.log", &lines(0..3));
    case.wait_for_lines(3);
    assert_eq!(case.recipients(), wanted(0..3));
}

#[test]
fn reading_goes_on_after_a_restart() {
    let mut case = Case::new("mail.log");
    case.write("mail.log", &lines(0..5));
    case.start();
    case.wait_for_lines(5);
    case.stop();
    case.write("mail.log", &lines(5..8));
    case.start();
    case.wait_for_lines(8);
    assert_eq!(case.recipients(), wanted(0..8));
    assert_eq!(case.counters.lines.get(), 8, "no line was read twice");
}

#[test]
fn start_at_the_end_reads_what_comes() {
    let mut case = Case::new("mail.log");
    case.write("mail.log", &lines(0..5));
    case.start_at(Start::End);
    let deadline = Instant::now() + PATIENCE;
    while case.counters.files.get() == 0 {
        assert!(Instant::now() < deadline);
        thread::yield_now();
    }
    case.write("mail.log", &lines(5..7));
    case.wait_for_lines(2);
    assert_eq!(case.recipients(), wanted(5..7));
}

#[test]
fn rotated_file_is_read_to_its_end() {
    let mut case = Case::new("mail.log");
    case.write("mail.log", &lines(0..5));
    case.write("mail.log.1", &lines(90..95));
    case.age("mail.log.1");
    case.start();
    case.wait_for_lines(5);
    fs::rename(case.file("mail.log"), case.file("mail.log.1")).expect("rotated");
    case.write("mail.log.1", &lines(5..7));
    case.write("mail.log", &lines(7..9));
    case.wait_for_lines(9);
    assert_eq!(case.recipients(), wanted(0..9));
}

/// Rotated twice, and what was read compressed.
#[test]
fn what_was_rotated_and_compressed_meanwhile_is_read() {
    let mut case = Case::new("mail.log");
    case.write("mail.log.1", &lines(90..95));
    case.age("mail.log.1");
    case.write("mail.log", &lines(0..5));
    case.start();
    case.wait_for_lines(5);
    case.stop();
    fs::write(case.file("mail.log.2.gz"), gzip(&lines(0..7))).expect("written");
    fs::remove_file(case.file("mail.log")).expect("removed");
    case.write("mail.log-1", &lines(7..9));
    case.write("mail.log", &lines(9..11));
    case.start();
    case.wait_for_lines(11);
    let mut recipients = case.recipients();
    recipients.sort_by_key(|recipient| (recipient.len(), recipient.clone()));
    assert_eq!(recipients, wanted(0..11));
    assert_eq!(case.counters.lines.get(), 11, "no line was read twice");
}

#[test]
fn truncated_file_is_read_anew_and_its_copy_to_the_end() {
    let mut case = Case::new("mail.log");
    case.write("mail.log", &lines(0..5));
    case.start();
    case.wait_for_lines(5);
    case.stop();
    case.write("mail.log", &lines(5..7));
    fs::copy(case.file("mail.log"), case.file("mail.log.1")).expect("copied");
    fs::write(case.file("mail.log"), lines(7..8)).expect("truncated");
    case.start();
    case.wait_for_lines(8);
    assert_eq!(case.recipients(), wanted(0..8));
}

#[test]
fn truncated_file_is_noticed_while_it_is_read() {
    let mut case = Case::new("mail.log");
    case.write("mail.log", &lines(0..5));
    case.start();
    case.wait_for_lines(5);
    File::create(case.file("mail.log")).expect("truncated");
    // As long as before, with other content.
    case.write("mail.log", &lines(10..15));
    case.wait_for_lines(10);
    assert_eq!(case.recipients(), [wanted(0..5), wanted(10..15)].concat());
}

#[test]
fn files_of_a_folder_are_read_compressed_or_not() {
    let mut case = Case::new("");
    case.write("a", &lines(0..2));
    let zstd = compress_to_vec(lines(2..4).as_bytes(), CompressionLevel::Fastest);
    let more = compress_to_vec(lines(4..6).as_bytes(), CompressionLevel::Fastest);
    fs::write(case.file("b"), [zstd, more].concat()).expect("written");
    case.start();
    case.write("c", &lines(6..8));
    case.wait_for_lines(8);
    let mut recipients = case.recipients();
    recipients.sort();
    assert_eq!(recipients, wanted(0..8));
}

#[test]
fn segment_that_is_not_complete_is_read_on_when_it_is() {
    let mut case = Case::new("segment*");
    let whole = compress_to_vec(lines(0..4_000).as_bytes(), CompressionLevel::Fastest);
    fs::write(case.file("segment1"), &whole[..whole.len() - 9]).expect("written");
    case.start();
    case.wait_for_lines(1);
    fs::write(case.file("segment1"), &whole).expect("written");
    case.wait_for_lines(4_000);
    assert_eq!(case.recipients(), wanted(0..4_000));
}

#[test]
fn malformed_and_long_lines_do_not_stop_the_rest() {
    let mut case = Case::new("mail.log");
    let long = "x".repeat(2_000);
    case.write("mail.log", &format!("hello\n{}{long}\n{}", lines(0..2), lines(2..3)));
    case.start();
    case.wait_for_lines(5);
    assert_eq!(case.recipients(), wanted(0..3));
    assert_eq!(case.counters.malformed_lines.get(), 2);
}

/// As after a kill behind the append, and in front of the checkpoint.
#[test]
fn line_that_is_read_again_gives_the_same_event() {
    let mut case = Case::new("mail.log");
    case.write("mail.log", &lines(0..5));
    case.start();
    case.wait_for_lines(5);
    case.stop();
    fs::remove_file(case.folder.path().join("test.checkpoint")).expect("removed");
    case.start();
    case.wait_for_lines(10);
    assert_eq!(case.recipients(), wanted(0..5));
}

#[test]
fn file_that_cannot_be_read_does_not_stop_the_others() {
    let mut case = Case::new("*.log");
    let broken = compress_to_vec(lines(0..2).as_bytes(), CompressionLevel::Fastest);
    fs::write(case.file("b.log"), &broken[..6]).expect("written");
    case.age("b.log");
    case.write("c.log", &lines(0..3));
    case.start();
    case.wait_for_lines(3);
    assert_eq!(case.recipients(), wanted(0..3));
}
