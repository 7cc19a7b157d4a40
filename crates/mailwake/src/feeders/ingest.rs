//! SparkPost's Ingest API: batches go there as NDJSON in gzip. What it has made of them later is
//! asked for beside that, counted and told.

mod results;
#[cfg(test)]
mod tests;

use super::{
    feeder::Counters,
    form::SparkPost,
    http::{Answer, Call, Client, HttpConfig, HttpError, Url},
    secret::{Secret, SecretError},
    sink::{Batch, Limits, Receipt, SendError, Sink},
};
use crate::net::tls::TlsError;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use hyper::{
    HeaderMap, Method,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue},
};
use results::Results;
use serde::Deserialize;
use std::{io::Write, sync::Arc, time::Duration};
use tracking::{bounce::Rules, sparkpost};
use uuid::Uuid;

/// Where batches go, below the host.
const PATH: &str = "/api/v1/ingest/events";

/// The least pause that the API asks for with 429.
const TOO_MANY_PAUSE: Duration = Duration::from_secs(1);

/// How the API is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestConfig {
    /// The host; a path in it is put before that of the API.
    pub url: Url,
    /// The key that is shown.
    pub key: Secret,
    /// How large a batch may become.
    pub limits: Limits,
    /// How events are written.
    pub form: sparkpost::Form,
    /// How often it is asked what came of batches; never, if that is nothing.
    pub results_every: Option<Duration>,
    /// How requests are made.
    pub http: HttpConfig,
}

/// Why the sink cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The key cannot be read.
    #[error("read the key of the API: {0}")]
    Secret(#[from] SecretError),
    /// The key is no value of a field of HTTP.
    #[error("the key of the API has characters that no key has")]
    Key,
    /// The authorities cannot be read.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Sends batches to the API.
pub struct Ingest {
    config: IngestConfig,
    rules: Arc<Rules>,
    url: Url,
    client: Client,
    key: HeaderValue,
    /// The last batch, to be sent again as it is.
    packed: Option<(Uuid, Bytes)>,
    results: Option<Results>,
}

impl Ingest {
    /// A sink. The key and authorities are read now, and the key again when it is refused.
    pub fn load(
        config: IngestConfig,
        rules: Arc<Rules>,
        counters: Arc<Counters>,
    ) -> Result<Self, IngestError> {
        let key = header(&config.key)?;
        let client = Client::load(config.http.clone())?;
        let results = match config.results_every {
            None => None,
            Some(every) => {
                let client = Client::load(config.http.clone())?;
                Some(Results::new(client, config.url.clone(), every, counters))
            }
        };
        let url = config.url.below(PATH);
        Ok(Self { config, rules, url, client, key, packed: None, results })
    }

    fn pack(&mut self, batch: &Batch) -> Result<Bytes, SendError> {
        if let Some((_, packed)) = self.packed.as_ref().filter(|(id, _)| *id == batch.id) {
            return Ok(packed.clone());
        }
        let mut encoder =
            GzEncoder::new(Vec::with_capacity(batch.body.len() / 4), Compression::fast());
        let packed = encoder.write_all(&batch.body).and_then(|()| encoder.finish());
        let failed = |error| retry(format!("pack a batch: {error}"), None, None);
        let packed = Bytes::from(packed.map_err(failed)?);
        self.packed = Some((batch.id, packed.clone()));
        Ok(packed)
    }

    /// The next attempt shows the key that is there by then.
    fn read_key_again(&mut self) {
        match header(&self.config.key) {
            Ok(key) => self.key = key,
            Err(error) => tracing::warn!(%error, "the key of the API was not read again"),
        }
    }
}

impl Sink for Ingest {
    type Form = SparkPost;

    fn kind(&self) -> &'static str {
        "ingest"
    }

    fn limits(&self) -> Limits {
        self.config.limits
    }

    fn form(&self) -> SparkPost {
        SparkPost::new(self.rules.clone(), self.config.form, "\n")
    }

    async fn send(&mut self, batch: &Batch) -> Result<Receipt, SendError> {
        let body = self.pack(batch)?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.key.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let call = Call { method: Method::POST, headers, body };
        let answer = self.client.call(&self.url, call).await;
        let answer = answer.map_err(|error: HttpError| retry(error.to_string(), None, None))?;
        let judged = judge(&answer);
        match &judged {
            Ok(_) => {
                self.packed = None;
                if let (Some(results), Some(id)) = (&mut self.results, id(&answer)) {
                    results.ask_for(id, &self.key);
                }
            }
            Err(SendError::Unauthorized { .. }) => self.read_key_again(),
            Err(_) => {}
        }
        judged
    }
}

/// What an answer means (contracts of the API: general status codes).
fn judge(answer: &Answer) -> Result<Receipt, SendError> {
    let status = answer.status.as_u16();
    let (reason, told) = (answer.told(), Some(status));
    match status {
        200..=299 => Ok(Receipt { status: told, duplicates: 0 }),
        401 | 403 => Err(SendError::Unauthorized { reason, status: told }),
        413 => Err(SendError::TooLarge { reason, status: told }),
        400 | 422 => Err(SendError::Refused { reason, status: told }),
        420 | 429 => Err(retry(reason, told, Some(answer.retry_after.unwrap_or(TOO_MANY_PAUSE)))),
        // Also a URL that leads elsewhere: an operator sees it, and no event is lost by it.
        _ => Err(retry(reason, told, answer.retry_after)),
    }
}

fn retry(reason: String, status: Option<u16>, after: Option<Duration>) -> SendError {
    SendError::Retry { reason, status, after }
}

/// The id that the API gives to a batch.
fn id(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Told {
        results: Results,
    }
    #[derive(Deserialize)]
    struct Results {
        id: String,
    }
    let told: Told = serde_json::from_slice(&answer.content).ok()?;
    let is_id = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    Some(told.results.id).filter(|id| (1..=64).contains(&id.len()) && id.bytes().all(is_id))
}

fn header(key: &Secret) -> Result<HeaderValue, IngestError> {
    let mut value = HeaderValue::from_str(&key.load()?).map_err(|_| IngestError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}
