//! The memory of who has accepted a message that its sender will send again: upstream
//! took it over for some recipients and deferred it for others, or the sender went away
//! before its reply. When the message comes again, the first ones must not get it twice.
//!
//! It is a file of slots behind a header (`accepted/fingerprint.rs`). A slot holds a recipient of a
//! message: 16 octets of key, 8 of the time, 4 of nothing, 4 of crc32c. There are two kinds,
//! which only their keys tell apart:
//!
//! - What is *remembered* is on disk before the sender is told. It is forgotten when the
//!   message has come to its end, so that the same one, sent anew, is delivered anew; else
//!   after five days, the time for which senders try (RFC 5321 §4.5.4.1).
//! - What is *noted* is written when upstream accepts a copy, and wiped when the sender
//!   has its reply. Nobody waits for the disk: notes are there for a process that is
//!   killed, and a system keeps what a killed process has written. They do not outlive the
//!   system itself, because their wiping may be lost with it: a key of theirs is made of
//!   the boot id, and none of another boot is ever found.

mod fingerprint;

use aws_lc_rs::digest::{Context, SHA256};
use fingerprint::{Fingerprints, HEADER_OCTETS};
use mail::smtp::session::Transaction;
use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tracking::ids::Timestamp;

/// For so long a sender is expected to come again, in milliseconds.
const REMEMBERED_MS: i64 = 5 * Timestamp::DAY_MS;

const KEY_OCTETS: usize = 16;
const TIME_END: usize = KEY_OCTETS + 8;
const CHECKSUM_START: usize = TIME_END + 4;

/// A sector of a disk holds a whole number of slots, so none is torn.
const SLOT_OCTETS: usize = CHECKSUM_START + 4;

/// The file grows by so many slots, which are filled with zeros: writing into them then
/// changes nothing but octets, and that is on disk sooner.
const GROWTH_SLOTS: u32 = 4_096;

/// Most slots of the file, 32 MiB: so many recipients are remembered at most.
const SLOTS_MAX: u32 = 1 << 20;

/// What the system calls the time since it was started; another one each time.
const BOOT_ID_FILE: &str = "/proc/sys/kernel/random/boot_id";

type Key = [u8; KEY_OCTETS];

/// A message and one of its recipients: hashes of reverse-path, content and recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedKey {
    remembered: Key,
    noted: Key,
}

/// Where a note stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(u32);

/// Who has accepted what.
#[derive(Debug)]
pub struct AcceptedMemory {
    file: File,
    fingerprints: Fingerprints,
    /// What makes the keys of notes those of this boot.
    boot: Vec<u8>,
    state: Mutex<State>,
    /// How often the file was written.
    written: AtomicU64,
    /// How often it had been written when it was last synced.
    synced: Mutex<u64>,
}

#[derive(Debug)]
struct State {
    accepted: HashMap<Key, Entry>,
    slots: u32,
    free: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Timestamp,
    slot: u32,
}

impl AcceptedMemory {
    /// Reads the file, which is made if it is not there, and drops what is too old.
    pub fn open(path: &Path, now: Timestamp) -> io::Result<Self> {
        // Without a boot id, notes are those of this process alone.
        let boot = fs::read(BOOT_ID_FILE).unwrap_or_else(|_| super::stamp::octets().to_vec());
        Self::open_in(path, now, boot)
    }

