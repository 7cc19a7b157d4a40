//! Finds messages: what feeders put to events, and which message the queue id of a record means.

use super::{StoreError, sqlite};
use rusqlite::{Connection, OptionalExtension, Row};
use std::path::{Path, PathBuf};
use tracking::{
    event::{RcptType, Reception},
    ids::{MessageId, Timestamp},
    message::MessageRecord,
};

/// The messages of a store, open to be read while another process writes them.
#[derive(Debug)]
pub struct Messages {
    main: Connection,
    path: PathBuf,
}

/// A message, without its tags.
const FIND: &str = "SELECT message_id, received_at, injected_at, rcpt_to, rcpt_type, msg_from,
        subject, friendly_from, campaigns.campaign_id, rcpt_meta, facts, attempt
    FROM messages JOIN campaigns ON campaigns.id = campaign
    WHERE message_id = ? AND facts <> ''";

const TAGS: &str = "SELECT tags.tag, place FROM message_tags
    JOIN tags ON tags.id = message_tags.tag WHERE message_id = ?";

impl Messages {
    /// Opens the store in a directory.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let (main, path) = super::reader::open_main(directory)?;
        Ok(Self { main, path })
    }

    /// How far the store has applied the log.
    pub fn applied(&self) -> Result<u64, StoreError> {
        super::model::applied(&self.main).map_err(sqlite("read", &self.path))
    }

    /// What is known of a message.
    pub fn find(&self, id: &MessageId) -> Result<Option<MessageRecord>, StoreError> {
        let find = || {
            let mut statement = self.main.prepare_cached(FIND)?;
            let Some(mut found) = statement.query_row([id.octets()], record).optional()? else {
                return Ok(None);
            };
            found.reception.rcpt_tags = self.tags_of(id)?;
            Ok(Some(found))
        };
        find().map_err(sqlite("read", &self.path))
    }

    /// The tags of a message, in its order.
    fn tags_of(&self, id: &MessageId) -> Result<Vec<String>, rusqlite::Error> {
        let mut statement = self.main.prepare_cached(TAGS)?;
        let row = |row: &Row<'_>| Ok((row.get::<_, i64>(1)?, row.get(0)?));
        let mut tags = statement.query_map([id.octets()], row)?.collect::<Result<Vec<_>, _>>()?;
        tags.sort_unstable();
        Ok(tags.into_iter().map(|(_, tag)| tag).collect())
    }

    /// The message that a record of this time means by a queue id, as the store finds it: queue
    /// ids are used again.
    pub fn of_record(
        &self,
        queue_id: &str,
        at: Timestamp,
    ) -> Result<Option<MessageId>, StoreError> {
        super::records::of_queue_id(&self.main, queue_id, at).map_err(sqlite("read", &self.path))
    }
}

fn record(row: &Row<'_>) -> Result<MessageRecord, rusqlite::Error> {
    let rcpt_type: String = row.get(4)?;
    let (metadata, facts): (String, String) = (row.get(9)?, row.get(10)?);
    let attempt: Option<String> = row.get(11)?;
    let unreadable = |error| {
        rusqlite::Error::FromSqlConversionFailure(10, rusqlite::types::Type::Text, Box::new(error))
    };
    let types = [RcptType::To, RcptType::Cc, RcptType::Bcc, RcptType::Archive];
    let reception: Reception = serde_json::from_str(&facts).map_err(unreadable)?;
    Ok(MessageRecord {
        message_id: MessageId::from_octets(row.get(0)?),
        received_at: Timestamp(row.get(1)?),
        injected_at: row.get::<_, Option<i64>>(2)?.map(Timestamp),
        reception: Reception {
            rcpt_to: row.get(3)?,
            rcpt_type: types.into_iter().find(|one| one.name() == rcpt_type).unwrap_or_default(),
            msg_from: row.get(5)?,
            subject: row.get(6)?,
            friendly_from: row.get(7)?,
            campaign_id: row.get(8)?,
            rcpt_meta: serde_json::from_str(&metadata).unwrap_or_default(),
            ..reception
        },
        attempt: attempt.and_then(|text| serde_json::from_str(&text).ok()),
    })
}
