//! The mail that a log has told of: what is known under each queue id, as much as may be.

use crate::{
    delivery::Record,
    event::UpstreamReply,
    ids::{MessageId, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};

/// Queue ids that are known at a time; those that were told first are forgotten.
const MAIL_MAX: usize = 50_000;

/// Recipients whose last deferral is known, of one queue id.
const TRIED_MAX: usize = 64;

/// Records that a link found later is told of.
const TOLD_MAX: usize = 4;

/// For so long mail is known that has left the queue, in milliseconds: a content filter
/// answers when what it has handed back may be delivered already.
const LEAVING_MS: i64 = 60_000;

/// What is known under one queue id.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Known {
    pub(super) msg_from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) msg_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_id: Option<MessageId>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) sasl_username: String,
    /// A notification of Postfix itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_notification: bool,
    /// Who was deferred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tried: Vec<Tried>,
    /// The queue id that it had before.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    /// What was told of it, for the case that such an id is found later.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    told: Vec<Record>,
}

/// A recipient who was deferred.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Tried {
    pub(super) rcpt_to: String,
    /// Attempts before the last one.
    pub(super) retries: u32,
    /// What was said last.
    pub(super) last: UpstreamReply,
}

impl Known {
    /// Attempts for this recipient before.
    pub(super) fn retries(&self, rcpt_to: &str) -> u32 {
        let tried = self.tried.iter().find(|tried| tried.rcpt_to == rcpt_to);
        tried.map_or(0, |tried| tried.retries + 1)
    }

    /// Takes a further deferral.
    pub(super) fn deferred(&mut self, tried: Tried) {
        let retries = self.retries(&tried.rcpt_to);
        let has_room = self.tried.len() < TRIED_MAX;
        match self.tried.iter_mut().find(|known| known.rcpt_to == tried.rcpt_to) {
            Some(known) => *known = Tried { retries, ..tried },
            None if has_room => self.tried.push(tried),
            None => {}
        }
    }

    /// Takes a record, for the case that a queue id before this one is found later.
    pub(super) fn told(&mut self, record: &Record) {
        if self.before.is_none() && self.told.len() < TOLD_MAX {
            self.told.push(record.clone());
        }
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Mail {
    known: HashMap<String, Known>,
    /// In the order in which they came.
    order: VecDeque<String>,
    /// Those that have left the queue, and when.
    leaving: VecDeque<(Timestamp, String)>,
}

impl Mail {
    pub(super) fn of(&mut self, queue_id: &str) -> &mut Known {
        if !self.known.contains_key(queue_id) {
            self.make_room();
            self.order.push_back(queue_id.into());
        }
        self.known.entry(queue_id.into()).or_default()
    }

    pub(super) fn has(&self, queue_id: &str) -> bool {
        self.known.contains_key(queue_id)
    }

    /// `next` is the mail that was `before`. Gives what was told of it until now.
    pub(super) fn link(&mut self, before: &str, next: &str) -> Vec<Record> {
        let is_circle = self.chain(before).iter().any(|id| id == next);
        let message_id = self.of(before).message_id;
        let known = self.of(next);
        let is_new = known.before.as_deref() != Some(before) && !is_circle;
        if !is_new {
            return Vec::new();
        }
        known.before = Some(before.into());
        known.message_id = known.message_id.or(message_id);
        std::mem::take(&mut known.told)
    }

    /// The queue id and those that the mail had before.
    pub(super) fn chain(&self, queue_id: &str) -> Vec<String> {
        let first = Some(queue_id.to_owned());
        let before = |id: &String| self.known.get(id)?.before.clone();
        std::iter::successors(first, before).take(1 + super::CHAIN_MAX).collect()
    }

    /// It has left the queue.
    pub(super) fn leave(&mut self, at: Timestamp, queue_id: &str) {
        if self.has(queue_id) {
            self.leaving.push_back((at, queue_id.into()));
        }
    }

    /// Forgets what has left the queue a while before `now`.
    pub(super) fn forget(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.leaving.front()
            && now.0.saturating_sub(at.0) > LEAVING_MS
            && let Some((_, id)) = self.leaving.pop_front()
        {
            self.known.remove(&id);
        }
    }

    fn make_room(&mut self) {
        // Those that have left still stand in the order.
        if self.order.len() >= 2 * MAIL_MAX {
            self.order.retain(|id| self.known.contains_key(id));
        }
        while self.known.len() >= MAIL_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// As text, with the time of the last line.
    pub(super) fn state(&self, near: Option<Timestamp>) -> Option<String> {
        let mut known: Vec<_> = self.known.iter().collect();
        known.sort_unstable_by_key(|(id, _)| *id);
        serde_json::to_string(&(near, &self.leaving, known)).ok()
    }

    /// Reads what `state` gave.
    pub(super) fn of_state(state: &str) -> Option<(Self, Option<Timestamp>)> {
        type State = (Option<Timestamp>, VecDeque<(Timestamp, String)>, Vec<(String, Known)>);
        let (near, leaving, known): State = serde_json::from_str(state).ok()?;
        let order = known.iter().map(|(id, _)| id.clone()).collect();
        Some((Self { known: known.into_iter().collect(), order, leaving }, near))
    }
}
