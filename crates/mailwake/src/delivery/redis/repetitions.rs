//! How often the same entry came of late. A list has no ids, and entries tell their time in
//! seconds: two fetches within one second look the same, and are two.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

/// After that time an entry is another one's.
const REMEMBERED_FOR: Duration = Duration::from_secs(10);

/// Entries that are remembered; with more, the older are forgotten.
const ENTRIES_MAX: usize = 100_000;

/// Entries of late: those since a time, and those before it.
#[derive(Debug)]
pub(super) struct Repetitions {
    since: Instant,
    new: HashMap<u64, u32>,
    old: HashMap<u64, u32>,
}

impl Repetitions {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, new: HashMap::new(), old: HashMap::new() }
    }

    /// How many like it there were before.
    pub(super) fn count(&mut self, entry: &[u8], now: Instant) -> u32 {
        if now.duration_since(self.since) > REMEMBERED_FOR || self.new.len() >= ENTRIES_MAX {
            self.old = std::mem::take(&mut self.new);
            self.since = now;
        }
        let entry = hash(entry);
        let before = self.old.remove(&entry).unwrap_or_default();
        let count = self.new.entry(entry).or_insert(before);
        *count = count.saturating_add(1);
        *count - 1
    }

    /// An entry that was counted just now comes again as the same one.
    pub(super) fn take_back(&mut self, entry: &[u8]) {
        let entry = hash(entry);
        let count = self.new.get_mut(&entry).or_else(|| self.old.get_mut(&entry));
        if let Some(count) = count {
            *count = count.saturating_sub(1);
        }
    }
}

fn hash(entry: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    entry.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_entry_is_counted_for_a_while() {
        let start = Instant::now();
        let mut repetitions = Repetitions::new(start);
        assert_eq!(repetitions.count(b"a", start), 0);
        assert_eq!(repetitions.count(b"a", start), 1);
        assert_eq!(repetitions.count(b"b", start), 0);
        let later = start + REMEMBERED_FOR + Duration::from_secs(1);
        assert_eq!(repetitions.count(b"a", later), 2);
        let much_later = later + 3 * REMEMBERED_FOR;
        assert_eq!(repetitions.count(b"b", much_later), 0);
        assert_eq!(repetitions.count(b"b", much_later), 1);
        repetitions.take_back(b"b");
        assert_eq!(repetitions.count(b"b", much_later), 1);
    }
}
