use super::*;
use crate::delivery::{
    Format, Lines,
    tests::{check_golden, events},
};

fn reading() -> Reading {
    Reading::new(Timestamp(1_795_341_600_000))
}

#[test]
fn golden_files_hold() {
    for name in ["ways", "agents", "filters", "malformed"] {
        check_golden(Format::Postfix, name);
    }
}

const LINES: [&str; 3] = [
    "Nov 22 09:00:00 mx postfix/qmgr[1]: 39D9336AFA81: from=<n@shop.example>, size=7, nrcpt=1 (queue active)",
    "Nov 22 09:00:01 mx postfix/smtp[1]: 39D9336AFA81: to=<a@b.example>, relay=none, delay=1, \
     delays=0/0/0/1, dsn=4.4.1, status=deferred (connect to mx[192.0.2.1]:25: Connection refused)",
    "Nov 27 09:00:01 mx postfix/qmgr[1]: 39D9336AFA81: from=<n@shop.example>, status=expired, \
     returned to sender",
];

#[test]
fn reading_goes_on_after_a_restart_with_what_was_known() {
    let all = events(&mut Lines::new(Format::Postfix, &reading()), &LINES);
    assert_eq!(all.len(), 2);
    let mut first = Lines::new(Format::Postfix, &reading());
    let mut told = events(&mut first, &LINES[..2]);
    let mut second = Lines::new(Format::Postfix, &reading());
    second.restore(&first.state().expect("a state"));
    told.extend(events(&mut second, &LINES[2..]));
    assert_eq!(told, all);
}

#[test]
fn state_of_another_mailwake_is_passed_over() {
    let mut reader = Lines::new(Format::Postfix, &reading());
    for state in ["", "{", "[]", "[1,2,3]"] {
        reader.restore(state);
    }
    assert_eq!(events(&mut reader, &LINES).len(), 2);
}

#[test]
fn same_line_has_the_same_id_wherever_it_is_read() {
    let ids = |lines: &[&str]| {
        let events = events(&mut Lines::new(Format::Postfix, &reading()), lines);
        events.iter().map(|event| event.event_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&LINES[1..2]), ids(&LINES)[..1]);
    assert_eq!(ids(&[LINES[1], LINES[1]])[0], ids(&[LINES[1], LINES[1]])[1]);
    assert_ne!(ids(&LINES)[0], ids(&LINES)[1]);
}

#[test]
fn what_is_known_of_mail_has_a_limit() {
    let mut postfix = Postfix::new(&reading());
    for index in 0..60_000 {
        let line = format!("Nov 22 09:00:00 mx postfix/qmgr[1]: {index:012X}: from=<a@b>, size=1");
        postfix.line(line.as_bytes(), &mut Vec::new()).expect("a line");
    }
    assert!(!postfix.mail.has(&format!("{:012X}", 9_000)));
    assert!(postfix.mail.has(&format!("{:012X}", 59_999)));
}
