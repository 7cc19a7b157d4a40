//! Fingerprints of message content: GMAC (NIST SP 800-38D) with a key that nobody else has,
//! several times as fast as SHA-256. As the key stays secret, and so do the fingerprints,
//! nobody can make a message that has the fingerprint of another one.
//!
//! The key is in the header of the file, because fingerprints are compared with those of
//! earlier processes: 16 octets that name the form, 32 of the key, 12 of nothing, 4 of
//! crc32c.

use crate::gateway::stamp::system_randomness;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::{fmt, io};

/// Octets of the header.
pub(super) const HEADER_OCTETS: usize = 64;

const FORM: &[u8; 16] = b"mailwake-accept2";
const KEY_END: usize = FORM.len() + 32;
const CHECKSUM_START: usize = HEADER_OCTETS - 4;

/// Octets of a fingerprint.
const OCTETS: usize = 16;

/// Makes fingerprints.
pub(super) struct Fingerprints {
    secret: [u8; 32],
    key: LessSafeKey,
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is nobody's to see.
        f.debug_struct("Fingerprints").finish_non_exhaustive()
    }
}

impl Fingerprints {
    /// With a key that nobody can guess. A system without randomness gives none.
    pub(super) fn fresh() -> io::Result<Self> {
        let mut secret = [0; 32];
        system_randomness(&mut secret).map_err(io::Error::other)?;
        Ok(Self::of_secret(secret))
    }

    /// With the key of a file; `None` where its header is none of this form, or damaged.
    pub(super) fn read(header: &[u8; HEADER_OCTETS]) -> Option<Self> {
        let checksum = crc32c::crc32c(&header[..CHECKSUM_START]).to_be_bytes();
        let is_whole = header.starts_with(FORM) && header.ends_with(&checksum);
        let secret = header[FORM.len()..KEY_END].try_into().ok()?;
        is_whole.then(|| Self::of_secret(secret))
    }

    fn of_secret(secret: [u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, &secret).expect("the key has 32 octets");
        Self { secret, key: LessSafeKey::new(key) }
    }

    /// The header that `read` reads.
    pub(super) fn header(&self) -> [u8; HEADER_OCTETS] {
        let mut header = [0; HEADER_OCTETS];
        header[..FORM.len()].copy_from_slice(FORM);
        header[FORM.len()..KEY_END].copy_from_slice(&self.secret);
        let checksum = crc32c::crc32c(&header[..CHECKSUM_START]).to_be_bytes();
        header[CHECKSUM_START..].copy_from_slice(&checksum);
        header
    }

    /// The fingerprint of content.
    pub(super) fn of(&self, content: &[u8]) -> [u8; OCTETS] {
        // Nothing is encrypted, and no tag leaves the process: one nonce is enough.
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(content), &mut [])
            .expect("content is shorter than 2^61 octets");
        tag.as_ref().try_into().expect("a tag of GCM has 16 octets")
    }
}
