//! The memory that messages in hand may take together. A message asks for more as it
//! grows; where there is none, its client is not read for a while, and then it is refused.

use super::safety::Memory;
use mail::smtp::data::DataError;
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// Memory is counted in such pieces.
const PIECE_OCTETS: usize = 64 * 1024;

/// Octets that a session takes for a message at least: buffers on both sides.
pub(super) const LEAST_OCTETS: usize = PIECE_OCTETS;

/// The memory for all messages.
#[derive(Debug)]
pub(super) struct Budget {
    pieces: Semaphore,
    wait: Duration,
    /// How often a message has waited.
    waits: AtomicU32,
}

/// What one message has of it. It is given back when this is dropped.
pub(super) struct Share<'b> {
    budget: &'b Budget,
    permit: Option<SemaphorePermit<'b>>,
}

impl Budget {
    /// So much memory, for which a message waits so long.
    pub(super) fn new(Memory { octets_max, wait }: Memory) -> Self {
        let pieces = (octets_max / PIECE_OCTETS).min(Semaphore::MAX_PERMITS);
        Self { pieces: Semaphore::new(pieces), wait, waits: AtomicU32::new(0) }
    }

    /// How long the next message waits. Messages that run out of memory together do not give
    /// up together: what the first gives back lets the others go on.
    fn next_wait(&self) -> Duration {
        let turn = self.waits.fetch_add(1, Ordering::Relaxed) % 16;
        self.wait + self.wait / 64 * turn
    }

    /// The share of a message, which has nothing yet.
    pub(super) fn share(&self) -> Share<'_> {
        Share { budget: self, permit: None }
    }
}

impl Share<'_> {
    /// Has the share cover so many octets. Where there is no memory for them, it gives back
    /// what it had, so that others come to their end.
    pub(super) async fn cover(&mut self, octets: usize) -> Result<(), DataError> {
        let held = self.permit.as_ref().map_or(0, SemaphorePermit::num_permits);
        let missing = octets.div_ceil(PIECE_OCTETS).saturating_sub(held);
        let Ok(missing) = u32::try_from(missing) else { return Err(DataError::NoMemory) };
        if missing == 0 {
            return Ok(());
        }
        let pieces = &self.budget.pieces;
        let more = match pieces.try_acquire_many(missing) {
            Ok(more) => Ok(more),
            Err(_) => match timeout(self.budget.next_wait(), pieces.acquire_many(missing)).await {
                Ok(Ok(more)) => Ok(more),
                // Nobody closes it.
                Ok(Err(_)) | Err(_) => Err(DataError::NoMemory),
            },
        };
        match (more, &mut self.permit) {
            (Ok(more), Some(permit)) => permit.merge(more),
            (Ok(more), None) => self.permit = Some(more),
            (Err(error), _) => {
                self.permit = None;
                return Err(error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
