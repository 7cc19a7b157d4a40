//! Which files are read, and from where on.

use super::*;

impl Case {
    /// A source that does what it is told, step by step.
    fn by_hand(&self) -> Source<'_> {
        Source::open(self.config(Start::Beginning), &self.counters).expect("a source")
    }

    /// What is found by it, where nothing is read yet.
    fn list(&self, source: &mut Source<'_>) {
        let mut recorder = self.recorder(&CancellationToken::new());
        source.list(&mut recorder).unwrap_or_else(|_| panic!("files are listed"));
    }
}

#[test]
fn start_at_the_end_passes_over_what_is_compressed() {
    let mut case = Case::new("*");
    fs::write(case.file("a.gz"), gzip(&lines(0..500))).expect("written");
    case.write("b", &lines(500..505));
    case.age("a.gz");
    case.start_at(Start::End);
    let deadline = Instant::now() + PATIENCE;
    while case.counters.files.get() < 2 {
        assert!(Instant::now() < deadline);
        thread::yield_now();
    }
    case.write("b", &lines(505..507));
    case.wait_for_lines(2);
    case.stop();
    // Also after a restart, and though what comes now is compressed as well.
    fs::write(case.file("c.gz"), gzip(&lines(507..509))).expect("written");
    case.age("c.gz");
    case.start_at(Start::End);
    case.wait_for_lines(4);
    assert_eq!(case.recipients(), wanted(505..509));
    assert_eq!(case.counters.lines.get(), 4);
}

/// Rotated behind the last look for files, while one was read for long.
#[test]
fn rotated_file_that_was_never_seen_is_read_after_a_restart() {
    let mut case = Case::new("mail.log");
    case.write("mail.log", &lines(0..3));
    let mut source = case.by_hand();
    case.list(&mut source);
    source.all_taken_at -= Duration::from_secs(120);
    source.checkpoint(true);
    drop(source);
    fs::rename(case.file("mail.log"), case.file("mail.log.2")).expect("rotated");
    case.write("mail.log.1", &lines(3..6));
    let file = File::options().append(true).open(case.file("mail.log.1")).expect("opened");
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("aged");
    case.write("mail.log", &lines(6..8));
    case.start();
    case.wait_for_lines(8);
    let mut recipients = case.recipients();
    recipients.sort();
    assert_eq!(recipients, wanted(0..8));
}

#[test]
fn file_that_was_never_begun_is_known_again_though_it_was_compressed() {
    let mut case = Case::new("mail.log");
    case.write("mail.log", &lines(0..3));
    let mut source = case.by_hand();
    case.list(&mut source);
    source.checkpoint(true);
    drop(source);
    fs::remove_file(case.file("mail.log")).expect("removed");
    fs::write(case.file("mail.log.1.gz"), gzip(&lines(0..3))).expect("written");
    case.age("mail.log.1.gz");
    case.write("mail.log", &lines(3..5));
    case.start();
    case.wait_for_lines(5);
    let mut recipients = case.recipients();
    recipients.sort();
    assert_eq!(recipients, wanted(0..5));
}

#[test]
fn files_that_are_too_many_count_as_unread() {
    let case = Case::new("*.log");
    for number in 0..3 {
        case.write(&format!("{number}.log"), &lines(number..number + 1));
    }
    let mut source = case.by_hand();
    source.files_max = 2;
    case.list(&mut source);
    assert_eq!((source.tracked.len(), source.has_told_too_many), (2, true));
    assert_eq!(source.left_bytes, lines(0..1).len() as u64);
    fs::remove_file(case.file("0.log")).expect("removed");
    source.files_max = 3;
    case.list(&mut source);
    assert_eq!((source.tracked.len(), source.has_told_too_many, source.left_bytes), (3, false, 0));
}

/// Another file with the same inode, or the same one written anew.
#[test]
fn compressed_file_that_was_replaced_is_read_from_its_start() {
    let mut case = Case::new("segment*");
    fs::write(case.file("segment1"), gzip(&lines(0..3))).expect("written");
    case.age("segment1");
    case.start();
    case.wait_for_lines(3);
    fs::write(case.file("segment1"), gzip(&lines(10..20))).expect("written");
    case.wait_for_lines(13);
    assert_eq!(case.recipients(), [wanted(0..3), wanted(10..20)].concat());
}

/// Entries of the journal: the last one is not complete.
#[test]
fn entry_that_is_not_complete_does_not_hold_up_the_place() {
    let mut case = Case::new("journal");
    let entry = |number: u32| {
        let line = lines(number..number + 1);
        let (_, text) = line.trim_end().split_once("]: ").expect("a line of syslog");
        format!(
            "__REALTIME_TIMESTAMP=1795341600123456\nSYSLOG_IDENTIFIER=postfix/smtp\n\
             MESSAGE={text}\n\n"
        )
    };
    let whole: String = (0..3).map(entry).collect();
    let next = entry(3);
    let (first, rest) = next.split_once("MESSAGE").expect("its last field");
    case.write("journal", &(whole.clone() + first));
    case.start();
    case.wait_for_lines(14);
    case.stop();
    let checkpoint = Checkpoint::read(&case.folder.path().join("test.checkpoint"));
    let checkpoint = checkpoint.expect("it is read").expect("it is there");
    assert_eq!(checkpoint.marks[0].offset, whole.len() as u64);
    assert_eq!(checkpoint.marks[0].lines, 12);
    case.write("journal", &format!("MESSAGE{rest}"));
    case.start();
    case.wait_for_lines(18);
    assert_eq!(case.recipients(), wanted(0..4));
    assert_eq!((case.counters.lines.get(), case.counters.malformed_lines.get()), (18, 0));
}
