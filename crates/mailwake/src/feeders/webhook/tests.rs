mod tls;

use super::*;
use crate::{
    feeders::{
        http::Reach,
        secret::Secret,
        sink::{FedEvent, Form, Item},
    },
    net::tls::client::Verification,
};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc::{Receiver, sync_channel},
    thread,
};
use tempfile::TempDir;
use tracking::{
    event::{Event, Occurrence, Visit},
    ids::{EventId, MessageId},
};

/// A request: its first line and fields, and its body.
#[derive(Debug)]
struct Received {
    head: String,
    body: String,
}

impl Received {
    fn field(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(field, _)| *field == name).map(|(_, value)| value).next()
    }
}

/// A server that answers requests with these, status and content, on one connection each.
fn server(answers: &'static [(u16, &'static str)]) -> (Url, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}/in", listener.local_addr().expect("bound"));
    let (told, requests) = sync_channel(64);
    thread::spawn(move || {
        for (status, content) in answers {
            let (stream, _) = listener.accept().expect("a client");
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert_ne!(stream.read_line(&mut head).expect("a request"), 0, "{head}");
            }
            let mut request = Received { head, body: String::new() };
            let octets = request.field("content-length").and_then(|octets| octets.parse().ok());
            let body = &mut stream.by_ref().take(octets.unwrap_or(0));
            body.read_to_string(&mut request.body).expect("a body");
            told.send(request).expect("somebody reads");
            let answer = format!(
                "HTTP/1.1 {status} So\r\nLocation: http://127.0.0.1/\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{content}",
                content.len()
            );
            stream.get_mut().write_all(answer.as_bytes()).expect("an answer");
        }
    });
    (url.parse().expect("a URL"), requests)
}

struct Fixture {
    folder: TempDir,
    config: WebhookConfig,
}

impl Fixture {
    fn new(url: Url) -> Self {
        let http = HttpConfig {
            allows_http: true,
            reach: Reach::Internet(vec!["127.0.0.0/8".parse().expect("a network")]),
            verification: Verification::Nothing,
            own_certificate: None,
            timeout: Duration::from_secs(10),
        };
        let limits = Limits {
            events_max: 10,
            octets_max: 65_536,
            age_max: Duration::ZERO,
            event_age_max: None,
        };
        let identity = IdentityConfig {
            authentication: Authentication::None,
            headers: HeaderMap::new(),
            webhook_token: None,
            signing_secrets: None,
        };
        let (form, refused_patience) = (sparkpost::Form::default(), Duration::ZERO);
        let config = WebhookConfig { url, http, limits, form, refused_patience, identity };
        Self { folder: TempDir::new().expect("a folder"), config }
    }

    fn secret(&self, name: &str, text: &str) -> Secret {
        let file = self.folder.path().join(name);
        fs::write(&file, text).expect("written");
        Secret::File(file)
    }

    fn webhook(&self) -> Webhook {
        Webhook::load(self.config.clone(), Arc::default()).expect("a webhook")
    }

    fn with_token_server(mut self, url: Url) -> Self {
        let server = TokenServer {
            url,
            client_id: "mailwake".into(),
            client_secret: self.secret("secret", "hush\n"),
            authentication: ClientAuthentication::Basic,
            parameters: Vec::new(),
        };
        self.config.identity.authentication = Authentication::OAuth2(server);
        self
    }
}

/// A batch of opens.
fn batch(webhook: &Webhook, events: u8) -> Batch {
    let mut form = webhook.form();
    let (mut body, mut items) = (Vec::new(), Vec::new());
    for number in 0..events {
        let event = Event {
            event_id: EventId::new(Timestamp(0), [number; 10]),
            timestamp: Timestamp(1_795_219_200_500),
            message_id: MessageId::from_octets([number; 10]),
            occurrence: Occurrence::Open(Visit::default()),
            is_from_elsewhere: false,
        };
        let from = body.len();
        assert!(form.append(FedEvent { event: &event, message: None }, &mut body));
        let (event_id, message_id) = (event.event_id, event.message_id);
        items.push(Item { event_id, message_id, range: from..body.len() });
    }
    Batch { id: Uuid::from_u128(7), attempts: 0, items, body }
}

fn next(requests: &Receiver<Received>) -> Received {
    requests.recv_timeout(Duration::from_secs(10)).expect("a request")
}

