//! Questions to a store and its answers: what `mailwake report` and `mailwake events`
//! print, and what they print with `--json`. Plain values; no store is touched here.
//!
//! Unique is defined twice. `unique` counts a message when its kind of event happens for
//! the first time ever, in the hour of that first time; so it adds up over hours, days
//! and campaigns. `unique_per_day` counts a message once on each day (UTC) on which it
//! happens.
//!
//! From opens on, everything is counted three times: raw, which is every event; `filtered`,
//! without those of machines; and `confirmed`, those of people that leave no doubt
//! (`docs/verdicts.md`).

use serde::{Serialize, Serializer};
use serde_json::Map;
use std::ops::AddAssign;
use tracking::event::{Event, Metadata};
use tracking::ids::{MessageId, Timestamp, TransmissionId};
use tracking::verdict::Verdict;

/// What a report is about. The default is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportFilter {
    /// From the hour of this time on.
    pub since: Option<Timestamp>,
    /// Up to this time, rounded up to a whole hour.
    pub until: Option<Timestamp>,
    /// Only this campaign; the empty name is that of messages without one.
    pub campaign: Option<String>,
    /// Only messages with this tag.
    pub tag: Option<String>,
}

/// What happened, counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The filter's begin.
    #[serde(serialize_with = "rfc3339")]
    pub since: Option<Timestamp>,
    /// The filter's end.
    #[serde(serialize_with = "rfc3339")]
    pub until: Option<Timestamp>,
    /// All campaigns together.
    pub counters: Counters,
    /// Each campaign, by name.
    pub campaigns: Vec<CampaignReport>,
    /// Each tag, by name. A message with several counts for each of them.
    pub tags: Vec<TagReport>,
    /// Bounces by class, the most frequent first.
    pub bounces: Vec<BounceReport>,
    /// Each link, the most clicked first.
    pub links: Vec<LinkReport>,
}

/// What happened to the messages of one campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CampaignReport {
    /// The campaign; empty for messages without one, or unknown to the store.
    pub campaign_id: String,
    /// What happened.
    pub counters: Counters,
}

/// What happened to the messages with one tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagReport {
    /// The tag.
    pub tag: String,
    /// What happened.
    pub counters: Counters,
}

/// The counters of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Messages that upstream took over (`injection`).
    pub outbound: u64,
    /// Messages that upstream refused for good, as the sender was told
    /// (`policy_rejection`).
    pub refused: u64,
    /// Messages that were given up or came back (`bounce`, `out_of_band`).
    pub failed: u64,
    /// Times that a message was refused for now (`delay`).
    pub delayed: u64,
    /// What the records of MTAs tell.
    #[serde(flatten)]
    pub way: WayCounters,
    /// The pixel at the end was fetched (`open`).
    pub opens: Count,
    /// The pixel at the top was fetched (`initial_open`).
    pub initial_opens: Count,
    /// Any pixel was fetched.
    pub rendered: Count,
    /// A link was followed (`click`).
    pub clicks: Count,
    /// The recipient wants no more, by a link (`link_unsubscribe`) or by the header's field
    /// (`list_unsubscribe`).
    pub unsubscribes: Count,
    /// Any pixel was fetched, or a link was followed.
    pub confirmed_opens: Count,
}

/// The way of messages, as SparkPost's metrics count it (`count_` is left out of their names).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct WayCounters {
    /// Injected and rejected ones.
    pub targeted: u64,
    /// Messages that upstream took over (`injection`).
    pub injected: u64,
    /// Messages that were refused, or not made, of which the sender was told.
    pub rejected: u64,
    /// Those that were refused (`policy_rejection`).
    pub policy_rejection: u64,
    /// Those that could not be made (`generation_failure`).
    pub generation_failed: u64,
    /// Those that were not to be made (`generation_rejection`).
    pub generation_rejection: u64,
    /// Deliveries and inband bounces.
    pub sent: u64,
    /// Deliveries without those that came back.
    pub accepted: u64,
    /// Messages that the recipient's MTA took over (`delivery`).
    pub delivered: u64,
    /// Those at the first attempt.
    pub delivered_first: u64,
    /// Those at a later one.
    pub delivered_subsequent: u64,
    /// Inband and out-of-band bounces.
    pub bounce: u64,
    /// Of these, the recipient is not there.
    pub hard_bounce: u64,
    /// It may be there later.
    pub soft_bounce: u64,
    /// The mail was not wanted.
    pub block_bounce: u64,
    /// An administrator has to act.
    pub admin_bounce: u64,
    /// Nobody knows.
    pub undetermined_bounce: u64,
    /// Messages that were given up (`bounce`).
    pub inband_bounce: u64,
    /// Messages that came back after delivery (`out_of_band`).
    pub outofband_bounce: u64,
    /// Deliveries that an MTA put off at the first attempt (`delay`).
    pub delayed_first: u64,
    /// Complaints of recipients (`spam_complaint`).
    pub spam_complaint: u64,
    /// Octets that were delivered, as far as records tell them.
    pub total_msg_volume: u64,
    /// Milliseconds in the queue of those delivered at the first attempt.
    pub total_delivery_time_first: u64,
    /// Milliseconds in the queue of those delivered at a later one.
    pub total_delivery_time_subsequent: u64,
    /// Mail that came in (`relay_injection`).
    pub inbound: u64,
    /// Of it, what was refused (`relay_rejection`).
    pub relay_rejection: u64,
    /// What was handed on (`relay_delivery`).
    pub relay_delivery: u64,
    /// Times that it could not be handed on yet (`relay_tempfail`).
    pub relay_tempfail: u64,
    /// What could not be handed on (`relay_permfail`).
    pub relay_permfail: u64,
}

