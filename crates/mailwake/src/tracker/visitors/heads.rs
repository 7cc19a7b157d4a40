//! Remembers HEAD requests for a minute: scanners ask with HEAD before they ask with GET,
//! often on another connection, and so another thread. The memory has a fixed size; of two
//! requests in the same place the later one stays.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
};
use tracking::{
    ids::{MessageId, Timestamp},
    verdict::HEAD_MS_MAX,
};

/// A power of two. The memory takes eight octets for each.
const PLACES: usize = 4096;

/// Bits of milliseconds in a place; the rest are bits of the hash.
const TIME_BITS: u32 = 40;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// A place has the time of a request, and bits of the hash of its message, address and user
/// agent. No lock: a place is written and read as a whole.
#[derive(Debug)]
pub(super) struct Heads {
    places: Box<[AtomicU64]>,
    /// When the last one was noted: most of the time there is none to look for.
    last: AtomicI64,
    // With a key of its own, so that nobody outside can tell which requests share a place.
    keyed: RandomState,
}

impl Default for Heads {
    fn default() -> Self {
        let places = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Self { places, last: AtomicI64::new(i64::MIN), keyed: RandomState::new() }
    }
}

impl Heads {
    pub(super) fn note(&self, id: &MessageId, address: IpAddr, agent: &str, now: Timestamp) {
        let hash = self.keyed.hash_one((id, address, agent));
        self.place(hash).store(hash & !TIME_MASK | time(now), Ordering::Relaxed);
        self.last.fetch_max(now.0, Ordering::Relaxed);
    }

    /// Was there such a request within the last minute?
    pub(super) fn follows(
        &self,
        id: &MessageId,
        address: IpAddr,
        agent: &str,
        now: Timestamp,
    ) -> bool {
        if now.0.saturating_sub(HEAD_MS_MAX) > self.last.load(Ordering::Relaxed) {
            return false;
        }
        let hash = self.keyed.hash_one((id, address, agent));
        let noted = self.place(hash).load(Ordering::Relaxed);
        let passed = time(now).wrapping_sub(noted) & TIME_MASK;
        noted & !TIME_MASK == hash & !TIME_MASK && passed <= HEAD_MS_MAX.cast_unsigned()
    }

    fn place(&self, hash: u64) -> &AtomicU64 {
        &self.places[hash as usize % PLACES]
    }
}

fn time(now: Timestamp) -> u64 {
    now.0.cast_unsigned() & TIME_MASK
}
