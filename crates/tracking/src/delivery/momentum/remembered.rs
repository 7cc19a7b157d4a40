//! Recipients and senders of the mail that is under way, by Momentum's message id.

use std::collections::{HashMap, VecDeque};

/// Messages that are remembered; of more, the oldest are forgotten, and their events tell no
/// recipient.
pub(super) const MESSAGES_MAX: usize = 50_000;

#[derive(Debug, Default)]
pub(super) struct Remembered {
    messages: HashMap<Box<str>, (Box<str>, u64)>,
    /// Their ids in the order in which they came, with the number that tells whether it is still
    /// the same message.
    order: VecDeque<(Box<str>, u64)>,
    number: u64,
}

impl Remembered {
    pub(super) fn keep(&mut self, id: &str, rcpt_to: &str, msg_from: &str) {
        // No id and no address has them, and they part what the state says.
        let parts = |field: &&str| field.contains(['\t', '\r', '\n']);
        if [id, rcpt_to, msg_from].iter().any(parts) {
            return;
        }
        self.number += 1;
        let addresses = format!("{rcpt_to}\n{msg_from}").into();
        self.messages.insert(id.into(), (addresses, self.number));
        self.order.push_back((id.into(), self.number));
        while self.order.len() > MESSAGES_MAX {
            let Some((id, number)) = self.order.pop_front() else { break };
            if self.messages.get(&id).is_some_and(|(_, kept)| *kept == number) {
                self.messages.remove(&id);
            }
        }
    }

    /// Recipient and sender.
    pub(super) fn of(&self, id: &str) -> Option<(&str, &str)> {
        self.messages.get(id)?.0.split_once('\n')
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.messages.remove(id);
    }

    /// A line for each, the oldest first.
    pub(super) fn state(&self) -> Option<String> {
        let of = |(id, number): &(Box<str>, u64)| {
            let (addresses, kept) = self.messages.get(id)?;
            (kept == number).then(|| format!("{id}\t{}", addresses.replace('\n', "\t")))
        };
        let lines: Vec<_> = self.order.iter().filter_map(of).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    pub(super) fn restore(&mut self, state: &str) {
        for line in state.lines() {
            let mut fields = line.split('\t');
            if let (Some(id), Some(rcpt_to), Some(msg_from)) =
                (fields.next(), fields.next(), fields.next())
            {
                self.keep(id, rcpt_to, msg_from);
            }
        }
    }
}
