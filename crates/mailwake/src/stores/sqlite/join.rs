//! What the store knows of events and their messages: settled verdicts; campaign, metadata
//! and tags. Events come in, and go out with it. Where the store does not know a message, what a link itself has
//! told of it stands instead.

use super::reader::StoreReader;
use super::{StoreError, engagements, sqlite};
use crate::stores::report::{MessageFacts, Settled, StoredEvent};
use rusqlite::{Connection, OptionalExtension};
use std::collections::{HashMap, hash_map::Entry};
use std::mem;
use tracking::event::{Event, Metadata, MetadataReach, Occurrence, Visit};
use tracking::ids::MessageId;

/// What the store knows, and which engagements tell of the metadata.
#[derive(Debug, Clone, Default)]
struct Known {
    facts: MessageFacts,
    reach: MetadataReach,
}

impl StoreReader {
    /// Puts what is known of their messages to events.
    pub(super) fn join(&self, events: &mut [StoredEvent]) -> Result<(), StoreError> {
        let mut known: HashMap<MessageId, Option<Known>> = HashMap::new();
        for StoredEvent { position, event, message, settled } in events {
            if matches!(event.occurrence, Occurrence::Reception(_)) {
                continue;
            }
            if event.occurrence.visit().is_some() {
                let found =
                    engagements::settled(&self.main, &event.message_id, event.timestamp, *position);
                let found = found.map_err(sqlite("read", &self.path))?;
                *settled = found.map(|judgement| Settled {
                    settled_verdict: judgement.verdict,
                    settled_reasons: judgement.reasons,
                });
            }
            let told = told(event);
            let id = event.message_id;
            let known = match known.entry(id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unread) => {
                    unread.insert(read(&self.main, &id).map_err(sqlite("read", &self.path))?)
                }
            };
            *message = match known {
                Some(Known { facts, reach }) => {
                    let mut facts = facts.clone();
                    if !reach.covers(&event.occurrence) {
                        facts.rcpt_meta.clear();
                    }
                    facts
                }
                None => told,
            };
        }
        Ok(())
    }
}

/// Takes out of an event what its link has told of the message.
fn told(event: &mut Event) -> MessageFacts {
    let Some(Visit { campaign_id, rcpt_meta, .. }) = event.occurrence.visit_mut() else {
        return MessageFacts::default();
    };
    MessageFacts {
        campaign_id: mem::take(campaign_id),
        rcpt_meta: mem::take(rcpt_meta),
        ..MessageFacts::default()
    }
}

fn read(main: &Connection, id: &MessageId) -> Result<Option<Known>, rusqlite::Error> {
    let known = main
        .prepare_cached(
            "SELECT campaigns.campaign_id, rcpt_type, rcpt_meta, rcpt_meta_reach
             FROM messages JOIN campaigns ON campaigns.id = campaign
             WHERE message_id = ? AND facts <> ''",
        )?
        .query_row([id.octets()], |row| {
            let rcpt_type: String = row.get(1)?;
            let (metadata, reach): (String, String) = (row.get(2)?, row.get(3)?);
            let all = [MetadataReach::Engagement, MetadataReach::Opens, MetadataReach::Reception];
            let facts = MessageFacts {
                campaign_id: row.get(0)?,
                rcpt_type: if rcpt_type == "to" { String::new() } else { rcpt_type },
                rcpt_meta: serde_json::from_str::<Metadata>(&metadata).unwrap_or_default(),
                rcpt_tags: Vec::new(),
            };
            let reach = all.into_iter().find(|one| one.name() == reach).unwrap_or_default();
            Ok(Known { facts, reach })
        })
        .optional()?;
    let Some(mut known) = known else { return Ok(None) };
    known.facts.rcpt_tags = main
        .prepare_cached(
            "SELECT tags.tag FROM message_tags JOIN tags ON tags.id = message_tags.tag
             WHERE message_id = ? ORDER BY place",
        )?
        .query_map([id.octets()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(Some(known))
}
