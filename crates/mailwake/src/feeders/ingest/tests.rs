use super::*;
use hyper::StatusCode;
use results::Told;

fn answer(status: u16, content: &'static str, retry_after: Option<u64>) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).expect("a status"),
        retry_after: retry_after.map(Duration::from_secs),
        content: Bytes::from_static(content.as_bytes()),
        latency: Duration::ZERO,
    }
}

#[test]
fn each_status_has_its_meaning() {
    let judged = |status| judge(&answer(status, "", None));
    assert_eq!(judged(200), Ok(Receipt { status: Some(200), duplicates: 0 }));
    for status in [301, 307, 404, 408, 415, 500, 502, 503, 504] {
        assert!(matches!(judged(status), Err(SendError::Retry { .. })), "{status}");
    }
    for status in [400, 422] {
        assert!(matches!(judged(status), Err(SendError::Refused { .. })), "{status}");
    }
    for status in [401, 403] {
        assert!(matches!(judged(status), Err(SendError::Unauthorized { .. })), "{status}");
    }
    assert!(matches!(judged(413), Err(SendError::TooLarge { .. })));
    let paused = |told| match judge(&answer(429, "", told)) {
        Err(SendError::Retry { after, .. }) => after,
        other => panic!("{other:?}"),
    };
    assert_eq!(paused(None), Some(TOO_MANY_PAUSE));
    assert_eq!(paused(Some(5)), Some(Duration::from_secs(5)));
}

#[test]
fn reasons_tell_the_messages_of_the_api_without_addresses() {
    let content =
        r#"{"errors":[{"message":"event 3 of ann@example.com\u0007 is wrong"},{"message":"x"}]}"#;
    let told = answer(400, content, None).told();
    assert_eq!(told, "status 400: event 3 of ...@... is wrong; x");
    assert_eq!(answer(502, "<html>\n Bad gateway", None).told(), "status 502: <html> Bad gateway");
    assert_eq!(answer(500, "", None).told(), "status 500");
}

#[test]
fn reasons_tell_nothing_that_is_personal_or_secret() {
    let told = |content| answer(500, content, None).told();
    assert_eq!(told("no ann%40example.com here"), "status 500: no ...@... here");
    assert_eq!(told("at https://me:pw@host/"), "status 500: at ...@...");
    let url = "see https://host/u?rcpt=ann&key=s, please";
    assert_eq!(told(url), "status 500: see https://host/u?... please");
    assert_eq!(told("https://host/a#b"), "status 500: https://host/a#...");
    assert_eq!(told("why? a://b"), "status 500: why? a://b");
}

#[test]
fn ids_of_batches_are_read_where_they_are_some() {
    let id_of = |content| id(&answer(200, content, None));
    assert_eq!(id_of(r#"{"results":{"id":"0e7c-a1"}}"#).as_deref(), Some("0e7c-a1"));
    assert_eq!(id_of(r#"{"results":{"id":"a&b=c"}}"#), None);
    assert_eq!(id_of("ok"), None);
}

#[test]
fn results_are_read_one_by_one() {
    let content = br#"{"results":[
        {"type":"success","batch_id":"a","number_succeeded":9,"number_failed":0,"number_duplicates":1},
        {"type":"nonsense"},
        {"type":"error","batch_id":"b","number_failed":2,"error_type":"validation","retryable":false},
        {"type":"error","batch_id":"c","number_succeeded":"7","number_failed":"3",
         "number_duplicates":null,"error_type":null,"retryable":"true"}]}"#;
    let told = results::read(content);
    assert_eq!(
        told,
        [
            Told {
                batch_id: "a".into(),
                number_succeeded: 9,
                number_failed: 0,
                number_duplicates: 1,
                error_type: String::new(),
                retryable: false,
            },
            Told {
                batch_id: "b".into(),
                number_succeeded: 0,
                number_failed: 2,
                number_duplicates: 0,
                error_type: "validation".into(),
                retryable: false,
            },
            Told {
                batch_id: "c".into(),
                number_succeeded: 7,
                number_failed: 3,
                number_duplicates: 0,
                error_type: String::new(),
                retryable: true,
            },
        ]
    );
    assert_eq!(results::read(b"<html>"), []);
}
