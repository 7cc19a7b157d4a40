//! What the Ingest API has made of batches: it says so some time after it took them. It is asked
//! beside the feed, which does not wait for it; what is not told within an hour, or before
//! mailwake ends, is not asked for any more.

use crate::feeders::{
    feeder::Counters,
    http::{Call, Client, Url},
};
use bytes::Bytes;
use hyper::{
    HeaderMap, Method,
    header::{AUTHORIZATION, HeaderValue},
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Where it is told, below the host.
const PATH: &str = "/api/v1/events/ingest";

/// Batches that are asked for at once.
const IDS_MAX: usize = 50;

/// Batches of which it is not known yet.
const WAITING_MAX: usize = 4_096;

/// For how long a batch is asked for.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// A batch that was taken, and the key with which it was sent.
type Taken = (String, HeaderValue);

/// Asks what came of batches.
pub(super) struct Results {
    asker: Option<Asker>,
    taken: mpsc::Sender<Taken>,
}

struct Asker {
    client: Client,
    url: Url,
    every: Duration,
    counters: Arc<Counters>,
    taken: mpsc::Receiver<Taken>,
}

/// What the API says of a batch.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) batch_id: String,
    #[serde(default, deserialize_with = "number")]
    pub(super) number_succeeded: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) number_failed: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) number_duplicates: u64,
    #[serde(default, deserialize_with = "text")]
    pub(super) error_type: String,
    /// May the same events be taken later?
    #[serde(default, deserialize_with = "boolean")]
    pub(super) retryable: bool,
}

impl Told {
    /// Has the API refused something?
    fn is_refusal(&self) -> bool {
        self.number_failed > 0 || !self.error_type.is_empty()
    }
}

/// SparkPost writes numbers as texts in many places. What is none counts nothing.
fn number<'de, D: Deserializer<'de>>(value: D) -> Result<u64, D::Error> {
    Ok(match Value::deserialize(value)? {
        Value::String(text) => text.trim().parse().unwrap_or_default(),
        other => other.as_u64().unwrap_or_default(),
    })
}

/// So also with what is true.
fn boolean<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(value)? {
        Value::String(text) => matches!(text.as_str(), "true" | "1"),
        other => other.as_bool().unwrap_or_default(),
    })
}

/// Nothing where it is null.
fn text<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(value)?.unwrap_or_default())
}

impl Results {
    pub(super) fn new(client: Client, url: Url, every: Duration, counters: Arc<Counters>) -> Self {
        let (sender, taken) = mpsc::channel(WAITING_MAX);
        Self { asker: Some(Asker { client, url, every, counters, taken }), taken: sender }
    }

    /// Has it asked what came of a batch.
    pub(super) fn ask_for(&mut self, id: String, key: &HeaderValue) {
        // It ends with the runtime of the feeder, or when this is dropped.
        if let Some(asker) = self.asker.take() {
            tokio::spawn(asker.run());
        }
        // With so many that wait, one is not asked for.
        self.taken.try_send((id, key.clone())).ok();
    }
}

impl Asker {
    async fn run(mut self) {
        let mut waiting: HashMap<String, Instant> = HashMap::new();
        let mut key = None;
        loop {
            if waiting.is_empty() {
                let Some((id, of)) = self.taken.recv().await else { return };
                waiting.insert(id, Instant::now());
                key = Some(of);
            }
            tokio::time::sleep(self.every).await;
            while let Ok((id, of)) = self.taken.try_recv() {
                waiting.insert(id, Instant::now());
                key = Some(of);
            }
            waiting.retain(|_, since| since.elapsed() < PATIENCE);
            let ids: Vec<String> = waiting.keys().cloned().collect();
            for ids in ids.chunks(IDS_MAX) {
                for told in self.ask(ids, key.as_ref()).await {
                    if waiting.remove(&told.batch_id).is_some() {
                        self.note(&told);
                    }
                }
            }
        }
    }

    async fn ask(&mut self, ids: &[String], key: Option<&HeaderValue>) -> Vec<Told> {
        let Ok(url) = self.url.below(PATH).with_query(&format!("batch_ids={}", ids.join(",")))
        else {
            return Vec::new();
        };
        let mut headers = HeaderMap::new();
        headers.extend(key.map(|key| (AUTHORIZATION, key.clone())));
        let call = Call { method: Method::GET, headers, body: Bytes::new() };
        match self.client.call(&url, call).await {
            Ok(answer) if answer.status.is_success() => read(&answer.content),
            Ok(answer) => {
                tracing::debug!(status = %answer.status, "what came of batches is not told");
                Vec::new()
            }
            Err(error) => {
                tracing::debug!(%error, "what came of batches is not told");
                Vec::new()
            }
        }
    }

    fn note(&self, told: &Told) {
        self.counters.confirmed.add(told.number_succeeded);
        self.counters.refused_later.add(told.number_failed);
        self.counters.duplicates.add(told.number_duplicates);
        if !told.is_refusal() {
            return;
        }
        let what = match told.retryable {
            true => "mailwake feeders replay sends them again, which may help",
            false => "sending them again does not help",
        };
        let Told { batch_id: batch, number_failed: events, error_type: error, .. } = told;
        let error: String = error.chars().filter(|c| !c.is_control()).take(64).collect();
        let reason = format!(
            "the API took batch {batch} and refused {events} events of it later ({error}): {what}"
        );
        tracing::error!(
            batch,
            events,
            error,
            retryable = told.retryable,
            "the API took a batch and refused events of it later, {what}: its dashboard, or \
             GET /api/v1/ingest/events/failures/ID, tells which"
        );
        self.counters.last_error.set(Some(reason));
    }
}

/// The results in an answer: those that can be read.
pub(super) fn read(content: &[u8]) -> Vec<Told> {
    #[derive(Deserialize)]
    struct Answer {
        results: Vec<Value>,
    }
    let answer: Option<Answer> = serde_json::from_slice(content).ok();
    let results = answer.into_iter().flat_map(|answer| answer.results);
    results.filter_map(|told| serde_json::from_value(told).ok()).collect()
}
