//! The mail that Exim has in hand: what the line of its arrival said, as much as may be.

use crate::ids::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};

/// Messages that are known at a time; those that came first are forgotten.
const MAIL_MAX: usize = 50_000;

/// Recipients whose deferrals are counted, of one message.
const DEFERRED_MAX: usize = 64;

/// What is known of one message.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Known {
    pub(super) msg_from: String,
    pub(super) msg_size: Option<u64>,
    pub(super) arrived: Option<Timestamp>,
    /// A notification of Exim itself.
    pub(super) is_notification: bool,
    pub(super) login: String,
    deferred: Vec<(String, u32)>,
}

impl Known {
    /// Attempts for this recipient before.
    pub(super) fn retries(&self, recipient: &str) -> u32 {
        let known = self.deferred.iter().find(|(of, _)| of == recipient);
        known.map_or(0, |(_, times)| *times)
    }

    /// One more was deferred.
    pub(super) fn deferred(&mut self, recipient: &str) {
        let has_room = self.deferred.len() < DEFERRED_MAX;
        match self.deferred.iter_mut().find(|(of, _)| of == recipient) {
            Some((_, times)) => *times += 1,
            None if has_room => self.deferred.push((recipient.into(), 1)),
            None => {}
        }
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Mail {
    known: HashMap<String, Known>,
    /// In the order in which they came.
    order: VecDeque<String>,
}

impl Mail {
    pub(super) fn of(&mut self, id: &str) -> &mut Known {
        if !self.known.contains_key(id) {
            // Those that are forgotten still stand in the order.
            if self.order.len() >= 2 * MAIL_MAX {
                self.order.retain(|id| self.known.contains_key(id));
            }
            while self.known.len() >= MAIL_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
            self.order.push_back(id.into());
        }
        self.known.entry(id.into()).or_default()
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.known.remove(id);
    }

    /// As text.
    pub(super) fn state(&self) -> Option<String> {
        let mut known: Vec<_> = self.known.iter().collect();
        known.sort_unstable_by_key(|(id, _)| *id);
        serde_json::to_string(&known).ok()
    }

    /// Reads what `state` gave.
    pub(super) fn of_state(state: &str) -> Option<Self> {
        let known: Vec<(String, Known)> = serde_json::from_str(state).ok()?;
        let order = known.iter().map(|(id, _)| id.clone()).collect();
        Some(Self { known: known.into_iter().collect(), order })
    }
}
