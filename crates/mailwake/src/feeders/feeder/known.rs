//! What is known of messages: by the log, as far as it was just read, and by the store.

use crate::{
    feeders::feeder::FeedError,
    stores::sqlite::{Messages, StoreError},
};
use std::{collections::HashMap, mem, path::PathBuf};
use tracking::{
    event::{Event, Occurrence},
    ids::{MessageId, Timestamp},
    message::MessageRecord,
};

/// Messages that are remembered, in each of two generations.
const GENERATION_MAX: usize = 8_192;

/// Finds messages, and remembers those of late.
pub(super) struct Known {
    directory: PathBuf,
    /// Is anything asked at all?
    is_asked: bool,
    store: Option<Messages>,
    young: HashMap<MessageId, Box<MessageRecord>>,
    old: HashMap<MessageId, Box<MessageRecord>>,
}

impl Known {
    /// Messages of the store in this directory, which is opened when it is needed. Where nobody
    /// needs messages, nothing is known of any, and there need be no store.
    pub(super) fn new(directory: PathBuf, is_asked: bool) -> Self {
        let (young, old) = (HashMap::new(), HashMap::new());
        Self { directory, is_asked, store: None, young, old }
    }

    /// Does anybody need messages?
    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// How far the store has applied the log.
    pub(super) fn applied(&mut self) -> Result<u64, FeedError> {
        Ok(self.ask(Messages::applied)?)
    }

    /// Learns what an event says of its message. Events come in the order of the log, so what
    /// is remembered is as new as what the store says, or newer.
    pub(super) fn learn(&mut self, event: &Event) {
        if !self.is_asked {
            return;
        }
        if let Occurrence::Reception(reception) = &event.occurrence {
            let record = MessageRecord {
                message_id: event.message_id,
                received_at: event.timestamp,
                injected_at: None,
                reception: (**reception).clone(),
                attempt: None,
            };
            self.remember(Box::new(record));
            return;
        }
        let is_injection = matches!(event.occurrence, Occurrence::Injection(_));
        let attempt = event.occurrence.attempt();
        if !is_injection && attempt.is_none() {
            return;
        }
        let (young, old) = (&mut self.young, &mut self.old);
        let id = &event.message_id;
        let Some(record) = young.get_mut(id).or_else(|| old.get_mut(id)) else { return };
        if is_injection {
            record.injected_at = Some(event.timestamp);
        }
        if let Some(attempt) = attempt {
            record.attempt = Some(attempt.clone());
        }
    }

    /// What is known of a message.
    pub(super) fn find(&mut self, id: &MessageId) -> Result<Option<&MessageRecord>, FeedError> {
        if !self.is_asked {
            return Ok(None);
        }
        if !self.young.contains_key(id) {
            let record = match self.old.remove(id) {
                Some(record) => Some(record),
                None => self.ask(|store| store.find(id))?.map(Box::new),
            };
            let Some(record) = record else { return Ok(None) };
            self.remember(record);
        }
        Ok(self.remembered(id))
    }

    /// What `find` has found.
    pub(super) fn remembered(&self, id: &MessageId) -> Option<&MessageRecord> {
        self.young.get(id).map(|record| &**record)
    }

    /// The message that a record of this time means by a queue id.
    pub(super) fn of_record(
        &mut self,
        queue_id: &str,
        at: Timestamp,
    ) -> Result<Option<MessageId>, FeedError> {
        match self.is_asked {
            true => Ok(self.ask(|store| store.of_record(queue_id, at))?),
            false => Ok(None),
        }
    }

    fn remember(&mut self, record: Box<MessageRecord>) {
        if self.young.len() >= GENERATION_MAX {
            self.old = mem::take(&mut self.young);
        }
        self.old.remove(&record.message_id);
        self.young.insert(record.message_id, record);
    }

    /// A store that gives an error is opened anew the next time.
    fn ask<T>(
        &mut self,
        question: impl FnOnce(&Messages) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => Messages::open(&self.directory)?,
        };
        let answer = question(&store)?;
        self.store = Some(store);
        Ok(answer)
    }
}
