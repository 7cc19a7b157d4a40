//! What entries of the log mean for the main database. Runs inside a transaction that
//! the caller begins and commits.

use super::engagements::{self, Deed, Engagement};
use super::rollups::{Bucket, First, Grade, Rollups, Seen};
use super::store::LogEntry;
use rusqlite::{Connection, OptionalExtension, Params, Transaction, params};
use tracking::event::{
    Click, Event, Metadata, Occurrence, RcptType, Reception, UpstreamReply, Visit,
};
use tracking::ids::MessageId;
use tracking::verdict::Judgement;

use crate::stores::report::MessageState;

pub(super) type Result<T> = std::result::Result<T, rusqlite::Error>;

/// The campaign of messages without one, and of those that the store does not know.
const NO_CAMPAIGN: i64 = 0;

/// What is counted. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Open = 1,
    InitialOpen = 2,
    Rendered = 3,
    Click = 4,
    /// A click per message and link; counted in the rollups of links.
    LinkClick = 5,
    ConfirmedOpen = 6,
    /// By a link or by the field of the header: who does both leaves once.
    Unsubscribe = 7,
    Reception = 10,
    Injection = 11,
    PolicyRejection = 12,
    Bounce = 13,
    Delay = 14,
}

/// How far entries were applied.
pub(super) fn applied(connection: &Connection) -> Result<u64> {
    connection.query_row("SELECT applied FROM progress", [], |row| {
        Ok(row.get::<_, i64>(0)?.cast_unsigned())
    })
}

/// Remembers how far entries were applied.
pub(super) fn set_applied(transaction: &Transaction<'_>, applied: u64) -> Result<()> {
    transaction.execute("UPDATE progress SET applied = ?", [applied.cast_signed()])?;
    Ok(())
}

/// Counts entries, and keeps what they say of messages.
pub(super) fn apply(transaction: &Transaction<'_>, entries: &[LogEntry]) -> Result<()> {
    let knows_tags =
        transaction.query_row("SELECT EXISTS (SELECT 1 FROM tags)", [], |row| row.get(0))?;
    let mut applier = Applier { transaction, knows_tags, rollups: Rollups::default() };
    for entry in entries {
        match entry {
            LogEntry::Event { event, position, .. } => applier.event(event, *position)?,
            LogEntry::Damage { position, next, kind } => {
                applier.damage(*position, next - position, kind)?;
            }
        }
    }
    applier.rollups.write(transaction)
}

/// What a reception says besides the columns of its message, as `Messages` reads it.
fn facts(reception: &Reception) -> String {
    let rest = Reception {
        rcpt_to: String::new(),
        rcpt_type: RcptType::To,
        msg_from: String::new(),
        subject: String::new(),
        friendly_from: String::new(),
        campaign_id: String::new(),
        rcpt_meta: Metadata::new(),
        rcpt_tags: Vec::new(),
        ..reception.clone()
    };
    serde_json::to_string(&rest).unwrap_or_default()
}

struct Applier<'a> {
    transaction: &'a Transaction<'a>,
    /// Some message has had a tag; before that, none is looked for.
    knows_tags: bool,
    rollups: Rollups,
}

/// What the counts of a message go by.
struct Groups {
    campaign: i64,
    /// All messages, and the tags of this one.
    tags: Vec<i64>,
}

