//! What was compressed or uncompressed a moment ago. A newsletter goes to its recipients one
//! message after the other, with the same links in each; and they follow the same links.

/// Slots for what is remembered, about twice as many as a newsletter has links.
const SLOTS: usize = 128;

/// Slots in which something may be, from its own on.
const REACH: usize = 4;

/// What is longer, or becomes longer, is not remembered.
const OCTETS_MAX: usize = 512;

/// Remembers what came of octets.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Empty until there is something to remember.
    slots: Vec<Slot>,
}

#[derive(Debug, Default, Clone)]
struct Slot {
    /// Empty while the slot is free.
    octets: Vec<u8>,
    became: Vec<u8>,
}

impl Memory {
    /// What became of these octets; `None` where that is not remembered.
    pub(super) fn recall(&self, octets: &[u8]) -> Option<&[u8]> {
        if self.slots.is_empty() || octets.is_empty() {
            return None;
        }
        let mut slots = near(octets).map(|slot| &self.slots[slot]);
        slots.find(|slot| slot.octets == octets).map(|slot| slot.became.as_slice())
    }

    /// Remembers what has become of octets that `recall` does not know, perhaps instead of
    /// others.
    pub(super) fn keep(&mut self, octets: &[u8], became: &[u8]) {
        if octets.is_empty() || octets.len().max(became.len()) > OCTETS_MAX {
            return;
        }
        self.slots.resize(SLOTS, Slot::default());
        let free = near(octets).find(|slot| self.slots[*slot].octets.is_empty());
        let slot = &mut self.slots[free.unwrap_or(own_slot(octets))];
        octets.clone_into(&mut slot.octets);
        became.clone_into(&mut slot.became);
    }
}

/// The slots in which octets may be.
fn near(octets: &[u8]) -> impl Iterator<Item = usize> {
    let own = own_slot(octets);
    (own..own + REACH).map(|slot| slot % SLOTS)
}

/// The slot that octets have first.
fn own_slot(octets: &[u8]) -> usize {
    let (words, rest) = octets.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mix = |hash: u64, word: &[u8; 8]| {
        (hash.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    };
    let hash = words.iter().chain([&last]).fold(0, mix);
    (hash >> 57) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recalled_is_what_became_of_it() {
        let mut memory = Memory::default();
        let many: Vec<_> = (0..300).map(|n| format!("https://shop.example/?id={n}")).collect();
        for octets in many.iter().chain(&many).map(String::as_bytes) {
            let became = octets.to_ascii_uppercase();
            assert!(memory.recall(octets).is_none_or(|recalled| recalled == became));
            memory.keep(octets, &became);
            assert_eq!(memory.recall(octets), Some(became.as_slice()));
        }
        let recalled = many.iter().filter(|octets| memory.recall(octets.as_bytes()).is_some());
        assert!((SLOTS / 2..=SLOTS).contains(&recalled.count()));
    }

    #[test]
    fn what_is_long_or_nothing_is_not_kept() {
        let mut memory = Memory::default();
        let long = [b'x'; OCTETS_MAX + 1];
        for (octets, became) in [(&b""[..], &b"a"[..]), (&long, b"a"), (b"a", &long)] {
            memory.keep(octets, became);
            assert_eq!(memory.recall(octets), None);
        }
        memory.keep(b"a", b"");
        assert_eq!(memory.recall(b"a"), Some(&b""[..]));
    }
}
