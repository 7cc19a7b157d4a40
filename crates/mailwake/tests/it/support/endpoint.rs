//! An endpoint for batches of events, as a webhook or the Ingest API, that fails as endpoints
//! do: by a plan, from a seed. It remembers what has arrived, how often and in which order,
//! and knows of which arrivals the sender could not learn.

mod http;

use flate2::read::GzDecoder;
pub(crate) use http::Request;
use serde_json::Value;
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// How an endpoint fails.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// Which requests fail, and how.
    pub(crate) seed: u64,
    /// How many of a thousand requests fail.
    pub(crate) faults_per_mille: u64,
    /// Larger batches get 413.
    pub(crate) events_max: Option<usize>,
    /// A batch with an event that has this text gets 400.
    pub(crate) bad: Option<&'static str>,
    /// Every batch gets this status.
    pub(crate) status: Option<u16>,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// 500.
    Error,
    /// 503.
    Unavailable,
    /// 429, with Retry-After.
    TooMany,
    /// 413, to more than a few events.
    TooLarge,
    /// No answer.
    Silence,
    /// The connection ends before the batch was looked at.
    Cut,
    /// The batch was taken; the connection ends in the middle of the answer.
    CutAnswer,
    /// The batch was taken; the connection ends without an answer.
    Lost,
    /// The answer takes its time.
    Slow,
}

/// No batch with so many events is too large.
const FEW: usize = 10;

const FAULTS: [Fault; 9] = [
    Fault::Error,
    Fault::Unavailable,
    Fault::TooMany,
    Fault::TooLarge,
    Fault::Silence,
    Fault::Cut,
    Fault::CutAnswer,
    Fault::Lost,
    Fault::Slow,
];

/// What is known of an event.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// Arrivals that the sender was told of.
    told: u64,
    /// Arrivals of which it could not learn.
    untold: u64,
    /// Of what it is.
    digest: u64,
}

/// What has arrived.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    events: HashMap<String, Seen>,
    /// The events of each message, as they came first.
    messages: HashMap<String, Vec<String>>,
    /// The events of each batch, as a digest.
    batches: HashMap<String, u64>,
    /// Requests by what came of them.
    pub(crate) answers: HashMap<String, u64>,
    /// Arrivals of events that had arrived before, and the sender was told.
    pub(crate) duplicates: u64,
    /// Arrivals of events that had arrived before, and the sender could not know.
    pub(crate) repeated: u64,
    /// What must not be, in words.
    pub(crate) wrong: Vec<String>,
    /// The last batch, as it came.
    pub(crate) last: Option<Request>,
    /// Bodies of requests that were no batch of events, such as pings.
    pub(crate) pings: Vec<String>,
}

impl Arrivals {
    /// How many events there are.
    pub(crate) fn count(&self) -> usize {
        self.events.len()
    }

    /// The events of a message, as they came first.
    pub(crate) fn of_message(&self, message_id: &str) -> &[String] {
        self.messages.get(message_id).map_or(&[], Vec::as_slice)
    }

    /// The ids of batches that were taken, sorted.
    pub(crate) fn batch_ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.batches.keys().map(String::as_str).collect();
        ids.sort_unstable();
        ids
    }

    fn take(&mut self, batch_id: &str, events: &[Value], is_told: bool) {
        let ids: Vec<&str> = events.iter().map(|event| text(event, "event_id")).collect();
        let digest = digest(&ids);
        if *self.batches.entry(batch_id.to_owned()).or_insert(digest) != digest {
            self.wrong.push(format!("batch {batch_id} has other events than before"));
        }
        for event in events {
            self.take_event(event, is_told);
        }
    }

    /// The sender has not learnt of these.
    fn take_back(&mut self, told: &[String]) {
        for id in told {
            let seen = self.events.entry(id.clone()).or_default();
            (seen.told, seen.untold) = (seen.told.saturating_sub(1), seen.untold + 1);
        }
    }

    fn take_event(&mut self, event: &Value, is_told: bool) {
        let (id, message) = (text(event, "event_id"), text(event, "message_id"));
        // What is known of the message may be more when an event comes again.
        let own = ["type", "timestamp", "message_id", "user_agent", "target_link_url"];
        let digest = digest(&own.map(|name| event[name].to_string()));
        let is_new = !self.events.contains_key(id);
        let seen = self.events.entry(id.to_owned()).or_default();
        if is_new {
            seen.digest = digest;
            self.messages.entry(message.to_owned()).or_default().push(id.to_owned());
        } else if seen.told > 0 {
            self.duplicates += 1;
        } else {
            self.repeated += 1;
        }
        if seen.digest != digest {
            self.wrong.push(format!("event {id} is another one than before: {event}"));
        }
        match is_told {
            true => seen.told += 1,
            false => seen.untold += 1,
        }
    }

    fn count_answer(&mut self, what: impl Into<String>) {
        *self.answers.entry(what.into()).or_default() += 1;
    }
}

fn text<'v>(event: &'v Value, name: &str) -> &'v str {
    event[name].as_str().unwrap_or_else(|| panic!("no {name} in {event}"))
}

fn digest(what: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// A running endpoint. It ends with the test.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Where it listens, on loopback.
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    plan: Mutex<Plan>,
    requests: AtomicU64,
    arrivals: Mutex<Arrivals>,
}

