//! Rows of messages, as a batch has them in hand: each is read once, and written once at the
//! end.

use super::ids::NO_CAMPAIGN;
use super::model::Result;
use super::rollups::{ALL, Seen};
use crate::stores::report::MessageState;
use rusqlite::{OptionalExtension, Row, Transaction, params, types::Type};
use tracking::account::Account;
use tracking::event::{
    Attempt, Client, Metadata, MetadataReach, Occurrence, RcptType, Reception, UpstreamReply,
};
use tracking::ids::{MessageId, Timestamp};
use tracking::smtpapi::Options;

/// A message in hand.
#[derive(Debug)]
pub(super) struct MessageRow<'a> {
    message_id: MessageId,
    /// It has a row in the table.
    is_stored: bool,
    is_changed: bool,
    /// Its reception is known.
    pub(super) is_received: bool,
    /// Something else has come before it.
    pub(super) has_early: bool,
    /// What is to be written of its reception.
    reception: Option<&'a Reception>,
    /// When it was received; as long as that is not known, when upstream took it over.
    pub(super) received_at: Timestamp,
    rcpt_to: Option<String>,
    pub(super) campaign: i64,
    /// All messages, and the tags of this one.
    pub(super) tags: Vec<i64>,
    way: Way,
    /// What was seen of it first, once that was read.
    seen: Option<Vec<Seen>>,
}

/// What became of a message. Of what is heard, the order does not count.
#[derive(Debug)]
struct Way {
    state: MessageState,
    state_at: Timestamp,
    raw_reason: Option<String>,
    injected_at: Option<Timestamp>,
    queue_id: Option<String>,
    /// When and what the last record of an attempt said, as JSON.
    attempt: Option<(Timestamp, String)>,
}

impl<'a> MessageRow<'a> {
    /// Reads a message; one that is not there is new.
    pub(super) fn read(
        transaction: &Transaction<'_>,
        message_id: MessageId,
        knows_tags: bool,
    ) -> Result<Self> {
        let found = transaction
            .prepare_cached(
                "SELECT campaign, received_at, facts = '', state, state_at, raw_reason,
                     injected_at, queue_id, attempt_at, attempt, rcpt_to
                 FROM messages WHERE message_id = ?",
            )?
            .query_row([message_id.octets()], |row| Self::of_row(message_id, row))
            .optional()?;
        let Some(mut this) = found else { return Ok(Self::new(message_id)) };
        if knows_tags {
            let mut statement =
                transaction.prepare_cached("SELECT tag FROM message_tags WHERE message_id = ?")?;
            for tag in statement.query_map([message_id.octets()], |row| row.get(0))? {
                this.tags.push(tag?);
            }
        }
        Ok(this)
    }

    fn new(message_id: MessageId) -> Self {
        Self {
            message_id,
            is_stored: false,
            // Who only asks for it leaves no row.
            is_changed: false,
            is_received: false,
            has_early: false,
            reception: None,
            received_at: Timestamp(i64::MIN),
            rcpt_to: None,
            campaign: NO_CAMPAIGN,
            tags: vec![ALL],
            way: Way {
                state: MessageState::Received,
                state_at: Timestamp(i64::MIN),
                raw_reason: None,
                injected_at: None,
                queue_id: None,
                attempt: None,
            },
            // What was seen of it would have made a row.
            seen: Some(Vec::new()),
        }
    }

    fn of_row(message_id: MessageId, row: &Row<'_>) -> Result<Self> {
        let state: String = row.get(3)?;
        let known = MessageState::ALL.into_iter().find(|known| known.name() == state);
        let attempt_at: Option<i64> = row.get(8)?;
        let attempt: Option<String> = row.get(9)?;
        Ok(Self {
            message_id,
            is_stored: true,
            is_changed: false,
            is_received: !row.get::<_, bool>(2)?,
            has_early: row.get(2)?,
            reception: None,
            received_at: Timestamp(row.get(1)?),
            rcpt_to: row.get(10)?,
            campaign: row.get(0)?,
            tags: vec![ALL],
            way: Way {
                state: known.ok_or_else(|| {
                    rusqlite::Error::FromSqlConversionFailure(3, Type::Text, state.into())
                })?,
                state_at: Timestamp(row.get(4)?),
                raw_reason: row.get(5)?,
                injected_at: row.get::<_, Option<i64>>(6)?.map(Timestamp),
                queue_id: row.get(7)?,
                attempt: attempt_at.map(Timestamp).zip(attempt),
            },
            seen: None,
        })
    }

