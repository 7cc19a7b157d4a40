//! The file of the key ring, looked at when a link has a key that is not in the ring: the
//! operator may have changed it and told nobody. Anybody can write such a link, so that a
//! look costs one system call, and the file is read only when it is another one than before.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use tracking::token::key::KeyRing;

/// Octets of the file that are read at most. A full ring has some 2,500.
const OCTETS_MAX: u64 = 256 << 10;

/// The file, and which one it was when it was last read.
pub(super) struct KeyFile {
    path: PathBuf,
    seen: Option<Identity>,
}

/// What changes when a file is replaced or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        Ok(Self {
            device: file.dev(),
            inode: file.ino(),
            octets: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
        })
    }
}

impl KeyFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, seen: None }
    }

    /// The current ring with the keys that came to the file, if it is another file than at
    /// the last call and there are any. A key is lost by a signal alone, never by a look.
    pub(super) fn new_keys(&mut self, current: &KeyRing) -> Option<KeyRing> {
        let identity = Identity::of(&self.path).ok()?;
        if self.seen.replace(identity) == Some(identity) || identity.octets > OCTETS_MAX {
            return None;
        }
        let ring = match fs::read_to_string(&self.path) {
            Ok(text) => KeyRing::parse(&text).ok(),
            Err(_) => None,
        };
        let Some(ring) = ring else {
            tracing::warn!("the file of the key ring has changed and is none, the old keys stay");
            return None;
        };
        let ring = current.with_keys_of(&ring)?;
        tracing::info!(keys = ring.keys().len(), "new keys were read because a link has one");
        Some(ring)
    }
}

#[cfg(test)]
mod tests;
