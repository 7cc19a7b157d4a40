//! The key ring: up to 32 keys, of which one seals and all open. Its file is text,
//! one key a line, so that it can be read, mounted as a secret and compared. Where several
//! trackers have the ring, a key is staged until each of them knows it, and seals then.
//!
//! ```text
//! # id  state    created     secret
//!   1   active   2026-11-21  Zm9vYmFy…
//! ```

use aws_lc_rs::aead::{AES_256_GCM_SIV, LessSafeKey, UnboundKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::fmt;

/// Keys in a ring at most: a token has five bits for the id.
pub const KEYS_MAX: u8 = 32;

/// Octets of a secret (AES-256).
pub const SECRET_OCTETS: usize = 32;

/// Whether a key makes new links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Opens links that others have sealed with it already, and seals none yet.
    Staged,
    /// Seals new links and opens its own. Exactly one key is active.
    Active,
    /// Opens the links that it sealed while it was active.
    Retired,
}

impl KeyState {
    /// As the file names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}

/// A key of the ring.
pub struct SigningKey {
    id: u8,
    state: KeyState,
    created: String,
    secret: [u8; SECRET_OCTETS],
    aead: LessSafeKey,
}

impl SigningKey {
    fn new(id: u8, state: KeyState, created: String, secret: [u8; SECRET_OCTETS]) -> Self {
        let unbound = UnboundKey::new(&AES_256_GCM_SIV, &secret)
            .expect("AES-256-GCM-SIV takes every key of 32 octets");
        Self { id, state, created, secret, aead: LessSafeKey::new(unbound) }
    }

    /// 0 to 31; it stands in every token the key seals.
    pub fn id(&self) -> u8 {
        self.id
    }

    /// Whether it makes new links.
    pub fn state(&self) -> KeyState {
        self.state
    }

    /// The day it was made, as its file has it.
    pub fn created(&self) -> &str {
        &self.created
    }

    pub(super) fn aead(&self) -> &LessSafeKey {
        &self.aead
    }
}

impl fmt::Debug for SigningKey {
    // Secrets stay out of every log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).field("state", &self.state).finish()
    }
}

/// One thing wrong with a key file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyMistake {
    /// A line that is no key.
    #[error("line {line}: {wrong}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong, and what would be right.
        wrong: &'static str,
    },
    /// Not one active key.
    #[error("{0} keys are active, exactly one must be")]
    Active(usize),
}

/// Why a key cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key ring has {KEYS_MAX} keys already: remove the oldest ones, whose links then stop to work"
)]
pub struct RingFull;

/// Why the state of a key is not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The ring does not have it.
    #[error("the key ring has no key {0}")]
    Unknown(u8),
    /// It seals.
    #[error("key {0} is the active one: activate another first, and it is retired")]
    Active(u8),
}

/// Up to 32 keys, of which one is active.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<SigningKey>,
    active: usize,
}

impl KeyRing {
    /// A ring with one key. `secret` is random; `created` is a day, as `2026-11-21`.
    pub fn generate(secret: [u8; SECRET_OCTETS], created: &str) -> Self {
        let key = SigningKey::new(1, KeyState::Active, created.into(), secret);
        Self { keys: vec![key], active: 0 }
    }

    /// The key that seals.
    pub fn active(&self) -> &SigningKey {
        &self.keys[self.active]
    }

    /// The key with this id.
    pub fn find(&self, id: u8) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// Does the ring have this key, with the same id and secret?
    pub fn has_same(&self, key: &SigningKey) -> bool {
        self.find(key.id).is_some_and(|own| own.secret == key.secret)
    }

    /// All keys, in the order of the file.
    pub fn keys(&self) -> &[SigningKey] {
        &self.keys
    }

    /// Adds a key and makes it the active one; the others go on opening their links.
    pub fn rotate(&mut self, secret: [u8; SECRET_OCTETS], created: &str) -> Result<u8, RingFull> {
        let id = self.add(secret, created)?;
        self.activate(id).expect("it was added just now");
        Ok(id)
    }

    /// Adds a staged key, and gives its id.
    pub fn add(&mut self, secret: [u8; SECRET_OCTETS], created: &str) -> Result<u8, RingFull> {
        // The next id after the newest, so that an id is not used again soon.
        let newest = self.keys.last().map_or(0, |key| key.id);
        let id = (1..=KEYS_MAX)
            .map(|step| (newest + step) % KEYS_MAX)
            .find(|id| self.find(*id).is_none())
            .ok_or(RingFull)?;
        self.keys.push(SigningKey::new(id, KeyState::Staged, created.into(), secret));
        Ok(id)
    }

