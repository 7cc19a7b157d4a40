//! What entries of the log mean for the main database. Runs inside a transaction that
//! the caller begins and commits.

use super::store::LogEntry;
use rusqlite::{Connection, OptionalExtension, Params, Transaction, params};
use std::collections::HashMap;
use tracking::event::{Click, Event, Occurrence, Reception, UpstreamReply, Visit};
use tracking::ids::{MessageId, Timestamp};

use crate::stores::report::MessageState;

type Result<T> = std::result::Result<T, rusqlite::Error>;

/// Milliseconds in an hour, the width of a rollup.
pub(super) const HOUR_MS: i64 = 3_600_000;

/// The campaign of messages without one, and of those that the store does not know.
const NO_CAMPAIGN: i64 = 0;

/// In the place of a tag: all messages.
const ALL: i64 = 0;

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
    let mut applier = Applier { transaction, knows_tags, changes: HashMap::new() };
    for entry in entries {
        match entry {
            LogEntry::Event { event, .. } => applier.event(event)?,
            LogEntry::Damage { position, next, kind } => {
                applier.damage(*position, next - position, kind)?;
            }
        }
    }
    applier.write()
}

/// A row of a rollup. `link` is 0 for the rollups that are not per link, `tag` for those
/// that count all messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Bucket {
    tag: i64,
    hour: i64,
    campaign: i64,
    kind: Kind,
    link: i64,
}

/// What is to be added to a row of a rollup.
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    total: i64,
    first_ever: i64,
    distinct_day: i64,
}

/// A time at which a kind was first seen, and the campaign it was counted under.
#[derive(Debug, Clone, Copy)]
struct First {
    day: i64,
    at: Timestamp,
    campaign: i64,
}

impl First {
    fn bucket(&self, kind: Kind, link: i64) -> Bucket {
        let hour = self.at.0.div_euclid(HOUR_MS);
        Bucket { tag: ALL, hour, campaign: self.campaign, kind, link }
    }
}

struct Applier<'a> {
    transaction: &'a Transaction<'a>,
    /// Some message has had a tag; before that, none is looked for.
    knows_tags: bool,
    changes: HashMap<Bucket, Change>,
}

