//! What the store costs: events a second that are applied, as the feeder gives them; and how
//! long reports take over five million events, and finding a message.
//!
//! `cargo bench -p mailwake --bench store [EVENTS]`
//!
//! The store that is asked is made once, in `target/tmp`, and asked again by later runs.

use mailwake::stores::report::ReportFilter;
use mailwake::stores::sqlite::{LogEntry, Messages, Store, StoreConfig, StoreReader};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tracking::account::Account;
use tracking::event::{
    Attempt, Click, Client, Event, Metadata, MetadataReach, Occurrence, RcptType, Reception,
    UpstreamReply, Visit,
};
use tracking::ids::{EventId, MessageId, Timestamp, TransmissionId};
use tracking::smtpapi::Options;

/// Entries that the feeder gives at once.
const BATCH_ENTRIES: usize = 2048;

/// Events that are applied to measure that.
const APPLIED_EVENTS: usize = 500_000;

/// Events of the store that is asked, unless the command line says another number.
const ASKED_EVENTS: usize = 5_000_000;

/// Times that each report is made.
const RUNS: usize = 20;

/// Times that a message is looked for.
const FOUND: usize = 100_000;

/// Messages among which they are: those of some days, as engagements ask for them.
const NEAR: u64 = 50_000;

/// 2026-09-22T00:00:00Z, when the first message comes.
const BEGIN_MS: i64 = 1_790_035_200_000;

/// Milliseconds between two messages.
const INTERVAL_MS: i64 = 3_800;

const HOUR_MS: u64 = 3_600_000;

fn main() {
    let number = std::env::args().skip(1).find_map(|word| word.parse().ok());
    applying();
    let directory = target().join(format!("store-{}", number.unwrap_or(ASKED_EVENTS)));
    make(&directory, number.unwrap_or(ASKED_EVENTS));
    reports(&directory);
    finding(&directory);
}

fn tell(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).expect("stdout");
}

fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

fn config() -> StoreConfig {
    StoreConfig { retention_days: None, ..StoreConfig::default() }
}

/// Events a second, with the checkpoints that the feeder makes.
fn applying() {
    let directory = target().join("store-applied");
    let mut store = Store::open_anew(&directory, config()).expect("a store");
    let mut mail = Mail::new(100);
    let batches: Vec<_> = (0..APPLIED_EVENTS / BATCH_ENTRIES).map(|_| mail.batch()).collect();
    let (mut took, mut octets) = (Duration::ZERO, 0);
    let mut latencies = Vec::new();
    for batch in &batches {
        let begun = Instant::now();
        store.apply(batch).expect("applied");
        octets += BATCH_ENTRIES as u64 * 500;
        if octets > 16 << 20 {
            store.checkpoint().expect("on disk");
            octets = 0;
        }
        latencies.push(begun.elapsed());
        took += begun.elapsed();
    }
    latencies.sort_unstable();
    let rate = (batches.len() * BATCH_ENTRIES) as f64 / took.as_secs_f64();
    let slowest = latencies.last().expect("batches").as_secs_f64() * 1e3;
    tell(&format!("applied {rate:>34.0} events/s, slowest batch {slowest:.1} ms"));
    assert_eq!(store.records().foreign + store.records().duplicates, 0);
}

/// Makes the store that is asked, where there is none.
fn make(directory: &Path, events: usize) {
    let finished = directory.join("finished");
    if finished.exists() {
        return;
    }
    drop(fs::remove_dir_all(directory));
    let begun = Instant::now();
    let mut store = Store::open(directory, config()).expect("a store");
    let mut mail = Mail::new(INTERVAL_MS);
    for batch in 0..events.div_ceil(BATCH_ENTRIES) {
        store.apply(&mail.batch()).expect("applied");
        if batch.is_multiple_of(32) {
            store.checkpoint().expect("on disk");
        }
    }
    store.checkpoint().expect("on disk");
    fs::write(&finished, b"").expect("finished");
    let octets: u64 = fs::read_dir(directory)
        .expect("a directory")
        .map(|file| file.and_then(|file| file.metadata()).expect("a file").len())
        .sum();
    let (took, each) = (begun.elapsed().as_secs(), octets / events as u64);
    tell(&format!("made a store of {events} events in {took} s, {each} octets an event"));
}

