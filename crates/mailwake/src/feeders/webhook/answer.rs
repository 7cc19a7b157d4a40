//! What an answer to a batch means. A status comes in, and how long the receiver has refused so;
//! what the feeder is to do goes out.

use crate::feeders::sink::{Batch, Receipt, SendError};
use hyper::StatusCode;
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};
use tracking::ids::EventId;

/// What an answer means. `after` is how long the receiver wants to be left alone; `is_patient`
/// says that it may be the receiver that is broken, and not the batch.
pub(super) fn judge(
    status: StatusCode,
    after: Option<Duration>,
    is_patient: bool,
) -> Result<Receipt, SendError> {
    let code = Some(status.as_u16());
    if status.is_success() {
        return Ok(Receipt { status: code, duplicates: 0 });
    }
    let reason = match status.as_u16() {
        300..=399 => format!("status {status}: redirects are not followed"),
        _ => format!("status {status}"),
    };
    Err(match status.as_u16() {
        413 => SendError::TooLarge { reason, status: code },
        // Receivers say 410 when they want no more of it at all.
        401 | 403 | 410 => SendError::Unauthorized { reason, status: code },
        _ if is_refusal(status) && !is_patient => SendError::Refused { reason, status: code },
        // Everything else is about the endpoint, not about what is in the batch: it may be
        // repaired, and nothing is put aside for it.
        _ => SendError::Retry { reason, status: code, after },
    })
}

/// May the status be one that the content of the batch has caused?
pub(super) fn is_refusal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 409 | 422)
}

/// Since when a receiver refuses a batch. A whole batch that is refused is the sign of a broken
/// endpoint more often than of a broken event: so it is sent again for a while, before parts of
/// it are. Parts inherit the time of the whole. An endpoint that takes another batch meanwhile is
/// not broken.
#[derive(Debug, Default)]
pub(super) struct Refusal(Option<Refused>);

#[derive(Debug)]
struct Refused {
    since: Instant,
    events: HashSet<EventId>,
    /// Another batch has arrived since then.
    takes_others: bool,
}

impl Refusal {
    /// Is it to be sent again as it is? `batch` was refused `now`.
    pub(super) fn is_patient(&mut self, batch: &Batch, patience: Duration, now: Instant) -> bool {
        if !self.knows(batch) {
            let events = batch.items.iter().map(|item| item.event_id).collect();
            self.0 = Some(Refused { since: now, events, takes_others: false });
        }
        self.0.as_ref().is_some_and(|refused| {
            !refused.takes_others && now.saturating_duration_since(refused.since) < patience
        })
    }

    /// Is the batch the one that was refused, or a part of it?
    fn knows(&self, batch: &Batch) -> bool {
        let Some(Refused { events, .. }) = &self.0 else { return false };
        batch.items.first().is_some_and(|item| events.contains(&item.event_id))
    }

    /// A batch has arrived, perhaps a part of the one that was refused.
    pub(super) fn arrived(&mut self, batch: &Batch) {
        let is_other = !self.knows(batch);
        if let Some(refused) = &mut self.0 {
            refused.takes_others |= is_other;
        }
    }
}

#[cfg(test)]
mod tests;
