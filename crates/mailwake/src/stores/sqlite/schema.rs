//! The tables. A database's version is its `user_version`; each migration leads from one
//! version to the next, and is never changed once it was released.

use super::{StoreError, sqlite};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Migrations of the main database.
///
/// `seen.link` is 0 for kinds that are counted per message. `first_at` is the earliest
/// time of that kind on that day, and `campaign` the one it was counted under: an event
/// that arrives late, but happened earlier, moves the first time to its hour.
///
/// The rollups of tags count the same for the messages of each tag. What was counted of a
/// message before its reception told its campaign and tags moves to them then.
pub(super) const MAIN: &[&str] = &[
    "
    CREATE TABLE progress (only INTEGER PRIMARY KEY CHECK (only = 0), applied INTEGER NOT NULL);
    INSERT INTO progress VALUES (0, 0);
    CREATE TABLE campaigns (id INTEGER PRIMARY KEY, campaign_id TEXT NOT NULL UNIQUE);
    INSERT INTO campaigns VALUES (0, '');
    CREATE TABLE links (
        id INTEGER PRIMARY KEY,
        target_link_url TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL DEFAULT 'Raw URL'
    );
    CREATE TABLE messages (
        message_id BLOB PRIMARY KEY,
        transmission_id TEXT NOT NULL,
        received_at INTEGER NOT NULL,
        rcpt_to TEXT NOT NULL,
        msg_from TEXT NOT NULL,
        subject TEXT NOT NULL,
        friendly_from TEXT NOT NULL,
        campaign INTEGER NOT NULL,
        msg_size INTEGER NOT NULL,
        state TEXT NOT NULL,
        raw_reason TEXT,
        queue_id TEXT
    ) WITHOUT ROWID;
    CREATE TABLE seen (
        message_id BLOB NOT NULL,
        kind INTEGER NOT NULL,
        link INTEGER NOT NULL,
        day INTEGER NOT NULL,
        first_at INTEGER NOT NULL,
        campaign INTEGER NOT NULL,
        PRIMARY KEY (message_id, kind, link, day)
    ) WITHOUT ROWID;
    CREATE TABLE rollups (
        hour INTEGER NOT NULL,
        campaign INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        total INTEGER NOT NULL,
        first_ever INTEGER NOT NULL,
        distinct_day INTEGER NOT NULL,
        PRIMARY KEY (hour, campaign, kind)
    ) WITHOUT ROWID;
    CREATE TABLE link_rollups (
        hour INTEGER NOT NULL,
        campaign INTEGER NOT NULL,
        link INTEGER NOT NULL,
        total INTEGER NOT NULL,
        first_ever INTEGER NOT NULL,
        distinct_day INTEGER NOT NULL,
        PRIMARY KEY (hour, campaign, link)
    ) WITHOUT ROWID;
    CREATE TABLE damage (
        position INTEGER PRIMARY KEY,
        octets INTEGER NOT NULL,
        kind TEXT NOT NULL
    );
",
    "
    CREATE TABLE named_links (
        id INTEGER PRIMARY KEY,
        target_link_url TEXT NOT NULL,
        name TEXT NOT NULL,
        UNIQUE (target_link_url, name)
    );
    INSERT INTO named_links SELECT id, target_link_url, name FROM links;
    DROP TABLE links;
    ALTER TABLE named_links RENAME TO links;
    ",
    "
    ALTER TABLE messages ADD COLUMN rcpt_type TEXT NOT NULL DEFAULT 'to';
    ALTER TABLE messages ADD COLUMN rcpt_meta TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE messages ADD COLUMN rcpt_meta_reach TEXT NOT NULL DEFAULT 'engagement';
    CREATE TABLE tags (id INTEGER PRIMARY KEY, tag TEXT NOT NULL UNIQUE);
    CREATE TABLE message_tags (
        message_id BLOB NOT NULL,
        tag INTEGER NOT NULL,
        place INTEGER NOT NULL,
        PRIMARY KEY (message_id, tag)
    ) WITHOUT ROWID;
    CREATE TABLE tag_rollups (
        tag INTEGER NOT NULL,
        hour INTEGER NOT NULL,
        campaign INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        total INTEGER NOT NULL,
        first_ever INTEGER NOT NULL,
        distinct_day INTEGER NOT NULL,
        PRIMARY KEY (tag, hour, campaign, kind)
    ) WITHOUT ROWID;
    CREATE TABLE tag_link_rollups (
        tag INTEGER NOT NULL,
        hour INTEGER NOT NULL,
        campaign INTEGER NOT NULL,
        link INTEGER NOT NULL,
        total INTEGER NOT NULL,
        first_ever INTEGER NOT NULL,
        distinct_day INTEGER NOT NULL,
        PRIMARY KEY (tag, hour, campaign, link)
    ) WITHOUT ROWID;
",
    VERDICTS,
    RECORDS,
];