    /// Has a key seal from now on, whatever its state was; the one that did is retired.
    pub fn activate(&mut self, id: u8) -> Result<(), KeyError> {
        let next = self.position(id)?;
        self.keys[self.active].state = KeyState::Retired;
        self.keys[next].state = KeyState::Active;
        self.active = next;
        Ok(())
    }

    /// Retires a staged key, so that nobody activates it by mistake. The active one is
    /// refused: something must seal.
    pub fn retire(&mut self, id: u8) -> Result<(), KeyError> {
        let position = self.position(id)?;
        if position == self.active {
            return Err(KeyError::Active(id));
        }
        self.keys[position].state = KeyState::Retired;
        Ok(())
    }

    /// This ring with the keys of another one whose ids it does not have, for opening alone:
    /// what seals stays. None where the other has no such key.
    pub fn with_keys_of(&self, other: &Self) -> Option<Self> {
        let copied = |key: &SigningKey, state| {
            SigningKey::new(key.id, state, key.created.clone(), key.secret)
        };
        let new = other.keys.iter().filter(|key| self.find(key.id).is_none());
        let new: Vec<_> = new.map(|key| copied(key, KeyState::Staged)).collect();
        if new.is_empty() {
            return None;
        }
        let own = self.keys.iter().map(|key| copied(key, key.state));
        Some(Self { keys: own.chain(new).collect(), active: self.active })
    }

    fn position(&self, id: u8) -> Result<usize, KeyError> {
        self.keys.iter().position(|key| key.id == id).ok_or(KeyError::Unknown(id))
    }

    /// Reads a key file. All that is wrong is told, not just the first of it.
    pub fn parse(text: &str) -> Result<Self, Vec<KeyMistake>> {
        let mut keys: Vec<SigningKey> = Vec::new();
        let mut mistakes = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let content = line.split('#').next().unwrap_or_default().trim();
            if content.is_empty() {
                continue;
            }
            match parse_key(content) {
                Ok(key) if keys.iter().any(|other| other.id == key.id) => mistakes
                    .push(KeyMistake::Line { line: index + 1, wrong: "this id is taken already" }),
                Ok(key) => keys.push(key),
                Err(wrong) => mistakes.push(KeyMistake::Line { line: index + 1, wrong }),
            }
        }
        let is_active = |key: &SigningKey| key.state == KeyState::Active;
        let count = keys.iter().filter(|key| is_active(key)).count();
        match keys.iter().position(is_active) {
            Some(active) if count == 1 && mistakes.is_empty() => Ok(Self { keys, active }),
            _ => {
                // With lines that cannot be read the count would only mislead.
                if mistakes.is_empty() {
                    mistakes.push(KeyMistake::Active(count));
                }
                Err(mistakes)
            }
        }
    }

    /// The text of the key file: what `parse` reads. It holds the secrets.
    pub fn to_text(&self) -> String {
        let mut text = String::from(
            "# mailwake key ring. Who has it can forge tracked links: keep it secret.\n\
             # One key is active and seals new links; retired ones still open theirs. A staged\n\
             # one seals when all who have the ring know it.\n\
             # id  state    created     secret\n",
        );
        for key in &self.keys {
            let state = key.state.name();
            let secret = URL_SAFE_NO_PAD.encode(key.secret);
            text += &format!("{:4}  {state:7}  {}  {secret}\n", key.id, key.created);
        }
        text
    }
}

fn parse_key(line: &str) -> Result<SigningKey, &'static str> {
    let fields: Vec<_> = line.split_ascii_whitespace().collect();
    let [id, state, created, secret] = fields[..] else {
        return Err("a key is four fields: id, state, created, secret");
    };
    let id = id.parse().ok().filter(|id| *id < KEYS_MAX).ok_or("the id must be 0 to 31")?;
    let state = match state {
        "staged" => KeyState::Staged,
        "active" => KeyState::Active,
        "retired" => KeyState::Retired,
        _ => return Err("the state must be staged, active or retired"),
    };
    let secret = URL_SAFE_NO_PAD
        .decode(secret)
        .ok()
        .and_then(|octets| octets.try_into().ok())
        .ok_or("the secret must be 32 octets in base64url without padding")?;
    Ok(SigningKey::new(id, state, created.into(), secret))
}

#[cfg(test)]
mod tests;
