use super::*;
use crate::{
    delivery::{Format, Lines, tests::check_golden},
    event::Event,
    ids::Timestamp,
};
use proptest::prelude::*;

#[test]
fn golden_files_hold() {
    for name in ["types", "headers", "default_columns", "quoted", "pipe", "malformed"] {
        check_golden(Format::PowerMta, name);
    }
}

fn reader() -> Lines {
    Lines::new(Format::PowerMta, &Reading::new(Timestamp(1_795_341_600_000)))
}

fn events(reader: &mut Lines, lines: &[&str]) -> Vec<Event> {
    let mut events = Vec::new();
    for line in lines {
        reader.line(line.as_bytes(), &mut events).expect("a line");
    }
    events
}

const LINES: [&str; 2] = [
    "type,timeLogged,rcpt,header_X-Sp-Message-Id",
    "d,1795341600,ann@example.com,00f3a5c7e9b1d4f60718",
];

#[test]
fn names_of_columns_are_known_again_after_a_restart() {
    let all = events(&mut reader(), &LINES);
    let mut first = reader();
    assert!(events(&mut first, &LINES[..1]).is_empty());
    let mut second = reader();
    second.restore(&first.state().expect("a state"));
    assert_eq!(events(&mut second, &LINES[1..]), all);
    assert_eq!(all.len(), 1);
}

/// A name in quotes may have a line end in it.
#[test]
fn names_of_columns_in_two_lines_are_known_again_too() {
    let mut first = reader();
    assert!(events(&mut first, &["type,\"first ", " half\",rcpt"]).is_empty());
    let state = first.state();
    assert_eq!(state.as_deref(), Some("type\nfirst   half\nrcpt"));
    let mut second = reader();
    second.restore(&state.expect("a state"));
    assert_eq!(second.state(), first.state());
}

#[test]
fn default_columns_are_no_state() {
    assert_eq!(reader().state(), None);
    let mut restored = reader();
    for state in ["", "timeLogged", "x\ny"] {
        restored.restore(state);
    }
    assert_eq!(restored.state(), None);
}

#[test]
fn rows_in_front_of_the_end_are_read_though_a_quote_is_open() {
    let mut reader = reader();
    let open = "d,1795341600,\"ann@example.com,00f3a5c7e9b1d4f60718";
    assert!(events(&mut reader, &[LINES[0], open, LINES[1]]).is_empty());
    let mut told = Vec::new();
    assert!(reader.end(&mut told).is_err());
    assert_eq!(told.len(), 1);
    assert!(!reader.is_within_record());
    assert_eq!(reader.end(&mut told), Ok(()));
}

/// The attempt and the whole event of a row with these columns.
fn told(columns: &str, row: &str) -> Event {
    let mut events = events(&mut reader(), &[columns, row]);
    assert_eq!(events.len(), 1, "{row}");
    events.remove(0)
}

#[test]
fn column_that_comes_twice_tells_what_either_of_them_tells() {
    let columns =
        "type,timeLogged,header_x-sp-message-id,rcvSourceIp,header_X-Sp-Message-Id,rcvSourceIp";
    for row in [
        "rb,1795338005,00f3a5c7e9b1d4f60718,192.0.2.1,,",
        "rb,1795338005,,,00f3a5c7e9b1d4f60718,192.0.2.1",
        "rb,1795338005,00f3a5c7e9b1d4f60718,192.0.2.1,another,",
        "rb,1795338005,another,,00f3a5c7e9b1d4f60718,192.0.2.1",
    ] {
        let event = told(columns, row);
        assert_eq!(event.message_id.to_string(), "00f3a5c7e9b1d4f60718", "{row}");
        let attempt = event.occurrence.attempt().expect("an attempt");
        assert_eq!(attempt.other["rcvSourceIp"], "192.0.2.1", "{row}");
    }
}

/// RFC 3464 §2.3.3: the case of an action does not count.
#[test]
fn action_of_a_remote_status_is_known_whatever_its_case() {
    for (action, type_name) in [("Failed", "out_of_band"), ("DELAYED", "delay")] {
        let event = told("type,timeLogged,dsnAction", &format!("rs,1795338005,{action}"));
        assert_eq!(event.occurrence.type_name(), type_name);
    }
}

#[test]
fn who_reports_a_bounce_is_kept() {
    let columns = "type,timeLogged,feedbackType,userAgent,dsnReportingMta";
    let event = told(columns, "rb,1795338005,,agent,dns; mx.example.com");
    let attempt = event.occurrence.attempt().expect("an attempt");
    assert_eq!(attempt.other["dsnReportingMta"], "dns; mx.example.com");
    assert_eq!(attempt.other["userAgent"], "agent");
}

/// RFC 5965 §3.2: Reported-Domain is the one that mail is complained of.
#[test]
fn domain_that_is_complained_of_does_not_complain() {
    let event = told("type,timeLogged,reportedDomain", "f,1795338005,shop.example");
    let Occurrence::SpamComplaint(complaint) = event.occurrence else { panic!("{event:?}") };
    assert_eq!(complaint.report_by, "");
    assert_eq!(complaint.attempt.expect("an attempt").other["reportedDomain"], "shop.example");
}

proptest! {
    /// Whatever comes, every row becomes its record, is told as wrong, or is of a type that says
    /// nothing new.
    #[test]
    fn no_row_is_lost_silently(
        rows in proptest::collection::vec(
            ("(d|b|t|tq|r|f|rb|rs|x)", "[0-9]{0,11}", "[ -~]{0,12}"), 0..20
        )
    ) {
        let mut reader = reader();
        reader.line(b"type,timeLogged,rcpt", &mut Vec::new()).expect("a header row");
        for (kind, time, rcpt) in rows {
            let quoted = rcpt.replace('"', "\"\"");
            let line = format!("{kind},{time},\"{quoted}\"");
            let mut events = Vec::new();
            let read = reader.line(line.as_bytes(), &mut events);
            let says_nothing = ["tq", "r", "rs"].contains(&kind.as_str());
            match read {
                Ok(()) => prop_assert_eq!(events.len(), usize::from(!says_nothing)),
                Err(_) => prop_assert!(events.is_empty()),
            }
            if let Some(attempt) = events.first().and_then(|event| event.occurrence.attempt()) {
                prop_assert_eq!(&attempt.rcpt_to, &rcpt);
            }
        }
    }

    #[test]
    fn octets_never_panic(lines in proptest::collection::vec(any::<Vec<u8>>(), 0..40)) {
        let mut reader = reader();
        for line in lines {
            drop(reader.line(&line, &mut Vec::new()));
        }
    }
}
