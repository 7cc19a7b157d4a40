use super::*;
use crate::event_log::{EventLog, LogConfig};
use tracking::ids::Timestamp;

fn check_values(body: &str, wanted: Option<&[&str]>) {
    let wanted: Option<Vec<_>> =
        wanted.map(|all| all.iter().map(|value| value.as_bytes()).collect());
    assert_eq!(values(body.as_bytes()), wanted, "{body}");
}

#[test]
fn body_is_an_object_a_list_or_lines() {
    check_values("{\"a\": 1}", Some(&["{\"a\": 1}"]));
    check_values(" [ {\"a\":1} , {\"b\":[2,3]} ]\n", Some(&["{\"a\":1}", "{\"b\":[2,3]}"]));
    check_values("{\"a\":1}\n{\"b\":2}\r\n", Some(&["{\"a\":1}", "{\"b\":2}"]));
    check_values("[]", Some(&[]));
    check_values("", Some(&[]));
    for wrong in ["hello", "{", "[{}", "[{},]", "[{} {}]", "{}]"] {
        check_values(wrong, None);
    }
}

/// What is answered, and how many events are on disk then, and records malformed.
async fn recorded(config: HttpConfig, request: Request<Full<Bytes>>) -> (StatusCode, u64, u64) {
    let folder = tempfile::tempdir().expect("folder");
    let (log, _) = EventLog::open(&LogConfig::new(folder.path())).expect("a log");
    let counters = Arc::new(SourceCounters::new("http"));
    let endpoint = Endpoint { config, writer: log.writer(), counters: counters.clone() };
    let status = endpoint.answer(request).await.status();
    (status, counters.events.get(), counters.malformed_lines.get())
}

async fn posted(config: HttpConfig, request: Request<Full<Bytes>>) -> (StatusCode, u64) {
    let (status, events, _malformed) = recorded(config, request).await;
    (status, events)
}

fn config() -> HttpConfig {
    HttpConfig {
        path: "/records".into(),
        token: Some("secret".into()),
        body_octets_max: 4_096,
        connections_max: 4,
        timeout: Duration::from_secs(5),
        reading: Reading::new(Timestamp(0)),
    }
}

const RECORD: &str = r#"{"type":"Delivery","id":"d7ef132b5d7711eea8c8000c29c33806","sender":"n@shop.example","recipient":"ann@example.com","queue":"example.com","size":7,"response":{"code":250,"enhanced_code":null,"content":"OK","command":null},"peer_address":{"name":"mx.","addr":"203.0.113.9"},"timestamp":1795341600,"created":1795341599,"num_attempts":0,"headers":{}}"#;

fn post(authorization: &str, body: String) -> Request<Full<Bytes>> {
    let request = Request::post("/records").header(header::AUTHORIZATION, authorization);
    request.body(Full::new(body.into())).expect("a request")
}

#[tokio::test]
async fn records_are_taken_from_those_who_have_the_token() {
    let list = || format!("[{RECORD},{}]", RECORD.replace("ann@", "bob@"));
    // `kumo:secret`
    for right in ["Bearer secret", "bearer secret", "Basic a3VtbzpzZWNyZXQ="] {
        assert_eq!(posted(config(), post(right, list())).await, (StatusCode::OK, 2), "{right}");
    }
    for wrong in ["Bearer Secret", "Basic secret", "Bearer", "Digest secret", "Basic c2VjcmV0"] {
        let refused = posted(config(), post(wrong, list())).await;
        assert_eq!(refused, (StatusCode::UNAUTHORIZED, 0), "{wrong}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_answered() {
    let status = async |request| posted(config(), request).await.0;
    let right = "Bearer secret";
    let elsewhere = Request::post("/").body(Full::default()).expect("a request");
    assert_eq!(status(elsewhere).await, StatusCode::NOT_FOUND);
    let got = Request::get("/records").body(Full::default()).expect("a request");
    assert_eq!(status(got).await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(status(post(right, "hello".into())).await, StatusCode::BAD_REQUEST);
    assert_eq!(status(post(right, "x".repeat(5_000))).await, StatusCode::PAYLOAD_TOO_LARGE);
    // The others are not held up.
    let mixed = format!("{{\"type\":7}}\n{RECORD}\n");
    assert_eq!(posted(config(), post(right, mixed)).await, (StatusCode::OK, 1));
}

#[tokio::test]
async fn record_that_no_log_takes_does_not_hold_up_the_others() {
    let config = HttpConfig { body_octets_max: 16 << 20, ..config() };
    let large = RECORD.replace("\"OK\"", &format!("\"{}\"", "x".repeat(2 << 20)));
    let bob = RECORD.replace("ann@", "bob@");
    let list = post("Bearer secret", format!("[{RECORD},{large},{bob}]"));
    assert_eq!(recorded(config, list).await, (StatusCode::OK, 2, 1));
}

#[tokio::test]
async fn request_of_many_records_is_recorded_to_its_end() {
    let config = HttpConfig { body_octets_max: 16 << 20, ..config() };
    let record = |number: usize| RECORD.replace("ann@", &format!("{number}@"));
    let lines: Vec<_> = (0..2 * APPEND_EVENTS + 1).map(record).collect();
    let posted = posted(config, post("Bearer secret", lines.join("\n"))).await;
    assert_eq!(posted, (StatusCode::OK, 2 * APPEND_EVENTS as u64 + 1));
}

#[tokio::test]
async fn log_that_takes_nothing_is_told_to_come_again() {
    let folder = tempfile::tempdir().expect("folder");
    let (log, _) = EventLog::open(&LogConfig::new(folder.path())).expect("a log");
    let counters = Arc::new(SourceCounters::new("http"));
    let endpoint = Endpoint { config: config(), writer: log.writer(), counters: counters.clone() };
    log.close();
    let refused = endpoint.answer(post("Bearer secret", RECORD.into())).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[header::RETRY_AFTER], "5");
    assert_eq!((counters.events.get(), counters.retries.get()), (0, 1));
}
