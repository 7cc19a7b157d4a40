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

/// What the events of a delivery keep besides, where its metadata and reply are so large.
fn kept(recipients: usize, metadata: usize, reply: usize) -> (Vec<bool>, Result<(), LineError>) {
    let recipients: Vec<_> = (0..recipients).map(|number| format!("{number}@b.example")).collect();
    let line = serde_json::json!({
        "type": "Delivery", "timestamp": 1_795_341_600, "recipient": recipients,
        "meta": {"of": "x".repeat(metadata)}, "response": {"code": 250, "content": "y".repeat(reply)},
    });
    let mut events = Vec::new();
    let read = reader().line(line.to_string().as_bytes(), &mut events);
    let has_kept = |event: &crate::event::Event| {
        event.occurrence.attempt().is_some_and(|attempt| attempt.other.contains_key("meta"))
    };
    (events.iter().map(has_kept).collect(), read)
}

#[test]
fn metadata_is_kept_as_far_as_memory_allows() {
    for (recipients, metadata) in [(1, 200 << 10), (RECIPIENTS_MAX, 4 << 10), (50, 200 << 10)] {
        assert_eq!(kept(recipients, metadata, 2), (vec![true; recipients], Ok(())));
    }
    for (recipients, metadata) in [(1, 1 << 20), (RECIPIENTS_MAX, 32 << 10)] {
        let (events, read) = kept(recipients, metadata, 2);
        assert_eq!(events, vec![false; recipients], "each recipient has its event");
        let told = read.expect_err("it is told").reason;
        assert!(told.ends_with("metadata is left out"), "{told}");
    }
    let (events, read) = kept(RECIPIENTS_MAX, 0, 32 << 10);
    assert!(events.is_empty() && read.is_err(), "a reply has no business to be so long");
}

/// A report with the whole message, as KumoMTA has it in its log.
#[test]
fn report_of_feedback_may_have_a_large_message() {
    let message = format!("X-Sp-Message-Id: 00abe5d4f7e64a1cd3b5\r\n\r\n{}", "x".repeat(8 << 20));
    let line = serde_json::json!({
        "type": "Feedback", "timestamp": 1_795_341_600, "recipient": "fbl@shop.example",
        "feedback_report": {"feedback_type": "abuse", "original_message": message},
    });
    let mut events = Vec::new();
    reader().line(line.to_string().as_bytes(), &mut events).expect("it is read");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].message_id.to_string(), "00abe5d4f7e64a1cd3b5");
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