#[tokio::test]
async fn a_batch_is_an_array_with_an_id() {
    let (url, requests) = server(&[(200, ""), (204, "")]);
    let mut webhook = Fixture::new(url).webhook();
    for (events, status) in [(2, 200), (1, 204)] {
        let receipt = webhook.send(&batch(&webhook, events)).await.expect("arrived");
        assert_eq!(receipt.status, Some(status));
        let request = next(&requests);
        assert!(request.head.starts_with("POST /in HTTP/1.1\r\n"), "{}", request.head);
        assert_eq!(request.field("content-type"), Some("application/json"));
        let id = Some("00000000-0000-0000-0000-000000000007");
        assert_eq!(request.field("x-messagesystems-batch-id"), id);
        assert_eq!(request.field("authorization"), None);
        assert_eq!(request.field("webhook-signature"), None);
        let array: Vec<serde_json::Value> = serde_json::from_str(&request.body).expect("JSON");
        assert_eq!(array.len(), usize::from(events));
        assert_eq!(array[0]["msys"]["track_event"]["type"], "open");
        assert_eq!(array[0]["msys"]["track_event"]["timestamp"], "1795219200");
    }
}

#[tokio::test]
async fn a_test_has_no_events() {
    let (url, requests) = server(&[(500, "")]);
    let answer = Fixture::new(url).webhook().ping().await.expect("an answer");
    assert_eq!(answer.status, 500);
    assert_eq!(next(&requests).body, "[{\"msys\":{}}]");
}

