//! The tags of the system: the words by which senders find messages. There are few of
//! them, so that reports by tag stay reports: [`SYSTEM_TAGS_MAX`], whoever says them, as
//! Momentum has it. A tag that was said once is known from then on; when there are as many
//! as may be, others are ignored.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

#[cfg(test)]
mod tests;

/// How many different tags the system has.
pub const SYSTEM_TAGS_MAX: usize = 100;

/// The tags that are known.
#[derive(Debug, Default)]
pub struct Tags {
    known: Mutex<HashSet<String>>,
}

impl Tags {
    /// Knows these from the start; more than there may be are forgotten.
    pub fn known(tags: impl IntoIterator<Item = String>) -> Self {
        let known: HashSet<String> = tags.into_iter().take(SYSTEM_TAGS_MAX).collect();
        Self { known: Mutex::new(known) }
    }

    /// Leaves the tags that the system has, or has from now on; gives how many it took out.
    pub(super) fn admit(&self, tags: &mut Vec<String>) -> usize {
        if tags.is_empty() {
            return 0;
        }
        // A set is whole whatever a panic has interrupted.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = tags.len();
        tags.retain(|tag| {
            let is_known = known.contains(tag);
            let has_room = known.len() < SYSTEM_TAGS_MAX;
            if !is_known && has_room {
                known.insert(tag.clone());
            }
            is_known || has_room
        });
        before - tags.len()
    }
}