    fn open_in(path: &Path, now: Timestamp, boot: Vec<u8>) -> io::Result<Self> {
        let mut octets = Vec::new();
        match File::open(path) {
            Ok(file) => {
                file.take(offset(SLOTS_MAX)).read_to_end(&mut octets)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Slots without a good header have keys that nothing is found by.
        let (fingerprints, slots) = match octets.split_first_chunk() {
            Some((header, slots)) => (Fingerprints::read(header), slots),
            None => (None, &[][..]),
        };
        let (fingerprints, slots) = match fingerprints {
            Some(fingerprints) => (fingerprints, slots),
            None => (Fingerprints::fresh()?, &[][..]),
        };
        let slots = slots.as_chunks::<SLOT_OCTETS>().0;
        let fresh: HashMap<Key, Timestamp> =
            slots.iter().filter_map(read_slot).filter(|(_, at)| is_fresh(*at, now)).collect();
        let mut state = State { accepted: HashMap::new(), slots: 0, free: Vec::new() };
        let mut octets = Vec::with_capacity(HEADER_OCTETS + fresh.len() * SLOT_OCTETS);
        octets.extend_from_slice(&fingerprints.header());
        for (key, at) in fresh {
            octets.extend_from_slice(&write_slot(key, at));
            state.accepted.insert(key, Entry { at, slot: state.slots });
            state.slots += 1;
        }
        let file = replace(path, &octets)?;
        let (written, synced) = (AtomicU64::new(0), Mutex::new(0));
        Ok(Self { file, fingerprints, boot, state: Mutex::new(state), written, synced })
    }

    /// The keys of all recipients of a transaction, in their order.
    pub fn keys(&self, transaction: &Transaction, content: &[u8]) -> Vec<AcceptedKey> {
        let content = self.fingerprints.of(content);
        let reverse_path = transaction.reverse_path.mailbox.as_bytes();
        let key = |recipient: &[u8]| {
            let remembered = hash(&[reverse_path, recipient, &content]);
            AcceptedKey { remembered, noted: hash(&[&remembered, &self.boot]) }
        };
        let recipients = transaction.recipients.iter();
        recipients.map(|recipient| key(recipient.mailbox.as_bytes())).collect()
    }

    /// Is nothing remembered? Then no message needs a hash to be looked up.
    pub fn is_empty(&self) -> bool {
        self.state().accepted.is_empty()
    }

    /// Has this recipient accepted this message before?
    pub fn holds(&self, key: &AcceptedKey, now: Timestamp) -> bool {
        let state = self.state();
        [key.remembered, key.noted]
            .iter()
            .any(|key| state.accepted.get(key).is_some_and(|entry| is_fresh(entry.at, now)))
    }

    /// Notes that upstream has accepted a copy of the message in hand. It is found when the
    /// memory is opened again; before that only if it is kept.
    pub fn note(&self, key: &AcceptedKey, now: Timestamp) -> io::Result<Slot> {
        let slot = self.take_slot(now)?;
        match self.write(slot, &write_slot(key.noted, now)) {
            Ok(()) => Ok(Slot(slot)),
            Err(error) => {
                self.state().free.push(slot);
                Err(error)
            }
        }
    }

    /// Wipes a note.
    pub fn wipe(&self, Slot(slot): Slot) -> io::Result<()> {
        // Only then: who takes the slot next must not be wiped.
        let wiped = self.write(slot, &[0; SLOT_OCTETS]);
        self.state().free.push(slot);
        wiped
    }

    /// Remembers what was noted: the sender comes again.
    pub fn keep(&self, key: &AcceptedKey, Slot(slot): Slot, now: Timestamp) {
        let mut state = self.state();
        if let Some(other) = state.accepted.insert(key.noted, Entry { at: now, slot }) {
            state.free.push(other.slot);
        }
    }

    /// Remembers recipients. When it returns, they are on disk, so it blocks.
    pub fn remember(&self, keys: &[AcceptedKey], now: Timestamp) -> io::Result<()> {
        for AcceptedKey { remembered, .. } in keys {
            let known = self.state().accepted.get(remembered).map(|entry| entry.slot);
            let slot = match known {
                Some(slot) => slot,
                None => self.take_slot(now)?,
            };
            self.write(slot, &write_slot(*remembered, now))?;
            self.state().accepted.insert(*remembered, Entry { at: now, slot });
        }
        self.sync()
    }

    /// Forgets recipients. When it returns, that is on disk, so it blocks.
    pub fn forget(&self, keys: &[AcceptedKey]) -> io::Result<()> {
        for key in keys.iter().flat_map(|key| [key.remembered, key.noted]) {
            let known = self.state().accepted.remove(&key);
            if let Some(entry) = known {
                self.wipe(Slot(entry.slot))?;
            }
        }
        self.sync()
    }

    /// A slot that is nobody's.
    fn take_slot(&self, now: Timestamp) -> io::Result<u32> {
        let mut state = self.state();
        if state.free.is_empty() && state.slots + GROWTH_SLOTS > SLOTS_MAX {
            let State { accepted, free, .. } = &mut *state;
            accepted.retain(|_, entry| {
                let is_fresh = is_fresh(entry.at, now);
                free.extend((!is_fresh).then_some(entry.slot));
                is_fresh
            });
        }
        if let Some(slot) = state.free.pop() {
            return Ok(slot);
        }
        let first = state.slots;
        if first + GROWTH_SLOTS > SLOTS_MAX {
            return Err(io::Error::other("as many recipients are remembered as may be"));
        }
        let zeros = vec![0; GROWTH_SLOTS as usize * SLOT_OCTETS];
        self.file.write_all_at(&zeros, offset(first))?;
        state.slots += GROWTH_SLOTS;
        state.free.extend((first + 1..first + GROWTH_SLOTS).rev());
        Ok(first)
    }

    fn write(&self, slot: u32, octets: &[u8; SLOT_OCTETS]) -> io::Result<()> {
        self.file.write_all_at(octets, offset(slot))?;
        self.written.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Has the disk take what was written. One sync is under way at a time, and what was
    /// written when it began needs no other.
    fn sync(&self) -> io::Result<()> {
        let wanted = self.written.load(Ordering::SeqCst);
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced < wanted {
            let covered = self.written.load(Ordering::SeqCst);
            self.file.sync_data()?;
            *synced = covered;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked cannot have left a map half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(parts: &[&[u8]]) -> Key {
    let mut context = Context::new(&SHA256);
    // A mailbox has no NUL, so the parts cannot be mistaken for one another.
    for part in parts {
        context.update(part);
        context.update(b"\0");
    }
    let hash = context.finish();
    let (key, _) = hash.as_ref().split_first_chunk().expect("SHA-256 has 32 octets");
    *key
}

fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    now.0.saturating_sub(at.0) < REMEMBERED_MS
}

fn offset(slot: u32) -> u64 {
    HEADER_OCTETS as u64 + u64::from(slot) * SLOT_OCTETS as u64
}

fn write_slot(key: Key, at: Timestamp) -> [u8; SLOT_OCTETS] {
    let mut slot = [0; SLOT_OCTETS];
    slot[..KEY_OCTETS].copy_from_slice(&key);
    slot[KEY_OCTETS..TIME_END].copy_from_slice(&at.0.to_be_bytes());
    let checksum = crc32c::crc32c(&slot[..CHECKSUM_START]);
    slot[CHECKSUM_START..].copy_from_slice(&checksum.to_be_bytes());
    slot
}

/// What a slot says; `None` where it is damaged or nobody's.
fn read_slot(slot: &[u8; SLOT_OCTETS]) -> Option<(Key, Timestamp)> {
    let (key, rest) = slot.split_first_chunk::<KEY_OCTETS>()?;
    let (time, _) = rest.split_first_chunk::<8>()?;
    let checksum = crc32c::crc32c(&slot[..CHECKSUM_START]).to_be_bytes();
    let is_whole = checksum[..] == slot[CHECKSUM_START..];
    is_whole.then_some((*key, Timestamp(i64::from_be_bytes(*time))))
}

/// Writes the file anew, whole or not at all, and gives it open.
fn replace(path: &Path, octets: &[u8]) -> io::Result<File> {
    let fresh: PathBuf = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).create(true).truncate(true).open(&fresh)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests;
