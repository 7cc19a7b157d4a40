//! Posts batches of events to a webhook, in the form of SparkPost: an array of JSON, with the
//! id of the batch in a field, the same however often the batch is sent. Any 2xx says that it
//! has arrived; no redirect is followed. What is signed, and how, is told in docs/webhooks.md.

mod answer;
mod authorization;
mod identity;
mod signature;
#[cfg(test)]
mod tests;

pub use authorization::ClientAuthentication;
pub use identity::{Authentication, IdentityConfig, IdentityError, TokenServer};
pub use signature::{ID_FIELD, SIGNATURE_FIELD, SecretsError, SigningSecrets, TIMESTAMP_FIELD};

use super::{
    form::SparkPost,
    http::{Answer, Call, Client, HttpConfig, HttpError, Url},
    sink::{Batch, Limits, Receipt, SendError, Sink},
};
use crate::net::tls::TlsError;
use answer::{Refusal, is_refusal, judge};
use authorization::{Authorization, Token, error_of};
use bytes::Bytes;
use hyper::{
    HeaderMap, Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
};
use identity::Identity;
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tracking::{bounce::Rules, ids::Timestamp, sparkpost};
use uuid::Uuid;

/// The field with the id of the batch (SparkPost, Momentum).
pub const BATCH_ID_FIELD: &str = "x-messagesystems-batch-id";

/// How often secrets are read again, which may have been replaced.
const IDENTITY_INTERVAL: Duration = Duration::from_secs(60);

/// The content of a test (SparkPost: what is posted when a webhook is made).
const PING: &[u8] = br#"[{"msys":{}}]"#;

/// Where batches go, and as whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Where.
    pub url: Url,
    /// What requests are held to.
    pub http: HttpConfig,
    /// How large a batch may become.
    pub limits: Limits,
    /// How events are written.
    pub form: sparkpost::Form,
    /// For so long a batch that is refused by 400, 409 or 422 is sent again, before the event is
    /// looked for that the receiver does not take.
    pub refused_patience: Duration,
    /// Who sends it.
    pub identity: IdentityConfig,
}

/// Why there is no webhook.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Secrets.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// A webhook.
#[derive(Debug)]
pub struct Webhook {
    config: WebhookConfig,
    rules: Arc<Rules>,
    client: Client,
    /// For the server of tokens, whose connection is another one.
    token_client: Client,
    identity: Identity,
    /// When it is read again.
    identity_due: Instant,
    token: Option<Token>,
    refusal: Refusal,
}

impl Webhook {
    /// Gets ready. Certificates and secrets are read now; certificates again when their files
    /// change, secrets every minute and when the receiver does not know us any more.
    pub fn load(config: WebhookConfig, rules: Arc<Rules>) -> Result<Self, WebhookError> {
        let client = Client::load(config.http.clone())?;
        let token_client = Client::load(config.http.clone())?;
        let identity = Identity::load(&config.identity)?;
        Ok(Self {
            config,
            rules,
            client,
            token_client,
            identity,
            identity_due: Instant::now() + IDENTITY_INTERVAL,
            token: None,
            refusal: Refusal::default(),
        })
    }

    /// Posts a batch without events, with an id of its own. Gives the answer, whatever its status.
    pub async fn ping(&mut self) -> Result<Answer, SendError> {
        let mut id = [0; 16];
        // An id that others have had does no harm here.
        aws_lc_rs::rand::fill(&mut id).ok();
        let id = uuid::Builder::from_random_bytes(id).into_uuid();
        self.post(id, &Bytes::from_static(PING)).await
    }

    /// Posts a body. A token that the receiver does not take is asked for anew, once.
    async fn post(&mut self, id: Uuid, body: &Bytes) -> Result<Answer, SendError> {
        if self.identity_due <= Instant::now() {
            self.read_identity_again();
        }
        let is_new = self.ask_for_token().await?;
        let answer = self.post_once(id, body).await?;
        // SparkPost's receivers say 400 as well as 401 for a token that has ended.
        let is_of_token = matches!(answer.status.as_u16(), 400 | 401);
        if is_new || !is_of_token || self.token.take().is_none() {
            return Ok(answer);
        }
        self.ask_for_token().await?;
        self.post_once(id, body).await
    }

    async fn post_once(&mut self, id: Uuid, body: &Bytes) -> Result<Answer, SendError> {
        let headers = self.headers(id, body);
        let call = Call { method: Method::POST, headers, body: body.clone() };
        self.client.call(&self.config.url, call).await.map_err(|error| again(&error))
    }