/// What feeders and the records of MTAs need of a message: what its reception says besides the
/// columns, when upstream took it over, and what the last record says. It is found by the queue
/// id that upstream told. A row without facts is of a message whose reception has not come yet;
/// `early` has what was counted of those, and `parked` the records that are not counted before.
/// `joined` tells which message a record was found to be of after it had been parked, and
/// `record_ids` which records, and events that came by Redis, were counted, by the day of that.
///
/// Rollups have rows of whole days behind those of hours (`rollups::DAY_ROWS`).
const RECORDS: &str = "
    ALTER TABLE messages ADD COLUMN facts TEXT NOT NULL DEFAULT '';
    ALTER TABLE messages ADD COLUMN injected_at INTEGER;
    ALTER TABLE messages ADD COLUMN attempt TEXT;
    ALTER TABLE messages ADD COLUMN attempt_at INTEGER;
    ALTER TABLE messages ADD COLUMN state_at INTEGER NOT NULL DEFAULT 0;
    UPDATE messages SET facts = json_object('transmission_id', transmission_id, 'rcpt_to', '',
        'msg_from', '', 'msg_size', msg_size, 'open_tracking', json('false'),
        'initial_pixel', json('false'), 'click_tracking', json('false'), 'links', 0),
        state_at = received_at;
    INSERT INTO messages (message_id, transmission_id, received_at, rcpt_to, msg_from, subject,
            friendly_from, campaign, msg_size, state)
        SELECT DISTINCT message_id, '0', 0, '', '', '', '', 0, 0, 'received' FROM seen
        WHERE message_id NOT IN (SELECT message_id FROM messages);
    CREATE INDEX messages_by_queue_id ON messages (queue_id, received_at)
        WHERE queue_id IS NOT NULL;
    CREATE TABLE early (
        message_id BLOB NOT NULL,
        at INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        link INTEGER NOT NULL,
        amount INTEGER NOT NULL,
        PRIMARY KEY (message_id, at, kind, link)
    ) WITHOUT ROWID;
    CREATE TABLE parked (
        position INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        message_id BLOB,
        queue_id TEXT,
        event BLOB NOT NULL
    );
    CREATE INDEX parked_by_message ON parked (message_id) WHERE message_id IS NOT NULL;
    CREATE INDEX parked_by_queue_id ON parked (queue_id) WHERE queue_id IS NOT NULL;
    CREATE INDEX parked_by_time ON parked (at);
    CREATE TABLE joined (
        position INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        message_id BLOB NOT NULL
    );
    CREATE INDEX joined_by_message ON joined (message_id);
    CREATE TABLE record_ids (
        event_id BLOB PRIMARY KEY,
        position INTEGER NOT NULL,
        day INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX record_ids_by_day ON record_ids (day);
    CREATE TABLE bounce_rollups (
        hour INTEGER NOT NULL,
        campaign INTEGER NOT NULL,
        class INTEGER NOT NULL,
        total INTEGER NOT NULL,
        first_ever INTEGER NOT NULL,
        distinct_day INTEGER NOT NULL,
        filtered_total INTEGER NOT NULL,
        filtered_first_ever INTEGER NOT NULL,
        filtered_distinct_day INTEGER NOT NULL,
        confirmed_total INTEGER NOT NULL,
        confirmed_first_ever INTEGER NOT NULL,
        confirmed_distinct_day INTEGER NOT NULL,
        PRIMARY KEY (hour, campaign, class)
    ) WITHOUT ROWID;
    CREATE TABLE tag_bounce_rollups (
        tag INTEGER NOT NULL,
        hour INTEGER NOT NULL,
        campaign INTEGER NOT NULL,
        class INTEGER NOT NULL,
        total INTEGER NOT NULL,
        first_ever INTEGER NOT NULL,
        distinct_day INTEGER NOT NULL,
        filtered_total INTEGER NOT NULL,
        filtered_first_ever INTEGER NOT NULL,
        filtered_distinct_day INTEGER NOT NULL,
        confirmed_total INTEGER NOT NULL,
        confirmed_first_ever INTEGER NOT NULL,
        confirmed_distinct_day INTEGER NOT NULL,
        PRIMARY KEY (tag, hour, campaign, class)
    ) WITHOUT ROWID;
    INSERT INTO rollups
        SELECT 8796093022208 + (hour - ((hour % 24) + 24) % 24) / 24 AS of_day, campaign, kind,
            SUM(total), SUM(first_ever),
            SUM(distinct_day), SUM(filtered_total), SUM(filtered_first_ever),
            SUM(filtered_distinct_day), SUM(confirmed_total), SUM(confirmed_first_ever),
            SUM(confirmed_distinct_day)
        FROM rollups GROUP BY of_day, campaign, kind;
    INSERT INTO link_rollups
        SELECT 8796093022208 + (hour - ((hour % 24) + 24) % 24) / 24 AS of_day, campaign, link,
            SUM(total), SUM(first_ever),
            SUM(distinct_day), SUM(filtered_total), SUM(filtered_first_ever),
            SUM(filtered_distinct_day), SUM(confirmed_total), SUM(confirmed_first_ever),
            SUM(confirmed_distinct_day)
        FROM link_rollups GROUP BY of_day, campaign, link;
    INSERT INTO tag_rollups
        SELECT tag, 8796093022208 + (hour - ((hour % 24) + 24) % 24) / 24 AS of_day, campaign, kind,
            SUM(total), SUM(first_ever),
            SUM(distinct_day), SUM(filtered_total), SUM(filtered_first_ever),
            SUM(filtered_distinct_day), SUM(confirmed_total), SUM(confirmed_first_ever),
            SUM(confirmed_distinct_day)
        FROM tag_rollups GROUP BY tag, of_day, campaign, kind;
    INSERT INTO tag_link_rollups
        SELECT tag, 8796093022208 + (hour - ((hour % 24) + 24) % 24) / 24 AS of_day, campaign, link,
            SUM(total), SUM(first_ever),
            SUM(distinct_day), SUM(filtered_total), SUM(filtered_first_ever),
            SUM(filtered_distinct_day), SUM(confirmed_total), SUM(confirmed_first_ever),
            SUM(confirmed_distinct_day)
        FROM tag_link_rollups GROUP BY tag, of_day, campaign, link;
";

/// Each engagement with its verdict, first and settled. Counts are kept three times: of all,
/// of those that are no machine's (`filtered`), and of those that are a person's beyond doubt
/// (`confirmed`). What was counted before there were verdicts is not a machine's.
const VERDICTS: &str = "
    CREATE TABLE engagements (
        message_id BLOB NOT NULL,
        at INTEGER NOT NULL,
        position INTEGER NOT NULL,
        deed INTEGER NOT NULL,
        link INTEGER NOT NULL,
        link_index INTEGER NOT NULL,
        campaign INTEGER NOT NULL,
        address TEXT,
        agent INTEGER NOT NULL,
        first_verdict TEXT NOT NULL,
        first_reasons TEXT NOT NULL,
        verdict TEXT NOT NULL,
        reasons TEXT NOT NULL,
        PRIMARY KEY (message_id, at, position)
    ) WITHOUT ROWID;
    CREATE INDEX engagements_by_time ON engagements (at);
    ALTER TABLE seen ADD COLUMN filtered_at INTEGER;
    ALTER TABLE seen ADD COLUMN filtered_campaign INTEGER;
    ALTER TABLE seen ADD COLUMN confirmed_at INTEGER;
    ALTER TABLE seen ADD COLUMN confirmed_campaign INTEGER;
    UPDATE seen SET filtered_at = first_at, filtered_campaign = campaign;
    ALTER TABLE rollups ADD COLUMN filtered_total INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rollups ADD COLUMN filtered_first_ever INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rollups ADD COLUMN filtered_distinct_day INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rollups ADD COLUMN confirmed_total INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rollups ADD COLUMN confirmed_first_ever INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rollups ADD COLUMN confirmed_distinct_day INTEGER NOT NULL DEFAULT 0;
    UPDATE rollups SET filtered_total = total, filtered_first_ever = first_ever,
        filtered_distinct_day = distinct_day;
    ALTER TABLE link_rollups ADD COLUMN filtered_total INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE link_rollups ADD COLUMN filtered_first_ever INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE link_rollups ADD COLUMN filtered_distinct_day INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE link_rollups ADD COLUMN confirmed_total INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE link_rollups ADD COLUMN confirmed_first_ever INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE link_rollups ADD COLUMN confirmed_distinct_day INTEGER NOT NULL DEFAULT 0;
    UPDATE link_rollups SET filtered_total = total, filtered_first_ever = first_ever,
        filtered_distinct_day = distinct_day;
    ALTER TABLE tag_rollups ADD COLUMN filtered_total INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE tag_rollups ADD COLUMN filtered_first_ever INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE tag_rollups ADD COLUMN filtered_distinct_day INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE tag_rollups ADD COLUMN confirmed_total INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE tag_rollups ADD COLUMN confirmed_first_ever INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE tag_rollups ADD COLUMN confirmed_distinct_day INTEGER NOT NULL DEFAULT 0;
    UPDATE tag_rollups SET filtered_total = total, filtered_first_ever = first_ever,
        filtered_distinct_day = distinct_day;
    ALTER TABLE tag_link_rollups ADD COLUMN filtered_total INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE tag_link_rollups ADD COLUMN filtered_first_ever INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE tag_link_rollups ADD COLUMN filtered_distinct_day INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE tag_link_rollups ADD COLUMN confirmed_total INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE tag_link_rollups ADD COLUMN confirmed_first_ever INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE tag_link_rollups ADD COLUMN confirmed_distinct_day INTEGER NOT NULL DEFAULT 0;
    UPDATE tag_link_rollups SET filtered_total = total, filtered_first_ever = first_ever,
        filtered_distinct_day = distinct_day;
";

/// Migrations of a day's database. `event` is the stored form of the event.
const DAY: &[&str] = &["
    CREATE TABLE events (
        position INTEGER PRIMARY KEY,
        message_id BLOB NOT NULL,
        timestamp INTEGER NOT NULL,
        type TEXT NOT NULL,
        event BLOB NOT NULL
    );
    CREATE INDEX events_of_message ON events (message_id);
"];

/// Makes or migrates the main database.
pub(super) fn migrate_main(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    migrate(connection, path, MAIN)
}

/// Makes or migrates a day's database.
pub(super) fn migrate_day(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    migrate(connection, path, DAY)
}

/// Refuses a main database of another version. False if nothing was made in it yet.
pub(super) fn check_main(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    check(connection, path, MAIN)
}

/// Refuses a day's database of another version. False if nothing was made in it yet.
pub(super) fn check_day(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    check(connection, path, DAY)
}

fn check(connection: &Connection, path: &Path, all: &[&str]) -> Result<bool, StoreError> {
    let (found, known) = (version(connection).map_err(sqlite("open", path))?, known(all));
    if found != known && found != 0 {
        return Err(StoreError::Version { path: path.into(), found, known });
    }
    Ok(found == known)
}

fn migrate(connection: &mut Connection, path: &Path, all: &[&str]) -> Result<(), StoreError> {
    let (found, known) = (version(connection).map_err(sqlite("open", path))?, known(all));
    let Some(missing) = usize::try_from(found).ok().and_then(|done| all.get(done..)) else {
        return Err(StoreError::Version { path: path.into(), found, known });
    };
    if missing.is_empty() {
        return Ok(());
    }
    let mut run = || {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for migration in missing {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "user_version", known)?;
        transaction.commit()
    };
    run().map_err(sqlite("migrate", path))
}

fn version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn known(all: &[&str]) -> i64 {
    i64::try_from(all.len()).expect("there are a few migrations")
}