impl Endpoint {
    /// Starts one on a free port.
    pub(crate) fn start(plan: Plan) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared { plan: Mutex::new(plan), ..Shared::default() });
        let of_thread = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = of_thread.clone();
                // Senders hang up, and are killed.
                thread::spawn(move || serve(stream, &shared).ok());
            }
        });
        Self { port, shared }
    }

    /// It fails otherwise from now on.
    pub(crate) fn set(&self, plan: Plan) {
        *lock(&self.shared.plan) = plan;
    }

    /// What has arrived.
    pub(crate) fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        lock(&self.shared.arrivals)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers the requests of one connection, until it is over or cut. A sender that is killed
/// before it has read an answer resets the connection: it could not learn of it.
fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = http::Connection::new(stream)?;
    let mut told = Vec::new();
    loop {
        let request = match connection.read() {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(error) => {
                if error.kind() == io::ErrorKind::ConnectionReset {
                    lock(&shared.arrivals).take_back(&told);
                }
                return Err(error);
            }
        };
        let number = shared.requests.fetch_add(1, Ordering::Relaxed);
        let plan = lock(&shared.plan).clone();
        match answer(&mut connection, &request, &plan, plan.fault(number), shared)? {
            Some(ids) => told = ids,
            None => return Ok(()),
        }
    }
}

/// Answers one request. Gives the ids of the events that it has told to have arrived, and nothing
/// if the connection is to be cut.
fn answer(
    connection: &mut http::Connection,
    request: &Request,
    plan: &Plan,
    fault: Option<Fault>,
    shared: &Shared,
) -> io::Result<Option<Vec<String>>> {
    if request.method == "GET" {
        // What became of batches of the Ingest API: nothing is known yet.
        connection.answer(200, "", "{\"results\":[]}")?;
        return Ok(Some(Vec::new()));
    }
    let Some(events) = events(request) else {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        lock(&shared.arrivals).pings.push(body);
        connection.answer(plan.status.unwrap_or(200), "", "{}")?;
        return Ok(Some(Vec::new()));
    };
    let status = plan.status.or(match fault {
        Some(Fault::Error) => Some(500),
        Some(Fault::Unavailable) => Some(503),
        Some(Fault::TooMany) => Some(429),
        Some(Fault::TooLarge) if events.len() > FEW => Some(413),
        _ => plan.status_for(&events),
    });
    if let Some(status) = status {
        lock(&shared.arrivals).count_answer(status.to_string());
        let field = if status == 429 { "Retry-After: 0\r\n" } else { "" };
        connection.answer(status, field, "{\"errors\":[{\"message\":\"by plan\"}]}")?;
        return Ok(Some(Vec::new()));
    }
    match fault {
        Some(Fault::Silence) => {
            lock(&shared.arrivals).count_answer("silence");
            connection.wait_for_end();
            return Ok(None);
        }
        Some(Fault::Cut) => {
            lock(&shared.arrivals).count_answer("cut");
            return Ok(None);
        }
        Some(Fault::Slow) => thread::park_timeout(Duration::from_millis(100)),
        _ => {}
    }
    let is_lost = matches!(fault, Some(Fault::Lost | Fault::CutAnswer)) || connection.is_over();
    let batch_id = batch_id(request);
    let mut arrivals = lock(&shared.arrivals);
    arrivals.take(&batch_id, &events, !is_lost);
    arrivals.last = Some(request.clone());
    arrivals.count_answer(if is_lost { "taken, and the answer lost" } else { "200" });
    drop(arrivals);
    if fault == Some(Fault::CutAnswer) {
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Len")?;
    }
    if is_lost {
        return Ok(None);
    }
    let results = format!("{{\"results\":{{\"id\":\"{batch_id}\"}}}}");
    connection.answer(200, "", &results)?;
    Ok(Some(events.iter().map(|event| text(event, "event_id").to_owned()).collect()))
}

impl Plan {
    fn fault(&self, number: u64) -> Option<Fault> {
        let random = mix(self.seed.wrapping_add(number));
        let is_fault = random % 1_000 < self.faults_per_mille;
        is_fault.then(|| FAULTS[(random / 1_000) as usize % FAULTS.len()])
    }

    fn status_for(&self, events: &[Value]) -> Option<u16> {
        let is_bad = |bad: &str| events.iter().any(|event| event.to_string().contains(bad));
        match self {
            plan if plan.events_max.is_some_and(|max| events.len() > max) => Some(413),
            plan if plan.bad.is_some_and(is_bad) => Some(400),
            _ => None,
        }
    }
}

/// SplitMix64: from a number one that looks random.
pub(crate) fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The events of a batch, each without its envelope; none if it is no batch of events.
fn events(request: &Request) -> Option<Vec<Value>> {
    let mut body = Vec::new();
    let is_gzip = request.field("content-encoding") == "gzip";
    match is_gzip {
        true => GzDecoder::new(&request.body[..]).read_to_end(&mut body).expect("gzip"),
        false => request.body.as_slice().read_to_end(&mut body).expect("octets"),
    };
    let envelopes: Vec<Value> = match request.field("content-type") {
        "application/json" => serde_json::from_slice(&body).expect("a JSON array"),
        "application/x-ndjson" => {
            let lines = serde_json::Deserializer::from_slice(&body).into_iter();
            lines.collect::<Result<_, _>>().expect("lines of JSON")
        }
        _ => return None,
    };
    let events: Option<Vec<Value>> = envelopes
        .into_iter()
        .map(|mut envelope| envelope["msys"].as_object_mut()?.values_mut().next().map(Value::take))
        .collect();
    events.filter(|events| !events.is_empty())
}

/// The id of a webhook's batch; those of the Ingest API are known by their events.
fn batch_id(request: &Request) -> String {
    match request.field("x-messagesystems-batch-id") {
        "" => format!("{:016x}", digest(&request.body)),
        id => id.to_owned(),
    }
}
