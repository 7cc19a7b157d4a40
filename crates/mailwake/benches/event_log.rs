//! What an append costs: events a second and the 99th percentile of the time until an
//! event is on disk, beside the same octets written by a bare loop in the same run. Then
//! what reading costs, and what bringing events to the store costs.
//!
//! `cargo bench -p mailwake --bench event_log [DIRECTORY]`

use mailwake::event_log::writer::Writer;
use mailwake::event_log::{EventLog, LogConfig, Position};
use mailwake::feeders::store::rebuild;
use mailwake::stores::sqlite::StoreConfig;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tracking::account::Account;
use tracking::event::{
    Click, Client, Event, Metadata, MetadataReach, Occurrence, RcptType, Reception, UpstreamReply,
    Visit, encode,
};
use tracking::ids::{EventId, MessageId, Timestamp, TransmissionId};
use tracking::smtpapi::Options;

/// How long each line is measured.
const MEASURED_FOR: Duration = Duration::from_secs(3);

/// Octets that the bare loop writes before it begins anew, as in a segment.
const FILE_BYTES: u64 = 64 << 20;

fn event() -> Event {
    let now = Timestamp(1_795_233_600_000);
    let user_agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15";
    Event {
        event_id: EventId::new(now, [7; 10]),
        timestamp: now,
        message_id: MessageId::new(now, [1, 2, 3, 4, 5]),
        occurrence: Occurrence::Open(Visit {
            ip_address: Some([192, 0, 2, 7].into()),
            user_agent: user_agent.into(),
            ..Visit::default()
        }),
        is_from_elsewhere: false,
    }
}

/// What one line of the table tells.
struct Measured {
    events: usize,
    took: Duration,
    /// Of each commit or append.
    latencies: Vec<Duration>,
}

fn print(what: &str, mut measured: Measured) {
    measured.latencies.sort_unstable();
    let p99 = measured.latencies[measured.latencies.len() * 99 / 100];
    let rate = measured.events as f64 / measured.took.as_secs_f64();
    let line =
        format!("{what:48} {rate:>10.0} events/s   p99 {:>7.3} ms\n", p99.as_secs_f64() * 1e3);
    std::io::stdout().write_all(line.as_bytes()).expect("stdout");
}

/// The floor: the octets of `batch` events, written and synced in a loop.
fn bare(directory: &Path, batch: usize) -> Measured {
    let path = directory.join("bare");
    let mut file = File::create(&path).expect("file");
    for _ in 0..FILE_BYTES >> 20 {
        file.write_all(&vec![0; 1 << 20]).expect("zeros");
    }
    file.sync_all().expect("sync");
    let octets = vec![0x55; batch * (encode(&event()).len() + 16).next_multiple_of(8)];
    let (mut offset, mut latencies) = (0, Vec::new());
    let begun = Instant::now();
    while begun.elapsed() < MEASURED_FOR {
        let commit = Instant::now();
        file.write_all_at(&octets, offset).expect("write");
        file.sync_data().expect("sync");
        latencies.push(commit.elapsed());
        offset += octets.len() as u64;
        if offset + octets.len() as u64 > FILE_BYTES {
            offset = 0;
        }
    }
    let took = begun.elapsed();
    std::fs::remove_file(path).expect("remove");
    Measured { events: batch * latencies.len(), took, latencies }
}

