//! Events of the store as SparkPost writes them, with what is known of their messages.

use super::super::ConfigArgs;
use crate::{
    config::Config,
    stores::{
        report::StoredEvent,
        sqlite::{Messages, StoreError},
        user_agents::UserAgents,
    },
};
use anyhow::Result;
use std::{borrow::Cow, io::Write};
use tracking::{
    bounce::Rules,
    event::Event,
    ids::MessageId,
    sparkpost::{Context, Form, append},
};

/// Writes events, one a line.
pub(super) struct Writer {
    messages: Messages,
    agents: UserAgents,
    rules: Rules,
    line: Vec<u8>,
}

impl Writer {
    pub(super) fn open(args: &ConfigArgs) -> Result<Self> {
        let config = Config::load(&args.config)?;
        Ok(Self {
            messages: Messages::open(&config.store_directory)?,
            agents: UserAgents::default(),
            rules: config.bounce_rules,
            line: Vec::new(),
        })
    }

    /// Writes an event; nothing for one that SparkPost does not know.
    pub(super) fn write(&mut self, stored: &StoredEvent, out: &mut impl Write) -> Result<()> {
        let event = self.with_message_id(&stored.event)?;
        let message = self.messages.find(&event.message_id)?;
        let settled = stored.settled.as_ref().map(|settled| settled.settled_verdict);
        let visit = event.occurrence.visit();
        let parsed = visit.and_then(|visit| self.agents.of_visit(visit, settled));
        let context = Context {
            message: message.as_ref(),
            rules: &self.rules,
            user_agent_parsed: parsed.as_ref(),
            form: Form::default(),
        };
        self.line.clear();
        if append(&event, &context, &mut self.line) {
            self.line.push(b'\n');
            out.write_all(&self.line)?;
        }
        Ok(())
    }

    /// The event with the id of the message whose queue id it has, where it knows but that.
    fn with_message_id<'e>(&self, event: &'e Event) -> Result<Cow<'e, Event>, StoreError> {
        if event.message_id != MessageId::UNKNOWN {
            return Ok(Cow::Borrowed(event));
        }
        let found = match event.occurrence.queue_id() {
            Some(queue_id) => self.messages.of_record(queue_id, event.timestamp)?,
            None => None,
        };
        let message_id = found.unwrap_or(MessageId::UNKNOWN);
        Ok(Cow::Owned(Event { message_id, ..event.clone() }))
    }
}
