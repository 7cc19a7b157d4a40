//! The memory of who has accepted a message that its sender will send again. Upstream
//! took it over for some recipients and deferred it for others, so the sender was
//! told 451; when the message comes again, the first ones must not get it twice.
//!
//! It is a file of records that are only added, each on disk before the sender's
//! reply: 16 octets of key, 8 of the time (0 to forget it), 4 of crc32c. A message is
//! forgotten when it has come to its end, so that the same one, sent anew, is delivered
//! anew; else after five days, the time for which senders try (RFC 5321 §4.5.4.1).

use aws_lc_rs::digest::{Context, SHA256, digest};
use mail::smtp::session::Transaction;
use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tracking::ids::Timestamp;

/// For so long a sender is expected to come again, in milliseconds.
const REMEMBERED_MS: i64 = 5 * Timestamp::DAY_MS;

const KEY_OCTETS: usize = 16;
const ENTRY_OCTETS: usize = KEY_OCTETS + 8;
const RECORD_OCTETS: usize = ENTRY_OCTETS + 4;

/// In the place of a time: forget it.
const FORGOTTEN: Timestamp = Timestamp(0);

/// The file is written anew when it has so many records more than twice what is
/// remembered.
const STALE_RECORDS_MAX: usize = 10_000;

/// A message and one of its recipients: a hash of reverse-path, content and recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AcceptedKey([u8; KEY_OCTETS]);

/// Who has accepted what.
#[derive(Debug)]
pub struct AcceptedMemory {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    path: PathBuf,
    file: File,
    records: usize,
    accepted: HashMap<AcceptedKey, Timestamp>,
}

/// The keys of all recipients of a transaction, in their order.
pub fn keys(transaction: &Transaction, content: &[u8]) -> Vec<AcceptedKey> {
    let content = digest(&SHA256, content);
    let key = |recipient: &str| {
        let mut context = Context::new(&SHA256);
        // A mailbox has no NUL, so the parts cannot be mistaken for one another.
        for part in [&transaction.reverse_path.mailbox, recipient] {
            context.update(part.as_bytes());
            context.update(b"\0");
        }
        context.update(content.as_ref());
        let hash = context.finish();
        let (key, _) = hash.as_ref().split_first_chunk().expect("SHA-256 has 32 octets");
        AcceptedKey(*key)
    };
    transaction.recipients.iter().map(|recipient| key(&recipient.mailbox)).collect()
}

impl AcceptedMemory {
    /// Reads the file, which is made if it is not there, and drops what is too old.
    pub fn open(path: &Path, now: Timestamp) -> io::Result<Self> {
        let octets = match fs::read(path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut accepted = HashMap::new();
        // A record that was not written whole was not acknowledged either.
        for (key, at) in octets.as_chunks::<RECORD_OCTETS>().0.iter().filter_map(read_record) {
            match at {
                FORGOTTEN => drop(accepted.remove(&key)),
                at => drop(accepted.insert(key, at)),
            }
        }
        accepted.retain(|_, at| is_fresh(*at, now));
        let file = replace(path, &accepted)?;
        let records = accepted.len();
        Ok(Self { state: Mutex::new(State { path: path.into(), file, records, accepted }) })
    }

    /// Is nothing remembered? Then no message needs a hash.
    pub fn is_empty(&self) -> bool {
        self.state().accepted.is_empty()
    }

    /// Has this recipient accepted this message before?
    pub fn holds(&self, key: AcceptedKey, now: Timestamp) -> bool {
        self.state().accepted.get(&key).is_some_and(|at| is_fresh(*at, now))
    }

    /// Remembers recipients. When it returns, they are on disk, so it blocks.
    pub fn remember(&self, keys: &[AcceptedKey], now: Timestamp) -> io::Result<()> {
        let mut state = self.state();
        state.write(keys, now)?;
        state.accepted.extend(keys.iter().map(|key| (*key, now)));
        state.accepted.retain(|_, at| is_fresh(*at, now));
        state.tidy()
    }

    /// Forgets recipients. When it returns, that is on disk, so it blocks.
    pub fn forget(&self, keys: &[AcceptedKey]) -> io::Result<()> {
        let mut state = self.state();
        state.write(keys, FORGOTTEN)?;
        state.accepted.retain(|key, _| !keys.contains(key));
        state.tidy()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked cannot have left a map half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, keys: &[AcceptedKey], at: Timestamp) -> io::Result<()> {
        let records: Vec<u8> = keys.iter().flat_map(|key| write_record(*key, at)).collect();
        let written = self.file.write_all(&records).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a record would push all later ones out of their places.
            self.file.set_len((self.records * RECORD_OCTETS) as u64)?;
            return Err(error);
        }
        self.records += keys.len();
        Ok(())
    }

    /// Writes the file anew when most of it is of the past.
    fn tidy(&mut self) -> io::Result<()> {
        if self.records > 2 * self.accepted.len() + STALE_RECORDS_MAX {
            self.file = replace(&self.path, &self.accepted)?;
            self.records = self.accepted.len();
        }
        Ok(())
    }
}

fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    now.0 - at.0 < REMEMBERED_MS
}

fn write_record(key: AcceptedKey, at: Timestamp) -> [u8; RECORD_OCTETS] {
    let mut record = [0; RECORD_OCTETS];
    record[..KEY_OCTETS].copy_from_slice(&key.0);
    record[KEY_OCTETS..ENTRY_OCTETS].copy_from_slice(&at.0.to_be_bytes());
    let checksum = crc32c::crc32c(&record[..ENTRY_OCTETS]);
    record[ENTRY_OCTETS..].copy_from_slice(&checksum.to_be_bytes());
    record
}

/// What a record says; `None` where it is damaged.
fn read_record(record: &[u8; RECORD_OCTETS]) -> Option<(AcceptedKey, Timestamp)> {
    let (key, rest) = record.split_first_chunk::<KEY_OCTETS>()?;
    let (time, checksum) = rest.split_first_chunk::<8>()?;
    let is_whole = crc32c::crc32c(&record[..ENTRY_OCTETS]).to_be_bytes() == *checksum;
    is_whole.then_some((AcceptedKey(*key), Timestamp(i64::from_be_bytes(*time))))
}

/// Writes the file anew, whole or not at all, and gives it open for appending.
fn replace(path: &Path, accepted: &HashMap<AcceptedKey, Timestamp>) -> io::Result<File> {
    let fresh: PathBuf = path.with_extension("new");
    let records: Vec<u8> = accepted.iter().flat_map(|(key, at)| write_record(*key, *at)).collect();
    let mut file = File::create(&fresh)?;
    file.write_all(&records)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    OpenOptions::new().append(true).open(path)
}

#[cfg(test)]
mod tests;