/// How long reports take.
fn reports(directory: &Path) {
    let mut reader = StoreReader::open(directory).expect("a store");
    let at = |hours: i64| Some(Timestamp(BEGIN_MS + hours * 3_600_000));
    let all = ReportFilter::default;
    for (name, filter) in [
        ("all", all()),
        ("one campaign", ReportFilter { campaign: Some("campaign-7".into()), ..all() }),
        ("one tag", ReportFilter { tag: Some("tag-1".into()), ..all() }),
        ("whole days", ReportFilter { since: at(24), until: at(24 * 30), ..all() }),
        ("since an hour", ReportFilter { since: at(24 * 20 + 13), ..all() }),
        ("seven hours", ReportFilter { since: at(24 * 9 + 5), until: at(24 * 9 + 12), ..all() }),
        (
            "campaign, tag and hours",
            ReportFilter {
                since: at(5),
                until: at(24 * 40 + 7),
                campaign: Some("campaign-6".into()),
                tag: Some("tag-2".into()),
            },
        ),
    ] {
        let mut times = Vec::new();
        let mut links = 0;
        for _ in 0..RUNS {
            let begun = Instant::now();
            links = black_box(reader.report(&filter).expect("a report")).links.len();
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (median, slowest) = (ms(times[RUNS / 2]), ms(times[RUNS - 1]));
        tell(&format!(
            "report: {name:24} {median:>8.2} ms, slowest {slowest:>7.2} ms, {links} links"
        ));
    }
}

/// How long it takes to find a message.
fn finding(directory: &Path) {
    let messages = Messages::open(directory).expect("a store");
    let mut random = Random(7);
    let ids: Vec<_> = (0..FOUND).map(|_| message_id(100_000 + random.below(NEAR))).collect();
    let missing = ids.iter().filter(|id| messages.find(id).expect("read").is_none()).count();
    assert_eq!(missing, 0, "messages that are not found");
    let begun = Instant::now();
    for id in &ids {
        black_box(messages.find(id).expect("read"));
    }
    let each = begun.elapsed().as_secs_f64() * 1e6 / ids.len() as f64;
    tell(&format!("find a message {each:>26.2} µs"));
}

/// Numbers without a pattern that matters, the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Mail as it comes: each message is received, taken over and delivered; some are opened and
/// clicked on within two days. Campaigns of 20,000 messages run one after the other, five at a
/// time.
struct Mail {
    random: Random,
    interval_ms: i64,
    messages: u64,
    position: u64,
    /// What is still to happen, the next first.
    later: BinaryHeap<Reverse<(i64, u64, u64)>>,
    events: VecDeque<Event>,
    sequence: u64,
}

/// What happens later to a message.
const DELIVERY: u64 = 0;
const INITIAL_OPEN: u64 = 1;
const OPEN: u64 = 2;
const CLICK: u64 = 3;

fn message_id(number: u64) -> MessageId {
    let at = Timestamp(BEGIN_MS + number as i64 * 100);
    let [.., a, b, c, d, e] = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    MessageId::new(at, [a, b, c, d, e])
}

fn campaign_of(message: u64) -> u64 {
    message / 100_000 * 5 + message % 5
}

impl Mail {
    fn new(interval_ms: i64) -> Self {
        Self {
            random: Random(0x5eed),
            interval_ms,
            messages: 0,
            position: 0,
            later: BinaryHeap::new(),
            events: VecDeque::new(),
            sequence: 0,
        }
    }

    fn batch(&mut self) -> Vec<LogEntry> {
        while self.events.len() < BATCH_ENTRIES {
            self.message();
        }
        let events = self.events.drain(..BATCH_ENTRIES);
        let entry = |event| {
            let position = self.position;
            self.position += 500;
            LogEntry::Event { position, next: position + 500, event: Box::new(event) }
        };
        events.map(entry).collect()
    }

    /// The next message, and what happens to others until then.
    fn message(&mut self) {
        let number = self.messages;
        let at = BEGIN_MS + number as i64 * self.interval_ms;
        self.messages += 1;
        while let Some(Reverse((due, kind, message))) = self.later.peek().copied() {
            if due > at {
                break;
            }
            self.later.pop();
            let occurrence = self.happening(kind, message);
            self.add(due, message, occurrence);
        }
        self.add(at, number, reception(number));
        let reply = UpstreamReply {
            error_code: 250,
            raw_reason: format!("2.0.0 Ok: queued as {}", queue_id(number)),
            queue_id: Some(queue_id(number)),
            attempt: None,
        };
        self.add(at + 30, number, Occurrence::Injection(reply));
        let mut later =
            |kind, after: u64| self.later.push(Reverse((at + after as i64, kind, number)));
        later(DELIVERY, 400 + self.random.below(3_000));
        let opened = 5_000 + self.random.below(self.random.0 % (48 * HOUR_MS) + 1);
        let fate = self.random.below(100);
        if fate < 40 {
            later(OPEN, opened);
        }
        if fate < 20 {
            later(INITIAL_OPEN, opened);
        }
        if fate < 10 {
            later(CLICK, opened + 20_000);
        }
    }

    fn happening(&mut self, kind: u64, message: u64) -> Occurrence {
        let agents = [
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15",
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0",
        ];
        let visit = Visit {
            ip_address: Some([192, 0, 2, self.random.below(250) as u8].into()),
            user_agent: agents[self.random.below(3) as usize].into(),
            ..Visit::default()
        };
        match kind {
            DELIVERY => Occurrence::Delivery(delivered(message)),
            INITIAL_OPEN => Occurrence::InitialOpen(visit),
            OPEN => Occurrence::Open(visit),
            _ => Occurrence::Click(Click {
                visit,
                link_index: 3,
                target_link_name: String::new(),
                target_link_url: format!(
                    "https://shop.example/november/{}/offer-{}?utm_source=mail",
                    campaign_of(message),
                    self.random.below(20)
                ),
            }),
        }
    }

    fn add(&mut self, at: i64, message: u64, occurrence: Occurrence) {
        self.sequence += 1;
        let [a, b, c, d, e, f, g, h] = self.sequence.to_be_bytes();
        let event_id = EventId::new(Timestamp(at), [0, 0, a, b, c, d, e, f, g, h]);
        // Half of the records are of an MTA that knows but its queue id.
        let is_nameless =
            matches!(occurrence, Occurrence::Delivery(_)) && message.is_multiple_of(2);
        let message_id = if is_nameless { MessageId::UNKNOWN } else { message_id(message) };
        self.events.push_back(Event {
            event_id,
            timestamp: Timestamp(at),
            message_id,
            occurrence,
            is_from_elsewhere: false,
        });
    }
}

fn queue_id(message: u64) -> String {
    format!("4Z{message:010X}z")
}

fn delivered(message: u64) -> UpstreamReply {
    let attempt = Attempt {
        rcpt_to: format!("recipient{message}@example.com"),
        routing_domain: "example.com".into(),
        ip_address: Some([198, 51, 100, 7].into()),
        remote_mta: "mx.example.com".into(),
        num_retries: Some(u32::from(message.is_multiple_of(9))),
        queue_time: Some(400 + message % 3_000),
        format: "postfix".into(),
        ..Attempt::default()
    };
    UpstreamReply {
        error_code: 250,
        raw_reason: "2.0.0 Ok: queued as 7AA1".into(),
        queue_id: Some(queue_id(message)),
        attempt: Some(Box::new(attempt)),
    }
}

fn reception(message: u64) -> Occurrence {
    let campaign = campaign_of(message);
    let metadata = serde_json::json!({"customer": message, "segment": "north"});
    let serde_json::Value::Object(rcpt_meta) = metadata else { panic!("an object") };
    let rcpt_meta: Metadata = rcpt_meta;
    Occurrence::Reception(Box::new(Reception {
        transmission_id: TransmissionId::new(Timestamp(BEGIN_MS), [1, 2, 3]),
        rcpt_to: format!("recipient{message}@example.com"),
        rcpt_type: RcptType::To,
        links_of: None,
        msg_from: "news@shop.example".into(),
        subject: "The offers of November".into(),
        friendly_from: "Shop <news@shop.example>".into(),
        account: Account::default(),
        client: Client {
            client_address: Some([192, 0, 2, 7].into()),
            client_helo: "app.shop.example".into(),
            client_protocol: "ESMTP".into(),
            ..Client::default()
        },
        campaign_id: format!("campaign-{campaign}"),
        rcpt_meta,
        rcpt_meta_reach: MetadataReach::Engagement,
        rcpt_tags: match campaign % 5 {
            0 => Vec::new(),
            tag => vec![format!("tag-{tag}")],
        },
        options: Options::default(),
        msg_size: 40_000,
        open_tracking: true,
        initial_pixel: true,
        click_tracking: true,
        amp_enabled: false,
        links: 20,
        untouched: Vec::new(),
    }))
}
