//! The tags of the system: the words by which senders find messages. There are few of
//! them, so that reports by tag stay reports: [`SYSTEM_TAGS_MAX`], whoever says them, as
//! Momentum has it. A tag that was said once is known from then on; when there are as many
//! as may be, others are ignored.
//!
//! Whoever keeps tags beyond this process is asked about each that is not known, for as long
//! as a message may wait for it; then what is known here decides.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

#[cfg(test)]
mod tests;

/// How many different tags the system has.
pub const SYSTEM_TAGS_MAX: usize = 100;

/// Questions that may wait for the keeper.
const ASKS_MAX: usize = 256;

/// The tags that are known.
#[derive(Debug, Default)]
pub struct Tags {
    known: Mutex<HashSet<String>>,
    keeper: Option<Keeper>,
}

/// Where the keeper is asked, and how long a message waits for it.
#[derive(Debug)]
struct Keeper {
    asks: mpsc::Sender<Ask>,
    patience: Duration,
}

/// What the keeper of tags is asked: to keep a tag, if it has room.
#[derive(Debug)]
pub struct Ask {
    /// The tag.
    pub tag: String,
    /// Told when `Tags::learn` was told what the keeper has; dropped when it cannot say.
    pub answered: oneshot::Sender<()>,
}

/// What became of the tags of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admission {
    /// Tags that were taken out.
    pub(super) ignored: usize,
    /// Tags about which the keeper did not answer in time.
    pub(super) undecided: usize,
}

impl Tags {
    /// Tags that somebody keeps, who reads what is asked. A message waits for so long.
    pub fn kept(patience: Duration) -> (Self, mpsc::Receiver<Ask>) {
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let keeper = Some(Keeper { asks, patience });
        (Self { known: Mutex::default(), keeper }, asked)
    }

    /// Knows these from now on, even if they are more than there may be: others have said
    /// them. Then there is no room for further ones.
    pub fn learn<'t>(&self, tags: impl IntoIterator<Item = &'t String>) {
        self.known().extend(tags.into_iter().cloned());
    }

    /// What is known and not among these.
    pub fn missing_in(&self, kept: &HashSet<String>) -> Vec<String> {
        self.known().difference(kept).cloned().collect()
    }

    /// Leaves the tags that the system has, or has from now on.
    pub(super) async fn admit(&self, tags: &mut Vec<String>) -> Admission {
        let undecided = match &self.keeper {
            Some(keeper) => keeper.ask(self.unknown(tags)).await,
            None => 0,
        };
        let mut known = self.known();
        let before = tags.len();
        tags.retain(|tag| {
            let is_known = known.contains(tag);
            let has_room = known.len() < SYSTEM_TAGS_MAX;
            if !is_known && has_room {
                known.insert(tag.clone());
            }
            is_known || has_room
        });
        Admission { ignored: before - tags.len(), undecided }
    }

    /// Those of a message that may become new ones.
    fn unknown(&self, tags: &[String]) -> HashSet<String> {
        let known = self.known();
        match known.len() < SYSTEM_TAGS_MAX {
            true => tags.iter().filter(|tag| !known.contains(*tag)).cloned().collect(),
            false => HashSet::new(),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashSet<String>> {
        // A set is whole whatever a panic has interrupted.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    /// Asks about tags; gives about how many there was no answer in time.
    async fn ask(&self, tags: HashSet<String>) -> usize {
        let until = Instant::now() + self.patience;
        let asked: Vec<_> = tags
            .into_iter()
            .map(|tag| {
                let (answered, answer) = oneshot::channel();
                // With too many who ask already, the answer is dropped with the question.
                drop(self.asks.try_send(Ask { tag, answered }));
                answer
            })
            .collect();
        let mut undecided = 0;
        for answer in asked {
            undecided += usize::from(!matches!(timeout_at(until, answer).await, Ok(Ok(()))));
        }
        undecided
    }
}