    fn headers(&self, id: Uuid, body: &[u8]) -> HeaderMap {
        let mut headers = self.identity.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let id = id.to_string();
        let value = |text: &str| HeaderValue::try_from(text).expect("ASCII without controls");
        headers.insert(HeaderName::from_static(BATCH_ID_FIELD), value(&id));
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.field.clone());
        }
        if let Some(secrets) = &self.identity.signing_secrets {
            let seconds = Timestamp::from(SystemTime::now()).0.div_euclid(1_000);
            let signed = secrets.sign(&id, seconds, body);
            headers.insert(HeaderName::from_static(ID_FIELD), value(&id));
            headers.insert(HeaderName::from_static(TIMESTAMP_FIELD), seconds.into());
            headers.insert(HeaderName::from_static(SIGNATURE_FIELD), value(&signed));
        }
        headers
    }

    /// Has a token, where the receiver wants one. Gives whether it is a new one.
    async fn ask_for_token(&mut self) -> Result<bool, SendError> {
        let Authorization::Token(request) = &self.identity.authorization else { return Ok(false) };
        if self.token.as_ref().is_some_and(|token| token.is_good(Instant::now())) {
            return Ok(false);
        }
        let (form, field) = request.form();
        let mut headers = HeaderMap::new();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        headers.insert(hyper::header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(field) = field {
            headers.insert(AUTHORIZATION, field);
        }
        let call = Call { method: Method::POST, headers, body: form.into() };
        let answer = self.token_client.call(&request.url, call).await;
        let answer = answer.map_err(|error| again_for_token(&error))?;
        if !answer.status.is_success() {
            return Err(no_token(&answer));
        }
        let token = Token::read(&answer.content, Instant::now());
        self.token = Some(token.map_err(|error| again_for_token(&error))?);
        Ok(true)
    }

    /// What an answer means, after how long of the same.
    fn judge(&mut self, batch: &Batch, answer: &Answer) -> Result<Receipt, SendError> {
        let patience = self.config.refused_patience;
        let is_patient =
            is_refusal(answer.status) && self.refusal.is_patient(batch, patience, Instant::now());
        judge(answer.status, answer.retry_after, is_patient)
    }

    /// Secrets may have been replaced.
    fn read_identity_again(&mut self) {
        self.identity_due = Instant::now() + IDENTITY_INTERVAL;
        match Identity::load(&self.config.identity) {
            Ok(identity) => self.identity = identity,
            Err(error) => tracing::warn!(%error, "the secrets of a webhook stay as they were"),
        }
    }
}

impl Sink for Webhook {
    type Form = SparkPost;

    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn limits(&self) -> Limits {
        self.config.limits
    }

    fn form(&self) -> SparkPost {
        SparkPost::new(self.rules.clone(), self.config.form, ",")
    }

    async fn greet(&mut self) -> Result<(), SendError> {
        let answer = self.ping().await?;
        judge(answer.status, None, true).map(|_| ())
    }

    async fn send(&mut self, batch: &Batch) -> Result<Receipt, SendError> {
        let body = array(&batch.body);
        let answer = self.post(batch.id, &body).await;
        let judged = answer.and_then(|answer| self.judge(batch, &answer));
        match &judged {
            Ok(_) => self.refusal.arrived(batch),
            Err(SendError::Unauthorized { .. }) => {
                self.token = None;
                self.read_identity_again();
            }
            Err(_) => {}
        }
        judged
    }
}

/// An array of events, each of which has a comma behind it.
fn array(events: &[u8]) -> Bytes {
    let events = events.strip_suffix(b",").unwrap_or(events);
    [b"[", events, b"]"].concat().into()
}

fn again(error: &HttpError) -> SendError {
    SendError::Retry { reason: error.to_string(), status: None, after: None }
}

fn again_for_token(error: &dyn std::error::Error) -> SendError {
    let reason = format!("ask for a token: {error}");
    SendError::Retry { reason, status: None, after: None }
}

/// Why the server of tokens gives none (RFC 6749 §5.2).
fn no_token(answer: &Answer) -> SendError {
    let said = error_of(&answer.content).map(|error| format!(", {error}")).unwrap_or_default();
    let reason = format!("ask for a token: status {}{said}", answer.status);
    let status = Some(answer.status.as_u16());
    match answer.status {
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            SendError::Unauthorized { reason, status }
        }
        _ => SendError::Retry { reason, status, after: answer.retry_after },
    }
}