#[tokio::test]
async fn requests_say_who_sends_them() {
    let (url, requests) = server(&[(200, ""), (200, "")]);
    let mut fixture = Fixture::new(url);
    let password = fixture.secret("password", "open sesame\n");
    let identity = &mut fixture.config.identity;
    identity.authentication = Authentication::Basic { user: "Aladdin".into(), password };
    identity.headers.insert("x-api-version", HeaderValue::from_static("2"));
    fixture.config.identity.webhook_token = Some(fixture.secret("token", "5ebe2294"));
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    fixture.config.identity.signing_secrets = Some(fixture.secret("signing", secret));
    let mut webhook = fixture.webhook();
    webhook.send(&batch(&webhook, 1)).await.expect("arrived");
    let request = next(&requests);
    assert_eq!(request.field("authorization"), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    assert_eq!(request.field("x-api-version"), Some("2"));
    assert_eq!(request.field("x-messagesystems-webhook-token"), Some("5ebe2294"));
    let id = request.field("webhook-id").expect("an id");
    assert_eq!(id, "00000000-0000-0000-0000-000000000007");
    let at: i64 = request.field("webhook-timestamp").and_then(|at| at.parse().ok()).expect("time");
    assert!((Timestamp::from(SystemTime::now()).0 / 1_000 - at).abs() < 60, "{at}");
    let secrets = SigningSecrets::parse(secret).expect("a secret");
    let signed = secrets.sign(id, at, request.body.as_bytes());
    assert_eq!(request.field("webhook-signature"), Some(signed.as_str()));
    let shown = format!("{webhook:?}");
    for hidden in ["QWxhZGRp", "5ebe2294", "MfKQ9r8G", "sesame"] {
        assert!(!shown.contains(hidden), "{shown}");
    }

    fixture.config.identity.authentication = Authentication::Bearer(fixture.secret("bearer", "b4"));
    let mut webhook = fixture.webhook();
    webhook.send(&batch(&webhook, 1)).await.expect("arrived");
    assert_eq!(next(&requests).field("authorization"), Some("Bearer b4"));
}

#[tokio::test]
async fn a_secret_that_was_replaced_is_read_again() {
    let (url, requests) = server(&[(401, ""), (200, ""), (200, ""), (200, "")]);
    let mut fixture = Fixture::new(url);
    fixture.config.identity.authentication = Authentication::Bearer(fixture.secret("b", "old"));
    let mut webhook = fixture.webhook();
    fixture.secret("b", "new");
    let told = webhook.send(&batch(&webhook, 1)).await.expect_err("not known");
    assert!(matches!(told, SendError::Unauthorized { status: Some(401), .. }), "{told:?}");
    webhook.send(&batch(&webhook, 1)).await.expect("arrived");
    assert_eq!(next(&requests).field("authorization"), Some("Bearer old"));
    assert_eq!(next(&requests).field("authorization"), Some("Bearer new"));
    // Also when nobody refuses the old one; while there is none, it stays.
    for (text, right) in [("newer", "Bearer newer"), ("two\nlines", "Bearer newer")] {
        fixture.secret("b", text);
        webhook.identity_due = Instant::now();
        webhook.send(&batch(&webhook, 1)).await.expect("arrived");
        assert_eq!(next(&requests).field("authorization"), Some(right));
    }
}

const FIRST: &str = r#"{"access_token":"first","token_type":"Bearer","expires_in":3600}"#;
const SECOND: &str = r#"{"access_token":"second","token_type":"Bearer","expires_in":3600}"#;

#[tokio::test]
async fn a_token_is_kept_and_asked_for_anew_when_it_is_not_taken() {
    let (tokens_url, tokens) = server(&[(200, FIRST), (200, SECOND)]);
    let (url, requests) = server(&[(200, ""), (200, ""), (400, ""), (200, "")]);
    let mut webhook = Fixture::new(url).with_token_server(tokens_url).webhook();
    for _ in 0..3 {
        webhook.send(&batch(&webhook, 1)).await.expect("arrived");
    }
    for right in ["Bearer first", "Bearer first", "Bearer first", "Bearer second"] {
        assert_eq!(next(&requests).field("authorization"), Some(right));
    }
    let asked = next(&tokens);
    assert_eq!(asked.body, "grant_type=client_credentials");
    assert_eq!(asked.field("authorization"), Some("Basic bWFpbHdha2U6aHVzaA=="));
    assert_eq!(asked.field("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(next(&tokens).body, "grant_type=client_credentials");
}

#[tokio::test]
async fn a_token_is_asked_for_once_a_batch() {
    let (tokens_url, tokens) = server(&[(200, FIRST), (200, SECOND)]);
    let (url, _requests) = server(&[(401, ""), (200, "")]);
    let mut webhook = Fixture::new(url).with_token_server(tokens_url).webhook();
    let told = webhook.send(&batch(&webhook, 1)).await.expect_err("not known");
    assert!(matches!(told, SendError::Unauthorized { .. }), "{told:?}");
    next(&tokens);
    assert!(tokens.try_recv().is_err(), "the token was a new one");
    webhook.send(&batch(&webhook, 1)).await.expect("arrived");
    next(&tokens);
}

#[tokio::test]
async fn without_a_token_nothing_is_posted() {
    let answers = &[(401, r#"{"error":"invalid_client"}"#), (503, ""), (200, "<html>")];
    let (tokens_url, _tokens) = server(answers);
    let (url, requests) = server(&[]);
    let mut webhook = Fixture::new(url).with_token_server(tokens_url).webhook();
    let mut told = Vec::new();
    for _ in answers {
        told.push(webhook.send(&batch(&webhook, 1)).await.expect_err("no token").to_string());
    }
    assert_eq!(
        told,
        [
            "ask for a token: status 401 Unauthorized, invalid_client",
            "ask for a token: status 503 Service Unavailable",
            "ask for a token: no JSON with an access_token"
        ]
    );
    assert!(requests.recv().is_err(), "nothing was posted");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (url, _requests) = server(&[(307, "")]);
    let mut webhook = Fixture::new(url).webhook();
    let told = webhook.send(&batch(&webhook, 1)).await.expect_err("a redirect");
    let right = "status 307 Temporary Redirect: redirects are not followed";
    assert_eq!(told.to_string(), right);
}

#[tokio::test]
async fn what_is_refused_is_sent_again_for_a_while() {
    let (url, _requests) = server(&[(422, ""), (422, "")]);
    let mut fixture = Fixture::new(url);
    let told = fixture.webhook().send(&batch(&fixture.webhook(), 2)).await.expect_err("refused");
    assert!(matches!(told, SendError::Refused { status: Some(422), .. }), "{told:?}");
    fixture.config.refused_patience = Duration::from_secs(3_600);
    let told = fixture.webhook().send(&batch(&fixture.webhook(), 2)).await.expect_err("refused");
    assert!(matches!(told, SendError::Retry { status: Some(422), .. }), "{told:?}");
}

/// A name may lead somewhere else each time that it is looked up: the address counts.
#[tokio::test]
async fn neither_batches_nor_secrets_go_into_private_networks() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    listener.set_nonblocking(true).expect("set");
    let port = listener.local_addr().expect("bound").port();
    let url: Url = format!("http://localhost:{port}/").parse().expect("a URL");
    let mut fixture = Fixture::new(url.clone());
    fixture.config.http.reach = Reach::Internet(Vec::new());
    let private = "its host is not one of the internet, nor of a network that is allowed";
    let told = fixture.webhook().send(&batch(&fixture.webhook(), 1)).await.expect_err("private");
    assert_eq!(told.to_string(), private);
    let fixture = fixture.with_token_server(url);
    let told = fixture.webhook().send(&batch(&fixture.webhook(), 1)).await.expect_err("private");
    assert_eq!(told.to_string(), format!("ask for a token: {private}"));
    assert!(listener.accept().is_err(), "nobody has come");
}