impl WayCounters {
    /// Sets what follows from the others.
    pub fn derive(&mut self) {
        self.rejected = self.policy_rejection + self.generation_failed + self.generation_rejection;
        self.targeted = self.injected + self.rejected;
        self.delivered = self.delivered_first + self.delivered_subsequent;
        self.bounce = self.inband_bounce + self.outofband_bounce;
        self.sent = self.delivered + self.inband_bounce;
        self.accepted = self.delivered.saturating_sub(self.outofband_bounce);
    }
}

/// How many bounces are of a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BounceReport {
    /// The class, by its number.
    pub bounce_class: u8,
    /// Its name.
    pub name: &'static str,
    /// What it means: Hard, Soft, Block, Admin or Undetermined.
    pub category: &'static str,
    /// Inband and out-of-band bounces.
    pub count: u64,
}

/// How often, and for how many messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Every time.
    pub total: u64,
    /// The first time of each message.
    pub unique: u64,
    /// The first time of each message on each day.
    pub unique_per_day: u64,
    /// The same without what machines did.
    pub filtered: Tally,
    /// The same of what people did beyond doubt.
    pub confirmed: Tally,
}

/// How often, and for how many messages, in one grade.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Every time.
    pub total: u64,
    /// The first time of each message.
    pub unique: u64,
    /// The first time of each message on each day.
    pub unique_per_day: u64,
}

/// How often a link was followed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LinkReport {
    /// The campaign of the messages.
    pub campaign_id: String,
    /// Where the link leads.
    pub target_link_url: String,
    /// What its sender calls the link; `Raw URL` where it has no name.
    pub name: String,
    /// Every time.
    pub clicks: u64,
    /// Messages whose link to this target was followed.
    pub unique_clicks: u64,
    /// The same without what machines did.
    pub filtered: LinkTally,
    /// The same of what people did beyond doubt.
    pub confirmed: LinkTally,
    /// The part of all clicks of the report, from 0 to 1.
    pub share: f64,
}

/// How often a link was followed, in one grade.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LinkTally {
    /// Every time.
    pub clicks: u64,
    /// Messages whose link to this target was followed.
    pub unique_clicks: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.unique += other.unique;
        self.unique_per_day += other.unique_per_day;
        self.filtered += other.filtered;
        self.confirmed += other.confirmed;
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.unique += other.unique;
        self.unique_per_day += other.unique_per_day;
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.outbound += other.outbound;
        self.refused += other.refused;
        self.failed += other.failed;
        self.delayed += other.delayed;
        self.way += other.way;
        self.opens += other.opens;
        self.initial_opens += other.initial_opens;
        self.rendered += other.rendered;
        self.clicks += other.clicks;
        self.unsubscribes += other.unsubscribes;
        self.confirmed_opens += other.confirmed_opens;
    }
}

impl AddAssign for WayCounters {
    fn add_assign(&mut self, other: Self) {
        self.injected += other.injected;
        self.policy_rejection += other.policy_rejection;
        self.generation_failed += other.generation_failed;
        self.generation_rejection += other.generation_rejection;
        self.delivered_first += other.delivered_first;
        self.delivered_subsequent += other.delivered_subsequent;
        self.hard_bounce += other.hard_bounce;
        self.soft_bounce += other.soft_bounce;
        self.block_bounce += other.block_bounce;
        self.admin_bounce += other.admin_bounce;
        self.undetermined_bounce += other.undetermined_bounce;
        self.inband_bounce += other.inband_bounce;
        self.outofband_bounce += other.outofband_bounce;
        self.delayed_first += other.delayed_first;
        self.spam_complaint += other.spam_complaint;
        self.total_msg_volume += other.total_msg_volume;
        self.total_delivery_time_first += other.total_delivery_time_first;
        self.total_delivery_time_subsequent += other.total_delivery_time_subsequent;
        self.inbound += other.inbound;
        self.relay_rejection += other.relay_rejection;
        self.relay_delivery += other.relay_delivery;
        self.relay_tempfail += other.relay_tempfail;
        self.relay_permfail += other.relay_permfail;
        self.derive();
    }
}

