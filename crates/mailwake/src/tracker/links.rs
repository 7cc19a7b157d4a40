//! Opens the tokens of links. New keys are used from the next link on; a link with a key that
//! is not in the ring has its file looked at, so that a ring which was changed without a
//! signal loses no click.

use super::{counters::Counters, key_file::KeyFile};
use arc_swap::{ArcSwap, Cache};
use std::{borrow::Cow, path::PathBuf, sync::Arc};
use tracking::token::{Link, OpenError, Opener, key::KeyRing};

/// A token as it was sealed. Some clients percent-encode characters that need it not, which
/// means the same (RFC 3986 §6.2.2.2); and the padding of the Go reference's links.
pub(super) fn normalized(token: &str) -> Cow<'_, str> {
    if memchr::memchr(b'%', token.as_bytes()).is_none() {
        return token.into();
    }
    let mut pieces = token.split('%');
    let mut decoded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let octet = piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match octet {
            Some(octet) if octet.is_ascii_alphanumeric() || b"-_=".contains(&octet) => {
                decoded.push(octet.into());
                decoded.push_str(&piece[2..]);
            }
            _ => decoded.extend(["%", piece]),
        }
    }
    decoded.into()
}

/// Opens tokens with the current keys.
pub(super) struct Links {
    keys: Cache<Arc<ArcSwap<KeyRing>>, Arc<KeyRing>>,
    current: Arc<KeyRing>,
    opener: Opener,
    key_file: Option<KeyFile>,
    counters: Arc<Counters>,
}

impl Links {
    /// Links with these keys, which may come from a file.
    pub(super) fn new(
        keys: Arc<ArcSwap<KeyRing>>,
        key_file: Option<PathBuf>,
        counters: Arc<Counters>,
    ) -> Self {
        let keys = Cache::new(keys);
        let current = keys.arc_swap().load_full();
        let opener = Opener::new(current.clone());
        Self { keys, opener, current, key_file: key_file.map(KeyFile::new), counters }
    }

    pub(super) fn open(&mut self, token: &str, host: &str) -> Result<Link, OpenError> {
        self.take_new_keys();
        let mut opened = self.opener.open(token, host);
        if let Err(OpenError::UnknownKey(_)) = opened {
            if self.read_key_file() {
                opened = self.opener.open(token, host);
            }
            if let Err(OpenError::UnknownKey(_)) = opened {
                self.counters.unknown_keys.increment();
            }
        }
        opened
    }

    fn take_new_keys(&mut self) {
        let keys = self.keys.load();
        if !Arc::ptr_eq(keys, &self.current) {
            self.current = keys.clone();
            self.opener = Opener::new(self.current.clone());
        }
    }

    /// Takes the keys of the file for all threads, if there are others in it than before.
    fn read_key_file(&mut self) -> bool {
        let Some(file) = &mut self.key_file else { return false };
        let Some(ring) = file.new_keys(&self.current) else { return false };
        // Of two threads, or of a thread and a signal, one is enough.
        self.keys.arc_swap().compare_and_swap(&self.current, Arc::new(ring));
        self.counters.keys_read_again.increment();
        self.take_new_keys();
        true
    }
}

#[cfg(test)]
mod tests;
