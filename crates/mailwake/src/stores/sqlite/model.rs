//! What entries of the log mean for the main database. Runs inside a transaction that
//! the caller begins and commits.

use super::engagements::{self, Deed, Engagement};
use super::ids::{Ids, NO_CAMPAIGN};
use super::kind::Kind;
use super::outcome::{self, Counted};
use super::records::{self, Fresh};
use super::rollups::{ALL, Bucket, First, Grade, Rollups, Seen};
use super::rows::MessageRow;
use super::store::LogEntry;
use rusqlite::{Connection, Transaction, params};
use std::cell::OnceCell;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use tracking::bounce::Rules;
use tracking::event::{Click, Event, Occurrence, Reception, UpstreamReply, Visit};
use tracking::ids::{MessageId, Timestamp};
use tracking::verdict::Judgement;

pub(super) type Result<T> = std::result::Result<T, rusqlite::Error>;

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

/// What entries are applied with.
pub(super) struct Tools<'a> {
    /// The classes of bounces.
    pub(super) rules: &'a OnceCell<Rules>,
    pub(super) ids: &'a mut Ids,
    /// Records that are parked.
    pub(super) parked: u64,
    /// The day of the one who applies them.
    pub(super) today: i64,
}

/// What became of records among the entries.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    pub(super) foreign: u64,
    pub(super) parked: u64,
}

/// Counts entries, and keeps what they say of messages.
pub(super) fn apply(
    transaction: &Transaction<'_>,
    entries: &[Fresh<'_>],
    tools: Tools<'_>,
) -> Result<Outcome> {
    let knows_tags =
        transaction.query_row("SELECT EXISTS (SELECT 1 FROM tags)", [], |row| row.get(0))?;
    let outcome = Outcome { foreign: 0, parked: tools.parked };
    let (messages, rollups) = (Messages::new(transaction, knows_tags), Rollups::default());
    let mut applier = Applier { transaction, tools, messages, rollups, outcome };
    for fresh in entries {
        match fresh.entry {
            LogEntry::Event { event, position, .. } => applier.event(fresh, event, *position)?,
            LogEntry::Damage { position, next, kind } => {
                applier.damage(*position, next - position, kind)?;
            }
        }
    }
    let Applier { messages, rollups, outcome, .. } = applier;
    messages.write()?;
    rollups.write(transaction)?;
    Ok(outcome)
}

/// The messages in hand.
struct Messages<'a> {
    transaction: &'a Transaction<'a>,
    /// Some message has had a tag; before that, none is looked for.
    knows_tags: bool,
    rows: HashMap<MessageId, MessageRow<'a>>,
}

impl<'a> Messages<'a> {
    fn new(transaction: &'a Transaction<'a>, knows_tags: bool) -> Self {
        Self { transaction, knows_tags, rows: HashMap::new() }
    }

    fn get(&mut self, id: MessageId) -> Result<&mut MessageRow<'a>> {
        match self.rows.entry(id) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unread) => {
                let row = MessageRow::read(self.transaction, id, self.knows_tags)?;
                Ok(unread.insert(row))
            }
        }
    }

    /// Writes what has changed, in the order of the table.
    fn write(self) -> Result<()> {
        let mut rows: Vec<_> = self.rows.into_iter().collect();
        rows.sort_unstable_by_key(|(id, _)| *id);
        rows.iter().try_for_each(|(_, row)| row.write(self.transaction))
    }
}

struct Applier<'a> {
    transaction: &'a Transaction<'a>,
    tools: Tools<'a>,
    messages: Messages<'a>,
    rollups: Rollups,
    outcome: Outcome,
}

