//! The lines of a file or pipe become events. Their ids are of the lines alone: the same line
//! gives the same ids whenever and wherever it is read again.

use super::{Format, LineError, Parser, Reading, Record};
use crate::{
    event::Event,
    ids::{EventId, Timestamp},
};
use aws_lc_rs::digest::{Context, SHA256};

/// Reads lines of one format.
pub struct Lines {
    format: Format,
    parser: Box<dyn Parser>,
    /// Of the lines of the record that is not complete yet.
    digest: Option<Context>,
    records: Vec<Record>,
}

impl Lines {
    /// One that begins at the start of a file or pipe.
    pub fn new(format: Format, reading: &Reading) -> Self {
        Self { format, parser: format.parser(reading), digest: None, records: Vec::new() }
    }

    /// Takes a line, without its end, and adds the events that are complete with it. Two lines
    /// that are the same octet for octet give the same ids: they are one record, which a
    /// program has written twice, or which is read twice.
    pub fn line(&mut self, line: &[u8], events: &mut Vec<Event>) -> Result<(), LineError> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.records.clear();
        let parsed = self.parser.line(line, &mut self.records);
        if self.records.is_empty() && !self.parser.is_within_record() {
            self.digest = None;
            return parsed;
        }
        let mut digest = self.digest.take().unwrap_or_else(|| {
            let mut digest = Context::new(&SHA256);
            digest.update(self.format.name().as_bytes());
            digest
        });
        digest.update(b"\n");
        digest.update(line);
        if self.parser.is_within_record() && self.records.is_empty() {
            self.digest = Some(digest);
            return parsed;
        }
        self.give(&digest, events);
        parsed
    }

    /// No line follows: adds what can be said of a record that is not complete.
    pub fn end(&mut self, events: &mut Vec<Event>) -> Result<(), LineError> {
        self.records.clear();
        let parsed = self.parser.end(&mut self.records);
        // Without lines that wait there is nothing to say.
        if let Some(digest) = self.digest.take() {
            self.give(&digest, events);
        }
        parsed
    }

    /// Makes events of the records of the lines that were digested.
    fn give(&mut self, digest: &Context, events: &mut Vec<Event>) {
        for (index, mut record) in self.records.drain(..).enumerate() {
            if let Some(attempt) = record.occurrence.attempt_mut() {
                attempt.format = self.format.name().into();
            }
            let id = EventId::of_record(record.at, nonce(digest.clone(), index));
            events.push(record.into_event(id));
        }
    }

    /// What its lines are.
    pub fn format(&self) -> Format {
        self.format
    }

    /// As `Parser::set_now`.
    pub fn set_now(&mut self, now: Timestamp) {
        self.parser.set_now(now);
    }

    /// As `Parser::is_within_record`.
    pub fn is_within_record(&self) -> bool {
        self.parser.is_within_record()
    }

    /// As `Parser::state`.
    pub fn state(&self) -> Option<String> {
        self.parser.state()
    }

    /// As `Parser::restore`.
    pub fn restore(&mut self, state: &str) {
        self.parser.restore(state);
    }
}

/// What tells the events of one line apart as well.
fn nonce(mut digest: Context, index: usize) -> [u8; 10] {
    digest.update(&(index as u64).to_be_bytes());
    let mut nonce = [0; 10];
    nonce.copy_from_slice(&digest.finish().as_ref()[..10]);
    nonce
}
