//! The numbers of campaigns, links and tags: short names for texts that come often. They are
//! looked up once and then remembered.

use super::model::Result;
use rusqlite::{OptionalExtension, Transaction, params_from_iter};
use std::collections::HashMap;
use tracking::event::Click;

/// Texts that are remembered; with more, all are forgotten and looked up again.
const REMEMBERED_MAX: usize = 100_000;

/// The campaign of messages without one, and of those that the store does not know.
pub(super) const NO_CAMPAIGN: i64 = 0;

/// Numbers that were looked up. They are those of a transaction: when it is given up, so are
/// they.
#[derive(Debug, Default)]
pub(super) struct Ids {
    campaigns: HashMap<String, i64>,
    tags: HashMap<String, i64>,
    /// By the length of the target, the target and the name.
    links: HashMap<String, i64>,
}

impl Ids {
    pub(super) fn campaign(&mut self, transaction: &Transaction<'_>, name: &str) -> Result<i64> {
        if name.is_empty() {
            return Ok(NO_CAMPAIGN);
        }
        let find = "SELECT id FROM campaigns WHERE campaign_id = ?";
        let insert = "INSERT INTO campaigns (campaign_id) VALUES (?)";
        remembered(&mut self.campaigns, name, || id(transaction, find, insert, &[name]))
    }

    pub(super) fn tag(&mut self, transaction: &Transaction<'_>, tag: &str) -> Result<i64> {
        let find = "SELECT id FROM tags WHERE tag = ?";
        let insert = "INSERT INTO tags (tag) VALUES (?)";
        remembered(&mut self.tags, tag, || id(transaction, find, insert, &[tag]))
    }

    pub(super) fn link(&mut self, transaction: &Transaction<'_>, click: &Click) -> Result<i64> {
        let (target, name) = (click.target_link_url.as_str(), click.name());
        let find = "SELECT id FROM links WHERE target_link_url = ? AND name = ?";
        let insert = "INSERT INTO links (target_link_url, name) VALUES (?, ?)";
        let key = format!("{} {target}{name}", target.len());
        remembered(&mut self.links, &key, || id(transaction, find, insert, &[target, name]))
    }
}

fn remembered(
    known: &mut HashMap<String, i64>,
    text: &str,
    look_up: impl FnOnce() -> Result<i64>,
) -> Result<i64> {
    if let Some(id) = known.get(text) {
        return Ok(*id);
    }
    let id = look_up()?;
    if known.len() >= REMEMBERED_MAX {
        known.clear();
    }
    known.insert(text.to_owned(), id);
    Ok(id)
}

/// The number of what these texts name, which it gets when it is new.
fn id(transaction: &Transaction<'_>, find: &str, insert: &str, texts: &[&str]) -> Result<i64> {
    let mut statement = transaction.prepare_cached(find)?;
    match statement.query_row(params_from_iter(texts), |row| row.get(0)).optional()? {
        Some(id) => Ok(id),
        None => transaction.prepare_cached(insert)?.insert(params_from_iter(texts)),
    }
}
