//! A tracker on a port of its own, and a client that sends octets as they are.

use crate::{
    event_log::{EventLog, LogConfig, Position, reader::Entry},
    net::{self, tls::domains::DomainsTls},
    telemetry::Counter,
    tracker::{Counters, Front, Listening, RunError, TrackerConfig, recorder::Log, run_with},
};
use arc_swap::ArcSwap;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tracking::{
    event::Event,
    ids::{MessageId, Timestamp},
    token::{Day, Engagement, Link, Sealer, key::KeyRing},
};

/// Longer than anything here takes, so that a mistake fails and does not hang.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

pub(super) const TARGET: &str = "https://shop.example/boots?utm_source=mail&size=42#top";

pub(super) struct Tracker {
    pub(super) address: SocketAddr,
    pub(super) keys: Arc<ArcSwap<KeyRing>>,
    pub(super) counters: Arc<Counters>,
    pub(super) shutdown: CancellationToken,
    thread: JoinHandle<Result<(), RunError>>,
}

impl Tracker {
    pub(super) fn start<L: Log>(
        config: TrackerConfig,
        log: impl Fn() -> L + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(config, None, log)
    }

    pub(super) fn start_with<L: Log>(
        config: TrackerConfig,
        tls: Option<Arc<DomainsTls>>,
        log: impl Fn() -> L + Send + Sync + 'static,
    ) -> Self {
        let bound = net::bind_shared((Ipv4Addr::LOCALHOST, 0).into(), 1).expect("bound");
        let listeners = bound.listen().expect("it listens");
        let address = listeners[0].local_addr().expect("bound");
        let front =
            Front { listeners: vec![Listening { sockets: listeners, tls }], ..Front::default() };
        let keys = Arc::new(ArcSwap::from_pointee(KeyRing::generate([7; 32], "2026-11-21")));
        let counters = Arc::<Counters>::default();
        let shutdown = CancellationToken::new();
        let thread = thread::spawn({
            let (keys, counters, shutdown) = (keys.clone(), counters.clone(), shutdown.clone());
            move || {
                run_with(
                    &config,
                    front,
                    &keys,
                    &log,
                    &counters,
                    &shutdown,
                    &CancellationToken::new(),
                )
            }
        });
        Self { address, keys, counters, shutdown, thread }
    }

    pub(super) fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).expect("connected"))
    }

    /// The answer to one request on a connection of its own.
    pub(super) fn ask(&self, request: &str) -> Answer {
        self.connect().ask(request)
    }

    /// The same, of an answer that has no content.
    pub(super) fn ask_for_head(&self, request: &str) -> Answer {
        let mut client = self.connect();
        client.send(request);
        client.receive(false)
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        self.ask(&get(path))
    }

    /// The path of a link.
    pub(super) fn path(&self, engagement: Engagement) -> String {
        self.path_of(&link(engagement), None)
    }

    pub(super) fn path_of(&self, link: &Link, host: Option<&str>) -> String {
        let token = Sealer::new(self.keys.load_full()).seal(link, host);
        format!("/{}", token.expect("short enough"))
    }

    /// Stops the tracker, and checks that its counters add up.
    pub(super) fn stop(self) {
        self.shutdown.cancel();
        self.join();
    }

    /// Waits until the tracker has ended.
    pub(super) fn join(self) {
        self.thread.join().expect("no panic").expect("ended by its shutdown");
        let c = &self.counters;
        let answers = [
            &c.opens,
            &c.initial_opens,
            &c.clicks,
            &c.late,
            &c.unidentified,
            &c.heads,
            &c.unknown,
            &c.options,
            &c.other_methods,
            &c.bad_hosts,
            &c.robots,
            &c.favicons,
            &c.unsubscribes,
            &c.list_unsubscribes,
            &c.honeypots,
            &c.unsubscribe_pages,
            &c.bad_forms,
            &c.app_links,
        ];
        let sum: u64 = answers.into_iter().map(Counter::get).sum();
        assert_eq!(sum, c.requests.get(), "{c:?}");
    }
}

/// A tracker with an event log in a directory of its own.
pub(super) struct Recording {
    pub(super) tracker: Tracker,
    log: EventLog,
    _directory: TempDir,
}

impl Recording {
    pub(super) fn start() -> Self {
        // A test machine's disk may be slower than the default deadline.
        Self::with(TrackerConfig { durable_deadline: PATIENCE, ..TrackerConfig::default() })
    }

    pub(super) fn with(config: TrackerConfig) -> Self {
        Self::with_log(config, |log| LogConfig { segment_bytes: 1 << 20, ..log })
    }

