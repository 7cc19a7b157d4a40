//! What bringing events to SparkPost's Ingest API costs: a log of opens and clicks, each joined
//! with its message from the store, goes in batches to a server on loopback that swallows them.
//!
//! `cargo bench -p mailwake --bench feeders [DIRECTORY]`

use mailwake::{
    event_log::{EventLog, LogConfig, Position, cursor::Cursor},
    feeders::{
        feeder::{self, Counters, FeederConfig, Filter, Pauses, cursor_name},
        http::{HttpConfig, Reach},
        ingest::{Ingest, IngestConfig},
        secret::Secret,
        sink::Limits,
        store::rebuild,
    },
    net::tls::client::Verification,
    stores::{ledger::Ledger, sqlite::StoreConfig},
};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;
use tracking::{
    bounce::Rules,
    event::{Click, Event, Occurrence, Visit},
    ids::{EventId, MessageId, Timestamp},
    sparkpost,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages, and how many engagements there are in all.
const MESSAGES: u64 = 50_000;
const ENGAGEMENTS: u64 = 400_000;

const USER_AGENTS: [&str; 3] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0",
];

fn event(number: u64, message: u64, occurrence: Occurrence) -> Event {
    let now = Timestamp::from(SystemTime::now());
    let mut nonce = [0; 10];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    let mut id = [7; 10];
    id[..8].copy_from_slice(&message.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Event {
        event_id: EventId::new(now, nonce),
        timestamp: now,
        message_id: MessageId::from_octets(id),
        occurrence,
        is_from_elsewhere: false,
    }
}

fn reception(message: u64) -> Event {
    let facts = serde_json::json!({
        "transmission_id": message.to_string(), "rcpt_to": format!("Reader{message}@example.com"),
        "msg_from": "bounces@shop.example", "subject": "The offers of this week",
        "friendly_from": "Shop <news@shop.example>", "customer_id": "acme", "subaccount_id": "7",
        "campaign_id": format!("week-{}", message % 50), "rcpt_meta": {"customer": message},
        "rcpt_tags": ["cat", "spring"], "msg_size": 40_000, "open_tracking": true,
        "initial_pixel": true, "click_tracking": true, "links": 12,
    });
    let reception = serde_json::from_value(facts).expect("a reception");
    event(message, message, Occurrence::Reception(Box::new(reception)))
}

fn engagement(number: u64) -> Event {
    let visit = Visit {
        ip_address: Some([192, 0, 2, (number % 250) as u8].into()),
        user_agent: USER_AGENTS[(number % 3) as usize].into(),
        ..Visit::default()
    };
    // Recipients come in no order.
    let message = number.wrapping_mul(0x2545_f491_4f6c_dd1d) % MESSAGES;
    let occurrence = match number % 4 {
        0 => Occurrence::Click(Click {
            visit,
            link_index: 3,
            target_link_name: "banner".into(),
            target_link_url: format!("https://shop.example/offers/{}?utm_source=mail", number % 90),
        }),
        1 => Occurrence::InitialOpen(visit),
        _ => Occurrence::Open(visit),
    };
    event(MESSAGES + number, message, occurrence)
}

fn fill(log: &EventLog) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let events = (0..MESSAGES).map(reception).chain((0..ENGAGEMENTS).map(engagement));
    let events: Vec<_> = events.collect();
    for some in events.chunks(1_000) {
        runtime.block_on(log.writer().append(some)).expect("on disk");
    }
}

/// Swallows batches; tells where it listens.
fn swallow() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            while_served(stream);
        }
    });
    port
}

fn while_served(stream: TcpStream) {
    let mut stream = BufReader::with_capacity(64 << 10, stream);
    let mut octets = Vec::new();
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            match line.to_ascii_lowercase().strip_prefix("content-length:") {
                Some(value) => length = value.trim().parse().expect("a length"),
                None if line == "\r\n" => break,
                None => {}
            }
        }
        octets.resize(length, 0);
        stream.read_exact(&mut octets).expect("a body");
        let answer =
            b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{\"results\":{\"id\":\"a-7\"}}\n";
        if stream.get_mut().write_all(&answer[..answer.len() - 1]).is_err() {
            return;
        }
    }
}

fn sink(directory: &Path, counters: Arc<Counters>) -> Ingest {
    let key = directory.join("key");
    fs::write(&key, "secret").expect("write file");
    let config = IngestConfig {
        url: format!("http://127.0.0.1:{}", swallow()).parse().expect("a URL"),
        key: Secret::File(key),
        limits: Limits {
            events_max: 10_000,
            octets_max: 4_882 << 10,
            age_max: Duration::from_secs(1),
            event_age_max: Some(Duration::from_secs(86_400)),
        },
        form: sparkpost::Form::default(),
        results_every: None,
        http: HttpConfig {
            allows_http: true,
            reach: Reach::Everywhere,
            verification: Verification::Nothing,
            own_certificate: None,
            timeout: Duration::from_secs(60),
        },
    };
    Ingest::load(config, Arc::new(Rules::built_in()), counters).expect("a sink")
}

/// The most memory that the process ever had, in MiB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) >> 10
}

fn main() {
    let folder = match std::env::args().skip(1).find(|argument| !argument.starts_with('-')) {
        Some(parent) => TempDir::new_in(parent),
        None => TempDir::new(),
    };
    let folder = folder.expect("a directory");
    let (log_directory, store) = (folder.path().join("log"), folder.path().join("store"));
    let (log, _) = EventLog::open(&LogConfig::new(&log_directory)).expect("a log");
    fill(&log);
    rebuild(&log_directory, &store, StoreConfig::default(), true).expect("a store");
    let (counters, shutdown) = (Arc::<Counters>::default(), CancellationToken::new());
    let config = FeederConfig {
        name: "bench".into(),
        directory: folder.path().into(),
        store_directory: store,
        filter: Filter::default(),
        join_wait: Duration::from_secs(5),
        join_days: 60,
        retry_for: Duration::from_secs(3_600),
        pauses: Pauses { first: Duration::from_secs(1), longest: Duration::from_secs(1) },
    };
    let sink = sink(folder.path(), counters.clone());
    let cursor = Cursor::open(&log_directory, &cursor_name("bench")).expect("a cursor");
    let ledger = Ledger::open(folder.path(), "bench").expect("a ledger");
    let reader = log.reader(Position::START);
    let (told, stop) = (counters.clone(), shutdown.clone());
    let begun = Instant::now();
    let feeding =
        thread::spawn(move || feeder::run(config, reader, cursor, ledger, sink, told, &stop));
    let mut out = std::io::stdout();
    let mut half = 0;
    while counters.events.get() < ENGAGEMENTS {
        thread::park_timeout(Duration::from_millis(2));
        if half == 0 && counters.events.get() >= ENGAGEMENTS / 2 {
            half = memory();
        }
    }
    let took = begun.elapsed();
    let (batches, octets) = (counters.batches.get(), counters.octets.get() >> 20);
    let rate = ENGAGEMENTS as f64 / took.as_secs_f64();
    writeln!(
        out,
        "{ENGAGEMENTS} joined engagements in {batches} batches, {octets} MiB: {rate:.0} events/s\n\
         memory: {half} MiB after half of them, {} MiB at the end",
        memory()
    )
    .expect("stdout");
    shutdown.cancel();
    feeding.join().expect("no panic").expect("ended by its shutdown");
}
