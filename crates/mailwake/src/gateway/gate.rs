//! The gate: how many sessions there are, in total and of each address. A connection comes
//! in, and later the address of its client; a place goes out, or the reason why there is
//! none.

use super::{RefusalReason, safety::Safety};
use crate::net::per_address::{Counted, PerAddress};
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(super) struct Gate {
    sessions_max: usize,
    sessions: AtomicUsize,
    by_address: Arc<PerAddress>,
}

/// The place of a session. It is free again when this is dropped.
pub(super) struct Place {
    gate: Arc<Gate>,
    /// The session, counted for its address.
    counted: Option<Counted>,
    _of_all: OwnedSemaphorePermit,
}

impl Gate {
    pub(super) fn new(sessions_max: usize, safety: Safety) -> Arc<Self> {
        let by_address = PerAddress::new(safety.sessions_per_address_max, safety.exempt);
        Arc::new(Self { sessions_max, sessions: AtomicUsize::new(0), by_address })
    }

    /// A place for a session, whoever its client is: one of this listener and one of all.
    pub(super) fn enter(self: &Arc<Self>, all: &Arc<Semaphore>) -> Result<Place, RefusalReason> {
        let Ok(of_all) = all.clone().try_acquire_owned() else {
            return Err(RefusalReason::TooManySessions);
        };
        let one_more = |sessions| (sessions < self.sessions_max).then_some(sessions + 1);
        match self.sessions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_before) => Ok(Place { gate: self.clone(), counted: None, _of_all: of_all }),
            Err(_full) => Err(RefusalReason::TooManySessions),
        }
    }
}

impl Place {
    /// Counts the session for the address of its client, when that is known.
    pub(super) fn count(&mut self, address: IpAddr) -> Result<(), RefusalReason> {
        let counted = self.gate.by_address.count(address);
        self.counted = Some(counted.map_err(|_| RefusalReason::TooManySessionsOfAddress)?);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
