use super::*;
use crate::feeders::sink::Item;
use tracking::ids::{MessageId, Timestamp};

fn check(status: u16, is_patient: bool, right: &str) {
    let status = StatusCode::from_u16(status).expect("a status");
    let judged = judge(status, None, is_patient);
    let told = match &judged {
        Ok(_) => "arrived",
        Err(SendError::Retry { .. }) => "again",
        Err(SendError::TooLarge { .. }) => "halves",
        Err(SendError::Refused { .. }) => "find the event",
        Err(SendError::Unauthorized { .. }) => "operator",
    };
    assert_eq!(told, right, "{status}: {judged:?}");
}

#[test]
fn success_alone_is_success() {
    for status in [200, 201, 202, 204] {
        check(status, false, "arrived");
    }
    for status in [301, 302, 304, 307, 308] {
        check(status, false, "again");
    }
}

#[test]
fn what_an_endpoint_says_of_itself_costs_no_event() {
    for status in [402, 404, 405, 408, 415, 421, 425, 429, 451, 500, 502, 503, 504, 507, 599] {
        check(status, false, "again");
    }
    for status in [401, 403, 410] {
        check(status, false, "operator");
    }
}

#[test]
fn a_batch_is_taken_apart_when_patience_has_ended() {
    check(413, true, "halves");
    for status in [400, 409, 422] {
        check(status, true, "again");
        check(status, false, "find the event");
    }
}

#[test]
fn how_long_to_wait_is_passed_on() {
    let after = Some(Duration::from_secs(7));
    let reason = "status 429 Too Many Requests".to_owned();
    let judged = judge(StatusCode::TOO_MANY_REQUESTS, after, false);
    assert_eq!(judged, Err(SendError::Retry { reason, status: Some(429), after }));
}

fn batch(numbers: std::ops::Range<u8>) -> Batch {
    let items = numbers.map(|number| Item {
        event_id: EventId::new(Timestamp(0), [number; 10]),
        message_id: MessageId::UNKNOWN,
        range: 0..0,
    });
    Batch { id: uuid::Uuid::nil(), attempts: 0, items: items.collect(), body: Vec::new() }
}

#[test]
fn parts_inherit_the_time_of_the_whole() {
    let (mut refusal, patience) = (Refusal::default(), Duration::from_secs(60));
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    assert!(refusal.is_patient(&batch(0..8), patience, at(0)));
    assert!(refusal.is_patient(&batch(0..8), patience, at(59)));
    assert!(!refusal.is_patient(&batch(0..8), patience, at(60)));
    refusal.arrived(&batch(0..4));
    assert!(!refusal.is_patient(&batch(4..8), patience, at(61)));
    assert!(refusal.is_patient(&batch(8..9), patience, at(62)), "another batch");
    refusal.arrived(&batch(9..12));
    assert!(!refusal.is_patient(&batch(8..9), patience, at(63)), "others are taken meanwhile");
    assert!(refusal.is_patient(&batch(12..13), patience, at(200)), "a later one");
}
