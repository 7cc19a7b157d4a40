//! An Ingest API that keeps every request.

use crate::support::{PATIENCE, wait_for};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What it does with a batch, in place of taking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It cuts the connection without an answer.
    Cut,
    /// It takes the batch, and does not answer.
    Nothing,
    /// 429 with Retry-After.
    Pause,
}

/// A request, with its content unpacked.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) line: String,
    fields: Vec<(String, String)>,
    pub(super) body: String,
}

impl Request {
    pub(super) fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value)
    }
}

#[derive(Default)]
struct State {
    plan: VecDeque<Then>,
    requests: Vec<Request>,
    /// Requests that were answered with 200.
    taken: Vec<Request>,
    /// A batch with this in it is refused.
    refused: Option<String>,
}

pub(super) struct Api {
    pub(super) port: u16,
    state: Arc<Mutex<State>>,
}

impl Api {
    /// Does this with the first batches, and takes the others.
    pub(super) fn start(plan: impl IntoIterator<Item = Then>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let port = listener.local_addr().expect("bound").port();
        let state = State { plan: plan.into_iter().collect(), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        thread::spawn({
            let state = state.clone();
            move || {
                while let Ok((stream, _)) = listener.accept() {
                    let state = state.clone();
                    thread::spawn(move || while_served(stream, &state));
                }
            }
        });
        Self { port, state }
    }

    /// Refuses batches with this in them from now on.
    pub(super) fn refuse(&self, text: &str) {
        self.state.lock().expect("no panic").refused = Some(text.into());
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.state.lock().expect("no panic").requests.clone()
    }

    /// The events that it has taken, when there are so many: what stands in their groups.
    pub(super) fn events(&self, count: usize) -> Vec<Value> {
        wait_for("events", PATIENCE, || {
            let taken = self.state.lock().expect("no panic").taken.clone();
            let lines = taken.iter().flat_map(|request| request.body.lines());
            let events: Vec<Value> = lines.map(event).collect();
            (events.len() >= count).then_some(events)
        })
    }
}

fn event(line: &str) -> Value {
    let event: Value = serde_json::from_str(line).expect("JSON");
    let groups = event["msys"].as_object().expect("an envelope");
    assert_eq!(groups.len(), 1, "{line}");
    groups.values().next().expect("a group").clone()
}

fn while_served(stream: TcpStream, state: &Mutex<State>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream) {
        let answer = match request.line.starts_with("GET ") {
            true => results(&request, &state.lock().expect("no panic")),
            false => take(request, &mut state.lock().expect("no panic")),
        };
        let Some((status, fields, body)) = answer else { return };
        let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
        if stream.get_mut().write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

type Answer = Option<(&'static str, &'static str, String)>;

/// A batch; without an answer the connection is cut.
fn take(request: Request, state: &mut State) -> Answer {
    state.requests.push(request.clone());
    match state.plan.pop_front() {
        Some(Then::Cut) => return None,
        Some(Then::Nothing) => {
            // So long that the test has killed mailwake meanwhile.
            thread::park_timeout(PATIENCE / 10);
            return None;
        }
        Some(Then::Pause) => {
            let errors = "{\"errors\":[{\"message\":\"slow down\"}]}".into();
            return Some(("429 Too Many", "Retry-After: 1\r\n", errors));
        }
        None => {}
    }
    if state.refused.as_ref().is_some_and(|text| request.body.contains(text)) {
        let errors = "{\"errors\":[{\"message\":\"no such event: bob@example.com\"}]}".into();
        return Some(("422 Unprocessable", "", errors));
    }
    state.taken.push(request);
    let id = format!("batch-{}", state.taken.len());
    Some(("200 OK", "", format!("{{\"results\":{{\"id\":\"{id}\"}}}}")))
}

/// What came of the batches that are asked for: all of their events are right.
fn results(request: &Request, state: &State) -> Answer {
    let (_, ids) = request.line.split_once("/api/v1/events/ingest?batch_ids=")?;
    let ids = ids.split_once(' ')?.0.split(',');
    let results = ids.filter_map(|id| {
        let number: usize = id.strip_prefix("batch-")?.parse().ok()?;
        let events = state.taken.get(number - 1)?.body.lines().count();
        Some(serde_json::json!({
            "type": "success", "batch_id": id, "number_succeeded": events,
            "number_failed": 0, "number_duplicates": 0,
        }))
    });
    let results: Vec<_> = results.collect();
    Some(("200 OK", "", serde_json::json!({ "results": results }).to_string()))
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines.remove(0);
    let fields = lines.iter().filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let mut request = Request { line, fields: fields.collect(), body: String::new() };
    let mut packed = vec![0; request.field("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut packed).ok()?;
    if !packed.is_empty() {
        GzDecoder::new(&*packed).read_to_string(&mut request.body).expect("gzip");
    }
    Some(request)
}
