//! Targets that were compressed a moment ago. A newsletter goes to its recipients one
//! message after the other, with the same links in each.

use super::compression;

/// Slots for targets that are remembered, about twice as many as a newsletter has.
const SLOTS: usize = 128;

/// Slots in which a target may be, from its own on.
const REACH: usize = 4;

/// Longer targets are not remembered.
const TARGET_OCTETS_MAX: usize = 512;

/// Compresses targets, and remembers what came of them.
#[derive(Debug, Default)]
pub(super) struct Targets {
    /// Empty until there is a target.
    slots: Vec<Slot>,
}

#[derive(Debug, Default, Clone)]
struct Slot {
    target: Vec<u8>,
    /// Empty if the target does not get shorter.
    deflated: Vec<u8>,
}

impl Targets {
    /// Appends `target` to `out` in compressed form. False, and `out` as it was, unless
    /// that form is shorter.
    pub(super) fn deflate(&mut self, target: &[u8], out: &mut Vec<u8>) -> bool {
        if target.is_empty() || target.len() > TARGET_OCTETS_MAX {
            return compression::deflate(target, out);
        }
        self.slots.resize(SLOTS, Slot::default());
        let (place, is_remembered) = self.place(target);
        let slot = &mut self.slots[place];
        if !is_remembered {
            target.clone_into(&mut slot.target);
            slot.deflated.clear();
            compression::deflate(target, &mut slot.deflated);
        }
        out.extend_from_slice(&slot.deflated);
        !slot.deflated.is_empty()
    }

    /// The slot for a target, and whether that holds it; else one that is free, or its own.
    fn place(&self, target: &[u8]) -> (usize, bool) {
        let own = own_slot(target);
        let near = || (own..own + REACH).map(|slot| slot % SLOTS);
        match near().find(|slot| self.slots[*slot].target == target) {
            Some(found) => (found, true),
            None => {
                let free = near().find(|slot| self.slots[*slot].target.is_empty());
                (free.unwrap_or(own), false)
            }
        }
    }
}

/// The slot of a target, by its octets.
fn own_slot(target: &[u8]) -> usize {
    let (words, rest) = target.as_chunks::<8>();
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
    fn remembered_target_is_the_same() {
        let mut targets = Targets::default();
        let many: Vec<_> = (0..300).map(|n| format!("https://shop.example/?id={n}")).collect();
        for target in many.iter().chain(&many).chain([&"x".repeat(600), &"~".repeat(3)]) {
            let (mut expected, mut found) = (b"before".to_vec(), b"before".to_vec());
            let is_shorter = compression::deflate(target.as_bytes(), &mut expected);
            assert_eq!(targets.deflate(target.as_bytes(), &mut found), is_shorter, "{target}");
            assert_eq!(found, expected, "{target}");
            assert_eq!(targets.deflate(target.as_bytes(), &mut found), is_shorter);
        }
    }
}