/// `producers` tasks, each waiting for its `batch` events before it appends the next.
fn appended(runtime: &Runtime, writer: &Writer, producers: usize, batch: usize) -> Measured {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..producers)
        .map(|_| {
            let writer = writer.clone();
            runtime.spawn(async move {
                let events = vec![event(); batch];
                let mut latencies = Vec::new();
                while begun.elapsed() < MEASURED_FOR {
                    let append = Instant::now();
                    writer.append(&events).await.expect("appended");
                    latencies.push(append.elapsed());
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(runtime.block_on(task).expect("producer"));
    }
    Measured { events: batch * latencies.len(), took: begun.elapsed(), latencies }
}

/// How fast a consumer reads what was appended.
fn read(log: &EventLog) -> Measured {
    let mut reader = log.reader(Position::START);
    let (mut events, begun) = (0, Instant::now());
    while let Some(entry) = reader.read().expect("read") {
        black_box(entry);
        events += 1;
    }
    let took = begun.elapsed();
    Measured { events, took, latencies: vec![took / u32::try_from(events).unwrap_or(u32::MAX)] }
}

/// How fast the store takes events: messages that are received, sent, opened and clicked.
fn fed(directory: &Path, runtime: &Runtime) -> Measured {
    const MESSAGES: u32 = 50_000;
    let (log_directory, store_directory) = (directory.join("fed"), directory.join("store"));
    let (log, _) = EventLog::open(&LogConfig::new(&log_directory)).expect("log");
    for message in 0..MESSAGES {
        let appending = log.writer().append(&life_of(message));
        if message % 1000 == 0 {
            runtime.block_on(appending).expect("appended");
        }
    }
    log.close();
    let begun = Instant::now();
    let config = StoreConfig::default();
    let rebuilt = rebuild(&log_directory, &store_directory, config, false).expect("rebuilt");
    let took = begun.elapsed();
    let events = usize::try_from(rebuilt.events).expect("fits");
    Measured { events, took, latencies: vec![took] }
}

fn life_of(message: u32) -> Vec<Event> {
    let Event { timestamp, occurrence: Occurrence::Open(visit), .. } = event() else {
        unreachable!("the bench's event is an open");
    };
    let [a, b, c, d] = message.to_be_bytes();
    let message_id = MessageId::new(timestamp, [0, a, b, c, d]);
    let reception = Reception {
        transmission_id: TransmissionId::new(timestamp, [b, c, d]),
        rcpt_to: format!("rcpt{message}@example.com"),
        msg_from: "news@shop.example".into(),
        subject: "What is new in November".into(),
        friendly_from: "Shop <news@shop.example>".into(),
        account: Account::default(),
        client: Client::default(),
        rcpt_type: RcptType::To,
        links_of: None,
        rcpt_meta: Metadata::new(),
        rcpt_meta_reach: MetadataReach::Engagement,
        rcpt_tags: Vec::new(),
        options: Options::default(),
        campaign_id: format!("campaign {}", message % 20),
        msg_size: 20_481,
        open_tracking: true,
        initial_pixel: false,
        click_tracking: true,
        amp_enabled: false,
        links: 12,
        untouched: Vec::new(),
    };
    let reply = UpstreamReply {
        error_code: 250,
        raw_reason: "2.0.0 Ok: queued as 4XyZ".into(),
        queue_id: Some("4XyZ".into()),
        attempt: None,
    };
    let target_link_url = format!("https://shop.example/offer/{}", message % 100);
    let click = Click {
        visit: visit.clone(),
        link_index: 3,
        target_link_name: String::new(),
        target_link_url,
    };
    let occurrences = [
        Occurrence::Reception(Box::new(reception)),
        Occurrence::Injection(reply),
        Occurrence::Open(visit),
        Occurrence::Click(click),
    ];
    let of_message = |occurrence| Event { message_id, occurrence, ..event() };
    occurrences.map(of_message).into()
}

fn main() {
    // Cargo itself passes `--bench`.
    let chosen = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let parent = chosen.map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(parent).expect("directory");
    let runtime = Builder::new_current_thread().enable_all().build().expect("runtime");
    let (log, _) = EventLog::open(&LogConfig::new(directory.path().join("log"))).expect("log");
    let writer = log.writer();
    for batch in [1, 64, 1024] {
        print(&format!("bare loop, commits of {batch}"), bare(directory.path(), batch));
        let many = appended(&runtime, &writer, batch, 1);
        print(&format!("log, {batch} producers of 1 event"), many);
        let large = appended(&runtime, &writer, 1, batch);
        print(&format!("log, 1 producer of {batch} events at once"), large);
    }
    print("log, reading", read(&log));
    print("store, feeding from the log", fed(directory.path(), &runtime));
}