impl Applier<'_> {
    fn event(&mut self, event: &Event) -> Result<()> {
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
            Occurrence::PolicyRejection(reply) => {
                self.outcome(event, reply, MessageState::Refused, Kind::PolicyRejection)
            }
            Occurrence::Open(visit) | Occurrence::AmpOpen(visit) => {
                self.rendered(event, visit, Kind::Open)
            }
            Occurrence::InitialOpen(visit) | Occurrence::AmpInitialOpen(visit) => {
                self.rendered(event, visit, Kind::InitialOpen)
            }
            Occurrence::Click(click) | Occurrence::AmpClick(click) => self.click(event, click),
            Occurrence::LinkUnsubscribe(click) => self.unsubscribed(event, &click.visit),
            Occurrence::ListUnsubscribe(unsubscription) => {
                self.unsubscribed(event, &unsubscription.visit)
            }
        }
    }

    fn reception(&mut self, event: &Event, reception: &Reception) -> Result<()> {
        let campaign = self.campaign_id(&reception.campaign_id)?;
        self.transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO messages
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, ?)",
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
            ])?;
        if !reception.rcpt_tags.is_empty() {
            self.set_tags(&event.message_id, &reception.rcpt_tags)?;
        }
        self.count(event, campaign, Kind::Reception)
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
                "UPDATE messages SET state = ?, raw_reason = ?, queue_id = ?
                 WHERE message_id = ? AND state IN ('received', 'delayed')",
            )?
            .execute(params![
                state.name(),
                reply.raw_reason,
                reply.queue_id,
                event.message_id.octets()
            ])?;
        let campaign = self.campaign_of(&event.message_id, "")?;
        self.count(event, campaign, kind)
    }

    fn rendered(&mut self, event: &Event, visit: &Visit, kind: Kind) -> Result<()> {
        let campaign = self.campaign_of(&event.message_id, &visit.campaign_id)?;
        for kind in [kind, Kind::Rendered, Kind::ConfirmedOpen] {
            self.count_unique(event, campaign, kind, 0)?;
        }
        Ok(())
    }

    fn click(&mut self, event: &Event, click: &Click) -> Result<()> {
        let campaign = self.campaign_of(&event.message_id, &click.visit.campaign_id)?;
        let link = self.link_id(click)?;
        self.count_unique(event, campaign, Kind::Click, 0)?;
        self.count_unique(event, campaign, Kind::LinkClick, link)?;
        self.count_unique(event, campaign, Kind::ConfirmedOpen, 0)
    }

    /// Who unsubscribes by a link has read the message; by the field of its header, perhaps
    /// not.
    fn unsubscribed(&mut self, event: &Event, visit: &Visit) -> Result<()> {
        let campaign = self.campaign_of(&event.message_id, &visit.campaign_id)?;
        self.count_unique(event, campaign, Kind::Unsubscribe, 0)?;
        match event.occurrence {
            Occurrence::LinkUnsubscribe(_) => {
                self.count_unique(event, campaign, Kind::ConfirmedOpen, 0)
            }
            _ => Ok(()),
        }
    }

    fn damage(&mut self, position: u64, octets: u64, kind: &str) -> Result<()> {
        self.transaction
            .prepare_cached("INSERT OR IGNORE INTO damage VALUES (?, ?, ?)")?
            .execute(params![position.cast_signed(), octets.cast_signed(), kind])?;
        Ok(())
    }

    fn count(&mut self, event: &Event, campaign: i64, kind: Kind) -> Result<()> {
        let this = First { day: 0, at: event.timestamp, campaign };
        let tags = self.tags_of(&event.message_id)?;
        self.change(this.bucket(kind, 0), &tags, |change| change.total += 1);
        Ok(())
    }

    /// Counts an event and, where it is the earliest of its kind so far, moves the first
    /// time to its hour. So the counts do not depend on the order of events.
    fn count_unique(&mut self, event: &Event, campaign: i64, kind: Kind, link: i64) -> Result<()> {
        let this = First { day: event.timestamp.day(), at: event.timestamp, campaign };
        let seen = self.seen(&event.message_id, kind, link)?;
        let of_day = seen.iter().find(|first| first.day == this.day);
        let ever = seen.iter().min_by_key(|first| first.at);
        let tags = self.tags_of(&event.message_id)?;
        let bucket = this.bucket(kind, link);
        self.change(bucket, &tags, |change| change.total += 1);
        let is_earlier = |than: Option<&First>| than.is_none_or(|first| this.at < first.at);
        if is_earlier(ever) {
            self.change(bucket, &tags, |change| change.first_ever += 1);
            if let Some(first) = ever {
                self.change(first.bucket(kind, link), &tags, |change| change.first_ever -= 1);
            }
        }
        if is_earlier(of_day) {
            self.change(bucket, &tags, |change| change.distinct_day += 1);
            if let Some(first) = of_day {
                self.change(first.bucket(kind, link), &tags, |change| change.distinct_day -= 1);
            }
            self.set_seen(&event.message_id, kind, link, this)?;
        }
        Ok(())
    }

    fn seen(&self, message_id: &MessageId, kind: Kind, link: i64) -> Result<Vec<First>> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT day, first_at, campaign FROM seen
             WHERE message_id = ? AND kind = ? AND link = ?",
        )?;
        let key = params![message_id.octets(), kind as i64, link];
        let first = |row: &rusqlite::Row<'_>| {
            Ok(First { day: row.get(0)?, at: Timestamp(row.get(1)?), campaign: row.get(2)? })
        };
        statement.query_map(key, first)?.collect()
    }

    fn set_seen(&self, id: &MessageId, kind: Kind, link: i64, first: First) -> Result<()> {
        let (kind, at) = (kind as i64, first.at.0);
        self.transaction
            .prepare_cached("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?, ?)")?
            .execute(params![id.octets(), kind, link, first.day, at, first.campaign])?;
        Ok(())
    }

    /// The tags of a message, and before them all messages.
    fn tags_of(&self, message_id: &MessageId) -> Result<Vec<i64>> {
        let mut tags = vec![ALL];
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

    /// Changes a row, in the rollups of all messages and in those of the tags.
    fn change(&mut self, bucket: Bucket, tags: &[i64], by: impl Fn(&mut Change)) {
        for tag in tags {
            by(self.changes.entry(Bucket { tag: *tag, ..bucket }).or_default());
        }
    }

    fn write(self) -> Result<()> {
        for (Bucket { tag, hour, campaign, kind, link }, change) in self.changes {
            let Change { total, first_ever, distinct_day } = change;
            let (statement, of) = match (kind, tag) {
                (Kind::LinkClick, ALL) => (ADD_TO_LINK_ROLLUP, link),
                (Kind::LinkClick, _) => (ADD_TO_TAG_LINK_ROLLUP, link),
                (_, ALL) => (ADD_TO_ROLLUP, kind as i64),
                _ => (ADD_TO_TAG_ROLLUP, kind as i64),
            };
            let mut statement = self.transaction.prepare_cached(statement)?;
            match tag {
                ALL => statement.execute(params![
                    hour,
                    campaign,
                    of,
                    total,
                    first_ever,
                    distinct_day
                ])?,
                tag => statement.execute(params![
                    tag,
                    hour,
                    campaign,
                    of,
                    total,
                    first_ever,
                    distinct_day
                ])?,
            };
        }
        Ok(())
    }
}

const ADD_TO_ROLLUP: &str = "INSERT INTO rollups VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET total = total + excluded.total,
        first_ever = first_ever + excluded.first_ever,
        distinct_day = distinct_day + excluded.distinct_day";

const ADD_TO_LINK_ROLLUP: &str = "INSERT INTO link_rollups VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET total = total + excluded.total,
        first_ever = first_ever + excluded.first_ever,
        distinct_day = distinct_day + excluded.distinct_day";

const ADD_TO_TAG_ROLLUP: &str = "INSERT INTO tag_rollups VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET total = total + excluded.total,
        first_ever = first_ever + excluded.first_ever,
        distinct_day = distinct_day + excluded.distinct_day";

const ADD_TO_TAG_LINK_ROLLUP: &str = "INSERT INTO tag_link_rollups VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET total = total + excluded.total,
        first_ever = first_ever + excluded.first_ever,
        distinct_day = distinct_day + excluded.distinct_day";
