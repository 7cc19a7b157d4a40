use super::*;
use crate::delivery::{
    Format, Lines, Reading,
    tests::{check_golden, events},
};
use proptest::prelude::*;

#[test]
fn golden_files_hold() {
    check_golden(Format::Momentum, "types");
    check_golden(Format::Momentum, "malformed");
    check_golden(Format::MomentumBouncelog, "types");
}

fn reader() -> Lines {
    Lines::new(Format::Momentum, &Reading::new(Timestamp(1_795_341_600_000)))
}

const LINES: [&str; 2] = [
    "1795338000@00/00-25004-31B987F3@b@c@R@ann@example.com@news@shop.example@192.0.2.1@7@esmtp@g@v",
    "1795338005@00/00-25004-31B987F3@b@c@D@example.com@7@g@v@0@5@203.0.113.9",
];

#[test]
fn recipient_is_known_again_after_a_restart() {
    let all = events(&mut reader(), &LINES);
    assert_eq!(all[0].occurrence.attempt().expect("a record").rcpt_to, "ann@example.com");
    let mut first = reader();
    events(&mut first, &LINES[..1]);
    let mut second = reader();
    second.restore(&first.state().expect("a state"));
    assert_eq!(events(&mut second, &LINES[1..]), all);
    assert_eq!(second.state(), None);
}

#[test]
fn what_is_no_address_is_not_remembered() {
    let mut remembered = Remembered::default();
    remembered.keep("1", "ann\t@example.com", "");
    remembered.keep("2", "", "news\r@example.com");
    remembered.keep("3\n", "", "");
    assert_eq!(remembered.state(), None);
}

#[test]
fn without_a_reception_the_recipient_is_unknown() {
    let all = events(&mut reader(), &LINES[1..]);
    assert_eq!(all[0].occurrence.attempt().expect("a record").rcpt_to, "");
    assert_eq!(all[0].occurrence.queue_id(), Some("00/00-25004-31B987F3"));
}

#[test]
fn what_is_remembered_has_a_limit() {
    let mut remembered = Remembered::default();
    for number in 0..remembered::MESSAGES_MAX + 10 {
        remembered.keep("again", "", "");
        remembered.keep(&number.to_string(), "a@b", "");
    }
    assert_eq!(remembered.of("9"), None);
    assert_eq!(remembered.of("again"), Some(("", "")));
    assert!(remembered.state().is_some_and(|state| state.len() < 2_000_000));
}

proptest! {
    #[test]
    fn octets_never_panic(lines in proptest::collection::vec(any::<Vec<u8>>(), 0..20)) {
        let mut reader = reader();
        for line in lines {
            drop(reader.line(&line, &mut Vec::new()));
        }
    }

    /// A line of a type that tells something is an event, or is told as wrong.
    #[test]
    fn no_line_is_lost_silently(
        lines in proptest::collection::vec(("(D|T|P)", "[ -~@]{0,80}"), 0..20)
    ) {
        let mut reader = reader();
        for (kind, rest) in lines {
            let line = format!("1795338005@id@b@c@{kind}@{rest}");
            let mut events = Vec::new();
            let read = reader.line(line.as_bytes(), &mut events);
            let is_told_by_the_mainlog = kind == "T" && read.is_ok() && events.is_empty();
            prop_assert!(read.is_err() || events.len() == 1 || is_told_by_the_mainlog);
        }
    }
}