    /// What was seen of it first, and its tags.
    pub(super) fn seen(
        &mut self,
        transaction: &Transaction<'_>,
    ) -> Result<(&mut Vec<Seen>, &[i64])> {
        let seen = match self.seen.take() {
            Some(seen) => seen,
            None => Seen::read_all(transaction, &self.message_id)?,
        };
        // What is seen of a message needs its row to be found again.
        self.is_changed |= !self.is_stored;
        Ok((self.seen.insert(seen), &self.tags))
    }

    /// The domain of its recipient, for a bounce: as far as the message is known, or else as the
    /// record tells it.
    pub(super) fn recipient_domain(&self, occurrence: &Occurrence) -> String {
        match occurrence {
            Occurrence::Bounce(_) | Occurrence::OutOfBand(_) => {
                let told = occurrence.attempt().map(|attempt| attempt.rcpt_to.as_str());
                let known = self.rcpt_to.as_deref().filter(|_| self.is_received);
                mail::address::domain(known.or(told).unwrap_or_default())
            }
            _ => String::new(),
        }
    }

    /// The queue id that upstream told of it.
    pub(super) fn queue_id(&self) -> Option<&str> {
        self.way.queue_id.as_deref()
    }

    /// Takes its reception.
    pub(super) fn receive(
        &mut self,
        at: Timestamp,
        reception: &'a Reception,
        campaign: i64,
        tags: Vec<i64>,
    ) {
        self.reception = Some(reception);
        (self.is_received, self.is_changed) = (true, true);
        (self.received_at, self.campaign, self.tags) = (at, campaign, tags);
        self.rcpt_to = Some(reception.rcpt_to.clone());
        self.way.hear(MessageState::Received, at, None);
    }

    /// Takes what an event of its way says.
    pub(super) fn hear(&mut self, at: Timestamp, occurrence: &Occurrence) {
        let (state, reply, is_record) = match occurrence {
            Occurrence::Injection(reply) => (MessageState::Accepted, reply, false),
            Occurrence::PolicyRejection(reply) => (MessageState::Refused, reply, false),
            Occurrence::Delay(reply) if reply.attempt.is_none() => {
                (MessageState::Delayed, reply, false)
            }
            Occurrence::Bounce(reply) if reply.attempt.is_none() => {
                (MessageState::Failed, reply, false)
            }
            Occurrence::Delay(reply) => (MessageState::Deferred, reply, true),
            Occurrence::Delivery(reply) => (MessageState::Delivered, reply, true),
            Occurrence::Bounce(reply) => (MessageState::Bounced, reply, true),
            Occurrence::OutOfBand(reply) => (MessageState::OutOfBand, reply, false),
            Occurrence::SpamComplaint(_) => {
                self.way.hear(MessageState::Complained, at, None);
                self.is_changed = true;
                return;
            }
            _ => return,
        };
        self.is_changed = true;
        self.way.hear(state, at, Some(&reply.raw_reason));
        match occurrence {
            Occurrence::Injection(reply) => {
                self.way.inject(at, reply);
                if !self.is_received {
                    self.received_at = at;
                }
            }
            _ if is_record => self.way.attempted(at, reply),
            _ => {}
        }
    }

    /// Writes what has changed.
    pub(super) fn write(&self, transaction: &Transaction<'_>) -> Result<()> {
        for seen in self.seen.iter().flatten() {
            seen.write(transaction)?;
        }
        // What came early is looked for only where there is a row.
        let is_new = self.has_early && !self.is_stored;
        match &self.reception {
            _ if !self.is_changed && !is_new => Ok(()),
            None if self.is_stored => self.update(transaction),
            None => self.insert(transaction, &unknown_reception(), ""),
            Some(reception) => self.insert(transaction, reception, &facts(reception)),
        }
    }