    pub(super) fn with_tls(config: TrackerConfig, tls: Option<Arc<DomainsTls>>) -> Self {
        Self::with_all(config, tls, |log| LogConfig { segment_bytes: 1 << 20, ..log })
    }

    pub(super) fn with_log(
        config: TrackerConfig,
        adapt: impl FnOnce(LogConfig) -> LogConfig,
    ) -> Self {
        Self::with_all(config, None, adapt)
    }

    fn with_all(
        config: TrackerConfig,
        tls: Option<Arc<DomainsTls>>,
        adapt: impl FnOnce(LogConfig) -> LogConfig,
    ) -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let log_config = adapt(LogConfig::new(directory.path()));
        let (log, _recovery) = EventLog::open(&log_config).expect("opened");
        let writer = log.writer();
        let tracker = Tracker::start_with(config, tls, move || writer.clone());
        Self { tracker, log, _directory: directory }
    }

    /// What is on disk now.
    pub(super) fn events(&self) -> Vec<Event> {
        let mut reader = self.log.reader(Position::START);
        let entries = std::iter::from_fn(|| reader.read().expect("readable"));
        let event = |entry| match entry {
            Entry::Event { event, .. } => *event,
            Entry::Damage(damage) => panic!("{damage}"),
        };
        entries.map(event).collect()
    }

    pub(super) fn stop(self) {
        self.tracker.stop();
        self.log.close();
    }
}

pub(super) fn message_id() -> MessageId {
    MessageId::new(Timestamp(1_795_233_600_123), [1, 2, 3, 4, 5])
}

pub(super) fn link(engagement: Engagement) -> Link {
    Link { link_index: 7, ..Link::new(message_id(), engagement) }
}

pub(super) fn click() -> Engagement {
    Engagement::Click { target_url: TARGET.into() }
}

pub(super) fn expired(engagement: Engagement) -> Link {
    Link { expires_after: Some(Day(1)), ..link(engagement) }
}

pub(super) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: t.example\r\n\r\n")
}

/// Waits until something is so.
pub(super) fn eventually(is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "still not so after {PATIENCE:?}");
        thread::yield_now();
    }
}

pub(super) struct Client {
    stream: BufReader<TcpStream>,
}

/// What a client has got.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    fields: Vec<(String, String)>,
    pub(super) content: Vec<u8>,
}

impl Client {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Self { stream: BufReader::new(stream) }
    }

    pub(super) fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(octets.as_ref()).expect("sent");
    }

    pub(super) fn send_no_more(&mut self) {
        self.stream.get_mut().shutdown(std::net::Shutdown::Write).expect("half closed");
    }

    pub(super) fn ask(&mut self, request: &str) -> Answer {
        self.send(request);
        self.receive(!request.starts_with("HEAD"))
    }

    /// The next answer, whose length is in its Content-Length field.
    pub(super) fn receive(&mut self, has_content: bool) -> Answer {
        let status_line = self.line();
        let status = status_line.split(' ').nth(1).expect("a status line").parse().expect("digits");
        let field = |line: String| {
            let (name, value) = line.split_once(": ").expect("a field");
            (name.to_owned(), value.to_owned())
        };
        let lines = std::iter::from_fn(|| Some(self.line()).filter(|line| !line.is_empty()));
        let fields: Vec<_> = lines.map(field).collect();
        let mut answer = Answer { status, fields, content: Vec::new() };
        if has_content {
            let length = answer.field("content-length").expect("a length");
            answer.content.resize(length.parse().expect("digits"), 0);
            self.stream.read_exact(&mut answer.content).expect("content");
        }
        answer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        line.strip_suffix("\r\n").expect("a whole line").to_owned()
    }

    /// Whether a request is not answered, because the connection is closed.
    pub(super) fn is_refused(&mut self) -> bool {
        let mut first = [0];
        let sent = self.stream.get_mut().write_all(get("/").as_bytes());
        sent.is_err() || self.stream.read(&mut first).map_or(true, |read| read == 0)
    }

    /// Whether the tracker closes the connection, without another word.
    pub(super) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        // A connection that is reset is closed as well.
        let closed = self.stream.read_to_end(&mut rest);
        let is_reset = |error: std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
        rest.is_empty() && closed.map_or_else(is_reset, |_| true)
    }
}

impl Answer {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(other, _)| other == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice");
        value
    }

    /// All fields but Date, which changes, in the order of their names.
    pub(super) fn fields(&self) -> Vec<(&str, &str)> {
        let fields = self.fields.iter().filter(|(name, _)| name != "date");
        let mut fields: Vec<_> =
            fields.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fields.sort_unstable();
        fields
    }

    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.status, 400..500) && self.field("location").is_none()
    }
}
