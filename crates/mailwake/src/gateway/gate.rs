//! The gate: how many sessions there are, in total and of each address. A connection comes
//! in, and later the address of its client; a place goes out, or the reason why there is
//! none.

use super::{RefusalReason, safety::Safety};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Who gets an address of IPv6 has a network of them, of so many bits (RFC 4291 §2.5.4).
const NETWORK_BITS: u32 = 64;

pub(super) struct Gate {
    sessions_max: usize,
    safety: Safety,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    sessions: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The place of a session. It is free again when this is dropped.
pub(super) struct Place {
    gate: Arc<Gate>,
    /// The address that it counts for.
    counted: Option<IpAddr>,
    _of_all: OwnedSemaphorePermit,
}

impl Gate {
    pub(super) fn new(sessions_max: usize, safety: Safety) -> Arc<Self> {
        Arc::new(Self { sessions_max, safety, open: Mutex::default() })
    }

    /// A place for a session, whoever its client is: one of this listener and one of all.
    pub(super) fn enter(self: &Arc<Self>, all: &Arc<Semaphore>) -> Result<Place, RefusalReason> {
        let Ok(of_all) = all.clone().try_acquire_owned() else {
            return Err(RefusalReason::TooManySessions);
        };
        let mut open = self.open();
        if open.sessions >= self.sessions_max {
            return Err(RefusalReason::TooManySessions);
        }
        open.sessions += 1;
        Ok(Place { gate: self.clone(), counted: None, _of_all: of_all })
    }

    fn counted(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        let is_exempt = address.is_loopback()
            || self.safety.exempt.iter().any(|network| network.contains(address));
        let counted = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let network = address.to_bits() >> (128 - NETWORK_BITS) << (128 - NETWORK_BITS);
                Ipv6Addr::from_bits(network).into()
            }
        };
        (!is_exempt).then_some(counted)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // A thread that panicked cannot have left the counts half changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Counts the session for the address of its client, when that is known.
    pub(super) fn count(&mut self, address: IpAddr) -> Result<(), RefusalReason> {
        let Some(address) = self.gate.counted(address) else { return Ok(()) };
        let mut open = self.gate.open();
        let of_address = open.by_address.entry(address).or_default();
        if *of_address >= self.gate.safety.sessions_per_address_max {
            return Err(RefusalReason::TooManySessionsOfAddress);
        }
        *of_address += 1;
        self.counted = Some(address);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.gate.open();
        open.sessions -= 1;
        if let Some(address) = self.counted
            && let Some(of_address) = open.by_address.get_mut(&address)
        {
            *of_address -= 1;
            if *of_address == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests;
