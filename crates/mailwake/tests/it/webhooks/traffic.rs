//! Events of a gateway and a tracker, as many as are wanted, written to the log of an
//! installation that does not run.

use crate::support::mailwake::Installation;
use mailwake::event_log::{EventLog, LogConfig, writer::Batch};
use std::collections::{BTreeMap, BTreeSet};
use tokio::runtime::Builder;
use tracking::{
    account::Account,
    event::{
        Click, Client, Event, Metadata, MetadataReach, Occurrence, RcptType, Reception,
        UpstreamReply, Visit,
    },
    ids::{EventId, MessageId, Timestamp, TransmissionId},
    smtpapi::Options,
};

/// Stands in events that endpoints refuse.
pub(super) const BAD: &str = "refused-by-plan";

/// One of so many events is such a one.
const BAD_EVERY: usize = 4_999;

/// Events that go to the log together.
const APPEND_EVENTS: usize = 1_000;

/// Some messages and what happens to them, one event at a time: each message is opened and
/// clicked on over and over.
#[derive(Debug)]
pub(super) struct Traffic {
    messages: usize,
    start: Timestamp,
    /// How many events were made.
    next: usize,
    /// The ids of events that sinks know, in order, by message.
    pub(super) expected: BTreeMap<String, Vec<String>>,
    /// The ids of those that endpoints refuse.
    pub(super) bad: BTreeSet<String>,
}

impl Traffic {
    /// With so many messages.
    pub(super) fn new(messages: usize) -> Self {
        let start = Timestamp::from(std::time::SystemTime::now());
        Self { messages, start, next: 0, expected: BTreeMap::new(), bad: BTreeSet::new() }
    }

    /// How many events sinks are to get.
    pub(super) fn expected(&self) -> usize {
        self.expected.values().map(Vec::len).sum()
    }

    /// Appends so many further events that sinks know.
    pub(super) fn append(&mut self, installation: &Installation, events: usize) {
        let config =
            LogConfig { segment_bytes: 4 << 20, ..LogConfig::new(installation.data().join("log")) };
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let (log, _) = EventLog::open(&config).expect("an event log");
        let writer = log.writer();
        let until = self.expected() + events;
        let mut made = self.expected();
        while made < until {
            let mut batch = Batch::default();
            while batch.events() < APPEND_EVENTS && made < until {
                let event = self.event();
                if !matches!(event.occurrence, Occurrence::Reception(_)) {
                    let of_message = self.expected.entry(event.message_id.to_string());
                    of_message.or_default().push(event.event_id.to_string());
                    made += 1;
                    let agent = event.occurrence.visit().map(|visit| visit.user_agent.as_str());
                    if agent.is_some_and(|agent| agent.contains(BAD)) {
                        self.bad.insert(event.event_id.to_string());
                    }
                }
                batch.push(&event).expect("a small event");
            }
            runtime.block_on(writer.append_batch(batch)).expect("room in the log");
        }
    }

    /// The next event: receptions first, then what happens to one message after the other.
    fn event(&mut self) -> Event {
        let number = self.next;
        self.next += 1;
        let (round, message) = (number / self.messages, number % self.messages);
        let timestamp = Timestamp(self.start.0 + number as i64 / 100);
        let mut nonce = [0; 10];
        nonce[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let mut message_nonce = [0; 5];
        message_nonce[1..].copy_from_slice(&(message as u32).to_be_bytes());
        Event {
            event_id: EventId::new(timestamp, nonce),
            timestamp,
            message_id: MessageId::new(self.start, message_nonce),
            occurrence: occurrence(number, round, message, self.start),
            is_from_elsewhere: false,
        }
    }
}

fn occurrence(number: usize, round: usize, message: usize, start: Timestamp) -> Occurrence {
    let suffix = if number % BAD_EVERY == BAD_EVERY - 1 { BAD } else { "" };
    let visit = Visit {
        ip_address: Some([198, 51, 100, (message % 250) as u8].into()),
        user_agent: format!("Mozilla/5.0 (X11; Linux x86_64) round/{round} {suffix}"),
        ..Visit::default()
    };
    match round {
        0 => Occurrence::Reception(Box::new(reception(message, start))),
        1 => Occurrence::Injection(UpstreamReply {
            error_code: 250,
            raw_reason: "2.0.0 Ok".into(),
            ..UpstreamReply::default()
        }),
        _ if round % 3 == 2 => Occurrence::Open(visit),
        _ => Occurrence::Click(Click {
            visit,
            link_index: 0,
            target_link_name: String::new(),
            target_link_url: format!("https://shop.example/offer/{message}"),
        }),
    }
}

fn reception(message: usize, start: Timestamp) -> Reception {
    Reception {
        transmission_id: TransmissionId::new(start, [0, (message >> 8) as u8, message as u8]),
        rcpt_to: format!("Recipient{message}@example.com"),
        rcpt_type: RcptType::To,
        links_of: None,
        msg_from: "news@shop.example".into(),
        subject: "November".into(),
        friendly_from: "Shop <news@shop.example>".into(),
        account: Account::default(),
        client: Client::default(),
        campaign_id: "november".into(),
        rcpt_meta: Metadata::new(),
        rcpt_meta_reach: MetadataReach::Engagement,
        rcpt_tags: Vec::new(),
        options: Options::default(),
        msg_size: 20_481,
        open_tracking: true,
        initial_pixel: false,
        click_tracking: true,
        amp_enabled: false,
        links: 1,
        untouched: Vec::new(),
    }
}
