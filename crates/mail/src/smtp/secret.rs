//! Octets that nobody is to see, such as a password: they are overwritten when they are
//! dropped, and never shown.

use std::{fmt, hint, ops::Deref};

/// Such octets.
pub struct Secret(Vec<u8>);

impl From<Vec<u8>> for Secret {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets)
    }
}

impl Deref for Secret {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Overwrites octets that are not used any more.
pub fn wipe(octets: &mut [u8]) {
    octets.fill(0);
    // Without this, a compiler may leave out what nobody reads.
    hint::black_box(octets);
}
