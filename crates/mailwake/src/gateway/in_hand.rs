//! The message in hand and those who have accepted it, from upstream's first 250 until the
//! sender has its reply. When the sender goes away before that, or the session is cut off,
//! or the process dies, the message comes again, and who has accepted it is known.

use super::{
    accepted::{AcceptedKey, AcceptedMemory, Slot},
    outcome::{Outcome, Told},
    stamp,
    transmission::on_this_thread,
};
use mail::{message::header, smtp::session::Transaction};
use std::io;
use tracing::error;

/// Who has accepted the message in hand. Dropped before its sender was told, it is
/// remembered.
pub(super) struct InHand<'g> {
    memory: &'g AcceptedMemory,
    /// The keys of all recipients; none until they are needed.
    keys: Vec<AcceptedKey>,
    /// Who accepted it when it came before, in order.
    before: Vec<usize>,
    /// Whose acceptance was noted.
    noted: Vec<(usize, Slot)>,
    /// Some recipients of it are remembered, on disk.
    is_remembered: bool,
    /// The sender is told to send it again.
    comes_again: bool,
    /// It has a Message-ID, so the same octets are the same message and no other one (RFC
    /// 5322 §3.6.4).
    is_named: bool,
}

impl<'g> InHand<'g> {
    /// A message that nobody has accepted so far, or who did when it came before.
    pub(super) fn take(
        memory: &'g AcceptedMemory,
        transaction: &Transaction,
        content: &[u8],
    ) -> Self {
        let is_named = header::fields(content).any(|field| field.is("Message-ID"));
        let mut in_hand = Self {
            memory,
            keys: Vec::new(),
            before: Vec::new(),
            noted: Vec::new(),
            is_remembered: false,
            comes_again: false,
            is_named,
        };
        // Most of the time nothing is remembered, and no message needs a hash.
        if !memory.is_empty() {
            let now = stamp::now();
            let keys = in_hand.keys(transaction, content);
            let known = keys.iter().enumerate().filter(|(_, key)| memory.holds(key, now));
            let before: Vec<usize> = known.map(|(index, _)| index).collect();
            in_hand.is_remembered = !before.is_empty();
            in_hand.before = before;
        }
        in_hand
    }

    /// Knows it by this content from now on, whatever else is made of it.
    pub(super) fn know(&mut self, transaction: &Transaction, content: &[u8]) {
        self.keys(transaction, content);
    }

    /// Who accepted it when it came before, in order.
    pub(super) fn before(&self) -> &[usize] {
        &self.before
    }

    /// Upstream has accepted the copy for a recipient.
    pub(super) fn note(&mut self, recipient: usize, transaction: &Transaction, content: &[u8]) {
        let memory = self.memory;
        let key = self.keys(transaction, content)[recipient];
        match memory.note(&key, stamp::now()) {
            Ok(slot) => self.noted.push((recipient, slot)),
            Err(error) => tell(&error),
        }
    }

    /// Remembers those that were noted since `first`: the message has so many recipients
    /// that a loss of power in the middle of them should not send it to all of them again.
    pub(super) fn remember_noted(&mut self, first: usize) {
        let recipients: Vec<usize> = self.noted[first..].iter().map(|noted| noted.0).collect();
        self.remember(&recipients);
    }

    /// How many were noted.
    pub(super) fn noted(&self) -> usize {
        self.noted.len()
    }

    /// Remembers who accepted it, if it comes again.
    pub(super) fn settle(
        &mut self,
        told: &Told,
        outcomes: &[Outcome],
        transaction: &Transaction,
        content: &[u8],
    ) {
        self.comes_again = matches!(told, Told::Deferred(_));
        let accepted = outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_accepted());
        let accepted: Vec<usize> = accepted.map(|(index, _)| index).collect();
        if self.comes_again && !accepted.is_empty() {
            self.keys(transaction, content);
            self.remember(&accepted);
        }
    }

    /// The sender has its reply. Whoever sends the message now sends another one, unless
    /// it was told to come again. Most messages are remembered nowhere, and then nothing
    /// waits for the disk.
    pub(super) fn told(mut self) {
        self.wipe_notes();
        if self.is_remembered && !self.comes_again {
            let forgotten = tokio::task::block_in_place(|| self.memory.forget(&self.keys));
            forgotten.unwrap_or_else(|error| tell(&error));
        }
    }

    /// The sender was not there any more for its reply, so it comes again (RFC 1047).
    pub(super) fn untold(mut self) {
        if !self.is_named {
            // The same octets may be another message, and losing that one would be worse.
            return self.told();
        }
        let noted = self.noted.iter().map(|noted| noted.0);
        let accepted: Vec<usize> = noted.chain(self.before.iter().copied()).collect();
        if !accepted.is_empty() {
            self.remember(&accepted);
        }
        self.wipe_notes();
    }

    fn remember(&mut self, recipients: &[usize]) {
        let keys: Vec<_> = recipients.iter().map(|recipient| self.keys[*recipient]).collect();
        let remembered = tokio::task::block_in_place(|| self.memory.remember(&keys, stamp::now()));
        self.is_remembered = true;
        remembered.unwrap_or_else(|error| tell(&error));
    }

    fn wipe_notes(&mut self) {
        for (_, slot) in self.noted.drain(..) {
            self.memory.wipe(slot).unwrap_or_else(|error| tell(&error));
        }
    }

    fn keys(&mut self, transaction: &Transaction, content: &[u8]) -> &[AcceptedKey] {
        if self.keys.is_empty() {
            self.keys = on_this_thread(content, || self.memory.keys(transaction, content));
        }
        &self.keys
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        for (recipient, slot) in self.noted.drain(..) {
            self.memory.keep(&self.keys[recipient], slot, stamp::now());
        }
    }
}

/// The sender is told the same: a second copy is better than none.
fn tell(error: &io::Error) {
    error!(%error, "who accepted a message cannot be remembered, or forgotten");
}

#[cfg(test)]
mod tests;
