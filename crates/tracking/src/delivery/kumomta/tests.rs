use super::*;
use crate::delivery::{Format, Lines, tests::check_golden};
use proptest::prelude::*;

#[test]
fn golden_files_hold() {
    for name in ["types", "malformed"] {
        check_golden(Format::KumoMta, name);
    }
}

fn reader() -> Lines {
    Lines::new(Format::KumoMta, &Reading::new(Timestamp(1_795_341_600_000)))
}

#[test]
fn line_has_a_limit() {
    let line = vec![b' '; LINE_OCTETS_MAX + 1];
    let line = [&line[..], b"{}"].concat();
    assert!(reader().line(&line, &mut Vec::new()).is_err());
}

#[test]
fn json_too_deep_is_told() {
    let line = "[".repeat(100_000);
    let error = reader().line(line.as_bytes(), &mut Vec::new()).expect_err("it is too deep");
    assert!(error.reason.starts_with("is no JSON"), "{error}");
}

proptest! {
    /// Every record of an array becomes an event, or the line is told as wrong.
    #[test]
    fn no_record_is_lost_silently(records in proptest::collection::vec(
        ("(Delivery|Bounce|TransientFailure|OOB|x)", 0_u64..3_000_000_000, any::<bool>()), 1..20)
    ) {
        let (mut right, mut values) = (0, Vec::new());
        for (kind, timestamp, has_recipient) in &records {
            let recipient = if *has_recipient { "ann@example.com".into() } else { Value::Null };
            values.push(serde_json::json!({
                "type": kind, "timestamp": timestamp, "recipient": recipient,
            }));
            right += usize::from(*has_recipient && kind != "x");
        }
        let mut events = Vec::new();
        let read = reader().line(Value::Array(values).to_string().as_bytes(), &mut events);
        prop_assert_eq!(events.len(), right);
        prop_assert_eq!(read.is_ok(), right == records.len());
    }

    #[test]
    fn octets_never_panic(lines in proptest::collection::vec(any::<Vec<u8>>(), 0..20)) {
        let mut reader = reader();
        for line in lines {
            drop(reader.line(&line, &mut Vec::new()));
        }
    }
}
