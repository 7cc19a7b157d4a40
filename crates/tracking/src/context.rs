//! Context variables: names with values, which listeners preset, trusted peers and policy
//! set, and the engagement of a message is read from (Momentum's policy). Those of the
//! connection live as long as it does, those of the message as long as its transaction.
//! All values are text.

use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// Octets that the names and values of one context may have together.
pub const CONTEXT_OCTETS_MAX: usize = 256 * 1024;

/// For how long a variable is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the client is connected.
    Connection,
    /// As long as the message is in hand.
    Message,
}

/// The variables of one session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    connection: BTreeMap<String, String>,
    message: BTreeMap<String, String>,
    octets: usize,
}

/// Why a variable is not set: a context takes [`CONTEXT_OCTETS_MAX`] and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the variables of a context are limited to {CONTEXT_OCTETS_MAX} octets together")]
pub struct ContextFull;

impl Context {
    /// Sets a variable, or gives it another value.
    pub fn set(&mut self, of: Lifetime, name: &str, value: &str) -> Result<(), ContextFull> {
        let before = self.get(of, name).map_or(0, |before| name.len() + before.len());
        let octets = self.octets - before + name.len() + value.len();
        if octets > CONTEXT_OCTETS_MAX {
            return Err(ContextFull);
        }
        self.octets = octets;
        self.variables_mut(of).insert(name.into(), value.into());
        Ok(())
    }

    /// The value of a variable; `None` where it is not set.
    pub fn get(&self, of: Lifetime, name: &str) -> Option<&str> {
        self.variables(of).get(name).map(String::as_str)
    }

    /// Forgets a variable; false where it was not set.
    pub fn delete(&mut self, of: Lifetime, name: &str) -> bool {
        let value = self.variables_mut(of).remove(name);
        self.octets -= value.as_ref().map_or(0, |value| name.len() + value.len());
        value.is_some()
    }

    /// The value that counts for a message: its own, or else that of its connection.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.get(Lifetime::Message, name).or_else(|| self.get(Lifetime::Connection, name))
    }

    /// Each variable with its value, by name.
    pub fn iter(&self, of: Lifetime) -> impl Iterator<Item = (&str, &str)> {
        self.variables(of).iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Forgets the variables of a message that is over.
    pub fn forget_message(&mut self) {
        let octets: usize = self.message.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.octets -= octets;
        self.message.clear();
    }

    fn variables(&self, of: Lifetime) -> &BTreeMap<String, String> {
        match of {
            Lifetime::Connection => &self.connection,
            Lifetime::Message => &self.message,
        }
    }

    fn variables_mut(&mut self, of: Lifetime) -> &mut BTreeMap<String, String> {
        match of {
            Lifetime::Connection => &mut self.connection,
            Lifetime::Message => &mut self.message,
        }
    }
}