    fn insert(
        &self,
        transaction: &Transaction<'_>,
        reception: &Reception,
        facts: &str,
    ) -> Result<()> {
        let way = &self.way;
        let rcpt_meta = match reception.rcpt_meta.is_empty() {
            true => "{}".to_owned(),
            false => serde_json::to_string(&reception.rcpt_meta).unwrap_or_default(),
        };
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO messages (message_id, transmission_id, received_at,
                     rcpt_to, msg_from, subject, friendly_from, campaign, msg_size, rcpt_type,
                     rcpt_meta, rcpt_meta_reach, facts, state, state_at, raw_reason, injected_at,
                     queue_id, attempt_at, attempt)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                self.message_id.octets(),
                reception.transmission_id.to_string(),
                self.received_at.0,
                reception.rcpt_to,
                reception.msg_from,
                reception.subject,
                reception.friendly_from,
                self.campaign,
                reception.msg_size.cast_signed(),
                reception.rcpt_type.name(),
                rcpt_meta,
                reception.rcpt_meta_reach.name(),
                facts,
                way.state.name(),
                way.state_at.0,
                way.raw_reason,
                way.injected_at.map(|at| at.0),
                way.queue_id,
                way.attempt.as_ref().map(|(at, _)| at.0),
                way.attempt.as_ref().map(|(_, attempt)| attempt),
            ])?;
        Ok(())
    }

    fn update(&self, transaction: &Transaction<'_>) -> Result<()> {
        let way = &self.way;
        transaction
            .prepare_cached(
                "UPDATE messages SET state = ?, state_at = ?, raw_reason = ?, injected_at = ?,
                     queue_id = ?, attempt_at = ?, attempt = ?, received_at = ?
                 WHERE message_id = ?",
            )?
            .execute(params![
                way.state.name(),
                way.state_at.0,
                way.raw_reason,
                way.injected_at.map(|at| at.0),
                way.queue_id,
                way.attempt.as_ref().map(|(at, _)| at.0),
                way.attempt.as_ref().map(|(_, attempt)| attempt),
                self.received_at.0,
                self.message_id.octets(),
            ])?;
        Ok(())
    }
}

impl Way {
    /// A later stage counts more than an earlier one, and in a stage the last word.
    fn hear(&mut self, state: MessageState, at: Timestamp, reason: Option<&str>) {
        let known =
            (self.state.stage(), self.state_at, self.state as u8, self.raw_reason.as_deref());
        if (state.stage(), at, state as u8, reason) > known {
            self.raw_reason = reason.map(str::to_owned);
            (self.state, self.state_at) = (state, at);
        }
    }

    /// Upstream took it over: at first, should it have said so twice.
    fn inject(&mut self, at: Timestamp, reply: &UpstreamReply) {
        let known = self.injected_at.map(|known| (known, self.queue_id.as_deref()));
        if known.is_none_or(|known| (at, reply.queue_id.as_deref()) < known) {
            (self.injected_at, self.queue_id) = (Some(at), reply.queue_id.clone());
        }
    }

    /// A record tells of an attempt.
    fn attempted(&mut self, at: Timestamp, reply: &UpstreamReply) {
        let Some(attempt) = &reply.attempt else { return };
        if self.attempt.as_ref().is_some_and(|(known, _)| *known > at) {
            return;
        }
        let said = match attempt.other.is_empty() {
            true => serde_json::to_string(attempt),
            // What a record has besides is in its event; here it would be kept for ever.
            false => serde_json::to_string(&Attempt {
                other: Metadata::new(),
                ..Attempt::clone(attempt)
            }),
        };
        let said = (at, said.unwrap_or_default());
        if self.attempt.as_ref().is_none_or(|known| *known < said) {
            self.attempt = Some(said);
        }
    }
}

/// What a reception says besides the columns of its message, as `Messages` reads it.
fn facts(reception: &Reception) -> String {
    let rest = Reception {
        account: reception.account.clone(),
        client: reception.client.clone(),
        options: reception.options.clone(),
        untouched: reception.untouched.clone(),
        rcpt_meta_reach: reception.rcpt_meta_reach,
        links_of: reception.links_of,
        transmission_id: reception.transmission_id,
        msg_size: reception.msg_size,
        open_tracking: reception.open_tracking,
        initial_pixel: reception.initial_pixel,
        click_tracking: reception.click_tracking,
        amp_enabled: reception.amp_enabled,
        links: reception.links,
        ..unknown_reception()
    };
    serde_json::to_string(&rest).unwrap_or_default()
}

/// Stands for a reception that has not come yet.
fn unknown_reception() -> Reception {
    Reception {
        transmission_id: tracking::ids::TransmissionId::new(Timestamp(0), [0; 3]),
        rcpt_to: String::new(),
        rcpt_type: RcptType::To,
        links_of: None,
        msg_from: String::new(),
        subject: String::new(),
        friendly_from: String::new(),
        account: Account::default(),
        client: Client::default(),
        campaign_id: String::new(),
        rcpt_meta: Metadata::new(),
        rcpt_meta_reach: MetadataReach::Engagement,
        rcpt_tags: Vec::new(),
        options: Options::default(),
        msg_size: 0,
        open_tracking: false,
        initial_pixel: false,
        click_tracking: false,
        amp_enabled: false,
        links: 0,
        untouched: Vec::new(),
    }
}