impl Applier<'_> {
    fn event(&mut self, event: &Event, position: u64) -> Result<()> {
        match &event.occurrence {
            Occurrence::Reception(reception) => self.reception(event, reception),
            Occurrence::Injection(reply) => {
                self.outcome(event, reply, MessageState::Accepted, Kind::Injection)
            }
            Occurrence::Delay(reply) => {
                self.outcome(event, reply, MessageState::Delayed, Kind::Delay)
            }
            Occurrence::Bounce(reply) => {
                self.outcome(event, reply, MessageState::Failed, Kind::Bounce)
            }
            // What MTAs tell later is in the events, and not in the counts yet.
            Occurrence::Delivery(_)
            | Occurrence::OutOfBand(_)
            | Occurrence::SpamComplaint(_)
            | Occurrence::GenerationFailure(_)
            | Occurrence::GenerationRejection(_)
            | Occurrence::RelayInjection(_)
            | Occurrence::RelayRejection(_)
            | Occurrence::RelayDelivery(_)
            | Occurrence::RelayTempfail(_)
            | Occurrence::RelayPermfail(_) => Ok(()),
            Occurrence::PolicyRejection(reply) => {
                self.outcome(event, reply, MessageState::Refused, Kind::PolicyRejection)
            }
            Occurrence::Open(visit) | Occurrence::AmpOpen(visit) => {
                self.engagement(event, position, visit, Deed::Open, None)
            }
            Occurrence::InitialOpen(visit) | Occurrence::AmpInitialOpen(visit) => {
                self.engagement(event, position, visit, Deed::InitialOpen, None)
            }
            Occurrence::Click(click) | Occurrence::AmpClick(click) => {
                self.engagement(event, position, &click.visit, Deed::Click, Some(click))
            }
            Occurrence::LinkUnsubscribe(click) => {
                self.engagement(event, position, &click.visit, Deed::LinkUnsubscribe, Some(click))
            }
            Occurrence::Honeypot(visit) => {
                self.engagement(event, position, visit, Deed::Honeypot, None)
            }
            Occurrence::ListUnsubscribe(unsubscription) => {
                let visit = &unsubscription.visit;
                self.engagement(event, position, visit, Deed::ListUnsubscribe, None)
            }
        }
    }

    fn reception(&mut self, event: &Event, reception: &Reception) -> Result<()> {
        let campaign = self.campaign_id(&reception.campaign_id)?;
        self.transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO messages
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, ?, ?, NULL, NULL)",
            )?
            .execute(params![
                event.message_id.octets(),
                reception.transmission_id.to_string(),
                event.timestamp.0,
                reception.rcpt_to,
                reception.msg_from,
                reception.subject,
                reception.friendly_from,
                campaign,
                reception.msg_size.cast_signed(),
                MessageState::Received.name(),
                reception.rcpt_type.name(),
                serde_json::to_string(&reception.rcpt_meta).unwrap_or_default(),
                reception.rcpt_meta_reach.name(),
                facts(reception),
            ])?;
        if !reception.rcpt_tags.is_empty() {
            self.set_tags(&event.message_id, &reception.rcpt_tags)?;
        }
        let groups = Groups { campaign, tags: self.tags_of(&event.message_id)? };
        self.count(event, &groups, Kind::Reception);
        Ok(())
    }

    /// Gives a message its tags, unless something of it was counted already without them.
    fn set_tags(&mut self, message_id: &MessageId, tags: &[String]) -> Result<()> {
        let is_seen = self
            .transaction
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM seen WHERE message_id = ?)")?
            .query_row([message_id.octets()], |row| row.get(0))?;
        if is_seen {
            return Ok(());
        }
        let find = "SELECT id FROM tags WHERE tag = ?";
        for (place, tag) in tags.iter().enumerate() {
            let tag = self.id(find, "INSERT INTO tags (tag) VALUES (?)", [tag])?;
            self.transaction
                .prepare_cached("INSERT OR IGNORE INTO message_tags VALUES (?, ?, ?)")?
                .execute(params![message_id.octets(), tag, place as i64])?;
        }
        self.knows_tags = true;
        Ok(())
    }

    /// Upstream's answer. Its last word is one of taking over or refusing for good.
    fn outcome(
        &mut self,
        event: &Event,
        reply: &UpstreamReply,
        state: MessageState,
        kind: Kind,
    ) -> Result<()> {
        self.transaction
            .prepare_cached(
                "UPDATE messages SET state = ?, raw_reason = ?, queue_id = ?, injected_at = ?
                 WHERE message_id = ? AND state IN ('received', 'delayed')",
            )?
            .execute(params![
                state.name(),
                reply.raw_reason,
                reply.queue_id,
                (kind == Kind::Injection).then_some(event.timestamp.0),
                event.message_id.octets()
            ])?;
        let groups = self.groups_of(&event.message_id, "")?;
        self.count(event, &groups, kind);
        Ok(())
    }

    /// Counts an engagement, and what came near it anew where it is evidence.
    fn engagement(
        &mut self,
        event: &Event,
        position: u64,
        visit: &Visit,
        deed: Deed,
        click: Option<&Click>,
    ) -> Result<()> {
        let groups = self.groups_of(&event.message_id, &visit.campaign_id)?;
        let first = visit.judgement();
        let mut this = Engagement {
            message_id: event.message_id,
            at: event.timestamp,
            position,
            deed,
            link: click.map(|click| self.link_id(click)).transpose()?.unwrap_or(0),
            link_index: click.map_or(0, |click| click.link_index.into()),
            campaign: groups.campaign,
            address: visit.ip_address,
            agent: crc32c::crc32c(visit.user_agent.as_bytes()),
            settled: first.clone(),
            first,
        };
        for (mut other, settled) in engagements::settle(self.transaction, &mut this)? {
            let was = std::mem::replace(&mut other.settled, settled);
            engagements::set_settled(self.transaction, &other)?;
            self.regrade(&other, &was, &groups.tags)?;
        }
        for (kind, link) in this.kinds() {
            let mut seen = Seen::read(self.transaction, &this.message_id, kind, link)?;
            for grade in Grade::ALL.into_iter().filter(|grade| grade.has(&this.settled)) {
                self.rollups.add(&mut seen, this.first_time(), grade, &groups.tags);
            }
            seen.write(self.transaction)?;
        }
        engagements::insert(self.transaction, &this)
    }

    /// Counts an engagement that is settled anew, which was counted as it was before.
    fn regrade(&mut self, this: &Engagement, was: &Judgement, tags: &[i64]) -> Result<()> {
        let changed: Vec<_> = Grade::ALL
            .into_iter()
            .filter(|grade| grade.has(was) != grade.has(&this.settled))
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        for (kind, link) in this.kinds() {
            let mut seen = Seen::read(self.transaction, &this.message_id, kind, link)?;
            for grade in changed.iter().copied() {
                if grade.has(&this.settled) {
                    self.rollups.add(&mut seen, this.first_time(), grade, tags);
                } else {
                    let next = || engagements::first_of_day(self.transaction, this, kind, grade);
                    self.rollups.take(&mut seen, this.first_time(), grade, tags, next)?;
                }
            }
            seen.write(self.transaction)?;
        }
        Ok(())
    }

    fn damage(&mut self, position: u64, octets: u64, kind: &str) -> Result<()> {
        self.transaction
            .prepare_cached("INSERT OR IGNORE INTO damage VALUES (?, ?, ?)")?
            .execute(params![position.cast_signed(), octets.cast_signed(), kind])?;
        Ok(())
    }

    fn count(&mut self, event: &Event, groups: &Groups, kind: Kind) {
        let this = First { at: event.timestamp, campaign: groups.campaign };
        self.rollups.count(Bucket::of(this, kind, 0), Grade::Raw, &groups.tags);
    }

    /// What the message counts for; where its campaign is not known, the one that a link told.
    fn groups_of(&self, message_id: &MessageId, told: &str) -> Result<Groups> {
        Ok(Groups {
            campaign: self.campaign_of(message_id, told)?,
            tags: self.tags_of(message_id)?,
        })
    }

    /// The tags of a message, and before them all messages.
    fn tags_of(&self, message_id: &MessageId) -> Result<Vec<i64>> {
        let mut tags = vec![super::rollups::ALL];
        if self.knows_tags {
            let mut statement = self
                .transaction
                .prepare_cached("SELECT tag FROM message_tags WHERE message_id = ?")?;
            for tag in statement.query_map([message_id.octets()], |row| row.get(0))? {
                tags.push(tag?);
            }
        }
        Ok(tags)
    }

    /// The campaign of a message; where that is not known, the one that a link told.
    fn campaign_of(&self, message_id: &MessageId, told: &str) -> Result<i64> {
        let campaign = self
            .transaction
            .prepare_cached("SELECT campaign FROM messages WHERE message_id = ?")?
            .query_row([message_id.octets()], |row| row.get(0))
            .optional()?;
        match campaign {
            Some(campaign) => Ok(campaign),
            None if told.is_empty() => Ok(NO_CAMPAIGN),
            None => self.campaign_id(told),
        }
    }

    fn campaign_id(&self, name: &str) -> Result<i64> {
        let find = "SELECT id FROM campaigns WHERE campaign_id = ?";
        self.id(find, "INSERT INTO campaigns (campaign_id) VALUES (?)", [name])
    }

    fn link_id(&self, click: &Click) -> Result<i64> {
        let find = "SELECT id FROM links WHERE target_link_url = ? AND name = ?";
        let insert = "INSERT INTO links (target_link_url, name) VALUES (?, ?)";
        self.id(find, insert, [click.target_link_url.as_str(), click.name()])
    }

    /// The number of what these texts name, which it gets when it is new.
    fn id(&self, find: &str, insert: &str, texts: impl Params + Clone) -> Result<i64> {
        let mut statement = self.transaction.prepare_cached(find)?;
        match statement.query_row(texts.clone(), |row| row.get(0)).optional()? {
            Some(id) => Ok(id),
            None => self.transaction.prepare_cached(insert)?.insert(texts),
        }
    }
}