impl<'a> Applier<'a> {
    fn event(&mut self, fresh: &Fresh<'_>, event: &'a Event, position: u64) -> Result<()> {
        if records::may_come_again(event) {
            records::remember(self.transaction, event, position, self.tools.today)?;
        }
        match &event.occurrence {
            Occurrence::Reception(reception) => self.reception(event, reception),
            _ if records::is_record(event) => self.record(fresh, event, position),
            occurrence if outcome::is_of_no_message(occurrence, event.message_id) => {
                let first = First { at: event.timestamp, campaign: NO_CAMPAIGN };
                self.count(event, first, &[ALL], "");
                Ok(())
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
            _ => self.way(event.message_id, event),
        }
    }

    fn reception(&mut self, event: &'a Event, reception: &'a Reception) -> Result<()> {
        let (id, transaction) = (event.message_id, self.transaction);
        let row = self.messages.get(id)?;
        if row.is_received {
            // It came again; the first one counts.
            let (campaign, tags) = (row.campaign, row.tags.clone());
            let this = First { at: event.timestamp, campaign };
            self.rollups.count(Bucket::of(this, Kind::Reception, 0), Grade::Raw, &tags, 1);
            return Ok(());
        }
        let campaign = self.tools.ids.campaign(transaction, &reception.campaign_id)?;
        let mut tags = vec![ALL];
        for (place, tag) in reception.rcpt_tags.iter().enumerate() {
            let tag = self.tools.ids.tag(transaction, tag)?;
            transaction
                .prepare_cached("INSERT OR IGNORE INTO message_tags VALUES (?, ?, ?)")?
                .execute(params![id.octets(), tag, place as i64])?;
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        self.messages.knows_tags |= tags.len() > 1;
        let row = self.messages.get(id)?;
        let is_late = row.has_early;
        row.receive(event.timestamp, reception, campaign, tags.clone());
        let this = First { at: event.timestamp, campaign };
        self.rollups.count(Bucket::of(this, Kind::Reception, 0), Grade::Raw, &tags, 1);
        if is_late {
            self.complete(id)?;
        }
        self.unpark(id)
    }

    /// Something of the way of a message, which may be known or not.
    fn way(&mut self, id: MessageId, event: &Event) -> Result<()> {
        let row = self.messages.get(id)?;
        row.hear(event.timestamp, &event.occurrence);
        let (is_received, tags) = (row.is_received, row.tags.clone());
        let first = First { at: event.timestamp, campaign: row.campaign };
        let domain = row.recipient_domain(&event.occurrence);
        let counted = self.count(event, first, &tags, &domain);
        if !is_received {
            self.messages.get(id)?.has_early = true;
            return self.note_early(id, event, &counted);
        }
        match &event.occurrence {
            Occurrence::Injection(_) => self.unpark(id),
            _ => Ok(()),
        }
    }

    /// A record counts when the reception of its message is known.
    fn record(&mut self, fresh: &Fresh<'_>, event: &Event, position: u64) -> Result<()> {
        let (id, transaction) = (fresh.message_id(event), self.transaction);
        if id != MessageId::UNKNOWN && self.messages.get(id)?.is_received {
            return self.way(id, event);
        }
        if id == MessageId::UNKNOWN && event.occurrence.queue_id().is_none() {
            self.outcome.foreign += 1;
            return Ok(());
        }
        self.outcome.parked += 1;
        records::park(transaction, event, id, position)
    }

    /// Counts the records that have waited for a message.
    fn unpark(&mut self, id: MessageId) -> Result<()> {
        if self.outcome.parked == 0 {
            return Ok(());
        }
        let row = self.messages.get(id)?;
        let (received_at, queue_id) = (row.received_at, row.queue_id().map(str::to_owned));
        let parked = records::take_parked(self.transaction, id, received_at, queue_id.as_deref())?;
        self.outcome.parked = self.outcome.parked.saturating_sub(parked.len() as u64);
        parked.iter().try_for_each(|event| self.way(id, event))
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
        let transaction = self.transaction;
        let (id, ids) = (event.message_id, &mut self.tools.ids);
        let link = click.map(|click| ids.link(transaction, click)).transpose()?.unwrap_or(0);
        let row = self.messages.get(id)?;
        let campaign = match row.is_received {
            true => row.campaign,
            false => {
                row.has_early = true;
                self.tools.ids.campaign(transaction, &visit.campaign_id)?
            }
        };
        let first = visit.judgement();
        let mut this = Engagement {
            message_id: id,
            at: event.timestamp,
            position,
            deed,
            link,
            link_index: click.map_or(0, |click| click.link_index.into()),
            campaign,
            address: visit.ip_address,
            agent: crc32c::crc32c(visit.user_agent.as_bytes()),
            settled: first.clone(),
            first,
        };
        for (mut other, settled) in engagements::settle(transaction, &mut this)? {
            let was = std::mem::replace(&mut other.settled, settled);
            engagements::set_settled(transaction, &other)?;
            self.regrade(&other, &was)?;
        }
        for (kind, link) in this.kinds() {
            self.with_seen(id, kind, link, |rollups, seen, tags| {
                for grade in Grade::ALL.into_iter().filter(|grade| grade.has(&this.settled)) {
                    rollups.add(seen, this.first_time(), grade, tags);
                }
                Ok(())
            })?;
        }
        engagements::insert(transaction, &this)
    }

    /// Counts an engagement that is settled anew, which was counted as it was before.
    fn regrade(&mut self, this: &Engagement, was: &Judgement) -> Result<()> {
        let changed = |grade: &Grade| grade.has(was) != grade.has(&this.settled);
        let changed: Vec<_> = Grade::ALL.into_iter().filter(changed).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let transaction = self.transaction;
        for (kind, link) in this.kinds() {
            self.with_seen(this.message_id, kind, link, |rollups, seen, tags| {
                for grade in changed.iter().copied() {
                    if grade.has(&this.settled) {
                        rollups.add(seen, this.first_time(), grade, tags);
                    } else {
                        let next = || engagements::first_of_day(transaction, this, kind, grade);
                        rollups.take(seen, this.first_time(), grade, tags, next)?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Does something with what was seen of a message first, and with its tags.
    fn with_seen(
        &mut self,
        id: MessageId,
        kind: Kind,
        link: i64,
        with: impl FnOnce(&mut Rollups, &mut Seen, &[i64]) -> Result<()>,
    ) -> Result<()> {
        let row = self.messages.get(id)?;
        let (seen, tags) = row.seen(self.transaction)?;
        let place = seen.iter().position(|seen| seen.is_of(kind, link)).unwrap_or_else(|| {
            seen.push(Seen::new(id, kind, link));
            seen.len() - 1
        });
        with(&mut self.rollups, &mut seen[place], tags)
    }

    fn damage(&mut self, position: u64, octets: u64, kind: &str) -> Result<()> {
        self.transaction
            .prepare_cached("INSERT OR IGNORE INTO damage VALUES (?, ?, ?)")?
            .execute(params![position.cast_signed(), octets.cast_signed(), kind])?;
        Ok(())
    }

    fn count(
        &mut self,
        event: &Event,
        first: First,
        tags: &[i64],
        recipient_domain: &str,
    ) -> Vec<Counted> {
        let class = |reply: &UpstreamReply| {
            let rules = self.tools.rules.get_or_init(Rules::built_in);
            rules.classify_for(reply, recipient_domain).class
        };
        let counted = outcome::counted(&event.occurrence, class);
        for (kind, link, amount) in &counted {
            self.rollups.count(Bucket::of(first, *kind, *link), Grade::Raw, tags, *amount);
        }
        counted
    }
}

/// What comes before the reception of its message counts for all messages, and for the campaign
/// that its link tells; when the reception comes, it moves.
impl Applier<'_> {
    fn note_early(&self, id: MessageId, event: &Event, counted: &[Counted]) -> Result<()> {
        let mut statement = self.transaction.prepare_cached(
            "INSERT INTO early VALUES (?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
        )?;
        for (kind, link, amount) in counted {
            let row = params![id.octets(), event.timestamp.0, *kind as i64, link, amount];
            statement.execute(row)?;
        }
        Ok(())
    }

    /// Moves what was counted of a message to its campaign and its tags. Of a day whose
    /// engagements are no longer kept nobody knows how many there were, and nothing moves.
    fn complete(&mut self, id: MessageId) -> Result<()> {
        let transaction = self.transaction;
        let row = self.messages.get(id)?;
        let (campaign, tags) = (row.campaign, row.tags.clone());
        for (kind, link, at, amount) in take_early(transaction, id)? {
            let mut by = |campaign, tags: &[i64], amount| {
                let bucket = Bucket::of(First { at, campaign }, kind, link);
                self.rollups.count(bucket, Grade::Raw, tags, amount);
            };
            by(NO_CAMPAIGN, &[ALL], -amount);
            by(campaign, &tags, amount);
        }
        let engagements = engagements::of_message(transaction, id)?;
        for engagement in &engagements {
            for (kind, link) in engagement.kinds() {
                for grade in Grade::ALL.into_iter().filter(|of| of.has(&engagement.settled)) {
                    let was = engagement.first_time();
                    let mut by = |first, tags: &[i64], amount| {
                        let bucket = Bucket::of(first, kind, link);
                        self.rollups.count(bucket, grade, tags, amount);
                    };
                    by(was, &[ALL], -1);
                    by(First { campaign, ..was }, &tags, 1);
                }
            }
        }
        engagements::set_campaign(transaction, id, campaign)?;
        let days: BTreeSet<_> = engagements.iter().map(|one| one.at.day()).collect();
        for seen in self.messages.get(id)?.seen(transaction)?.0 {
            self.rollups.move_firsts(seen, campaign, &tags, |day| days.contains(&day));
        }
        Ok(())
    }
}

/// Takes out what was noted of a message before its reception: kind, link, time and amount.
fn take_early(
    transaction: &Transaction<'_>,
    id: MessageId,
) -> Result<Vec<(Kind, i64, Timestamp, i64)>> {
    let mut statement = transaction
        .prepare_cached("SELECT kind, link, at, amount FROM early WHERE message_id = ?")?;
    let early = statement.query_map([id.octets()], |row| {
        let number: i64 = row.get(0)?;
        let unknown = || rusqlite::Error::IntegralValueOutOfRange(0, number);
        let kind = Kind::of(number).ok_or_else(unknown)?;
        Ok((kind, row.get(1)?, Timestamp(row.get(2)?), row.get(3)?))
    })?;
    let early = early.collect::<Result<_>>()?;
    transaction.prepare_cached("DELETE FROM early WHERE message_id = ?")?.execute([id.octets()])?;
    Ok(early)
}