/// Which events are asked for. The default is the first thousand of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter {
    /// Only those of this message.
    pub message_id: Option<MessageId>,
    /// Only those of this type, by its name in the stored form.
    pub type_name: Option<String>,
    /// Only those that happened then or later.
    pub since: Option<Timestamp>,
    /// Only those that happened before.
    pub until: Option<Timestamp>,
    /// Only those behind this position of the log.
    pub after_position: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

impl Default for EventFilter {
    fn default() -> Self {
        let limit = 1000;
        Self {
            message_id: None,
            type_name: None,
            since: None,
            until: None,
            after_position: None,
            limit,
        }
    }
}

/// An event as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredEvent {
    /// Its place in the log.
    pub position: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// What is known of the message it happened to; nothing in a reception, which says it.
    #[serde(flatten)]
    pub message: MessageFacts,
    /// Who is behind an engagement, in the light of what else was asked for; the event itself
    /// has the first verdict. Nothing where the store does not keep it any more.
    #[serde(flatten)]
    pub settled: Option<Settled>,
}

/// The settled verdict of an engagement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// Who is behind it.
    pub settled_verdict: Verdict,
    /// Why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settled_reasons: Vec<String>,
}

/// What is known of the message of an event: what the store has, or what the link told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MessageFacts {
    /// The part of its recipient; left out for one of the envelope.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rcpt_type: String,
    /// The campaign.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub campaign_id: String,
    /// The sender's metadata.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub rcpt_meta: Metadata,
    /// The tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rcpt_tags: Vec<String>,
}

/// A message as the store knows it: its reception, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredMessage {
    /// The message.
    pub message_id: MessageId,
    /// Shared by the copies of one DATA.
    pub transmission_id: TransmissionId,
    /// When the gateway had the copy ready.
    pub received_at: Timestamp,
    /// The recipient.
    pub rcpt_to: String,
    /// The reverse-path.
    pub msg_from: String,
    /// The Subject field, decoded.
    pub subject: String,
    /// The From field.
    pub friendly_from: String,
    /// The campaign.
    pub campaign_id: String,
    /// Octets of the copy.
    pub msg_size: u64,
    /// What became of it.
    pub state: MessageState,
    /// What upstream said to it last.
    pub raw_reason: Option<String>,
    /// The queue id that upstream told.
    pub queue_id: Option<String>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// The gateway had it; upstream has not answered yet.
    Received,
    /// Upstream refused it for now.
    Delayed,
    /// Upstream took it over.
    Accepted,
    /// Upstream could not deliver it yet, as its records say.
    Deferred,
    /// Upstream refused it for good, and the sender knows.
    Refused,
    /// Upstream refused it for good after the sender was told otherwise.
    Failed,
    /// The recipient's MTA took it over.
    Delivered,
    /// Upstream gave it up.
    Bounced,
    /// It came back after it had been delivered.
    OutOfBand,
    /// The recipient has complained about it.
    Complained,
}

impl MessageState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Received,
        Self::Delayed,
        Self::Accepted,
        Self::Deferred,
        Self::Refused,
        Self::Failed,
        Self::Delivered,
        Self::Bounced,
        Self::OutOfBand,
        Self::Complained,
    ];

    /// The state's stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Delayed => "delayed",
            Self::Accepted => "accepted",
            Self::Deferred => "deferred",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::OutOfBand => "out_of_band",
            Self::Complained => "complained",
        }
    }

    /// How far on the way of a message it is. Of two states the further one holds, in whatever
    /// order they are told.
    pub fn stage(self) -> u8 {
        match self {
            Self::Received => 0,
            Self::Delayed => 1,
            Self::Accepted => 2,
            Self::Deferred => 3,
            Self::Refused | Self::Failed | Self::Delivered | Self::Bounced => 4,
            Self::OutOfBand => 5,
            Self::Complained => 6,
        }
    }
}

fn rfc3339<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time.map(|time| jiff::Timestamp::from_millisecond(time.0)) {
        Some(Ok(time)) => serializer.collect_str(&time),
        // A time beyond the calendar limits nothing.
        Some(Err(_)) | None => serializer.serialize_none(),
    }
}
