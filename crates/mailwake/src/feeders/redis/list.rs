//! Events as the Go reference has them (sparkypmtatracking): entries of its list, which its
//! feeder takes, and the keys that tell it who got a message.

use super::{FedEvent, SENT_KEPT_FOR, next_piece, push_piece};
use crate::{feeders::sink::Batch, net::redis::beside};
use redis::{Pipeline, cmd};
use std::{collections::BTreeMap, time::Duration};
use tracking::{event::Occurrence, trk_queue};

/// Appends entries to the list, if it does not have the batch yet; gives how many.
const TAKE: &str = "\
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('EXPIRE', KEYS[2], ARGV[1])
  return 0
end
for i = 2, #ARGV do
  redis.call('RPUSH', KEYS[1], ARGV[i])
end
redis.call('SET', KEYS[2], #ARGV - 1, 'EX', ARGV[1])
return #ARGV - 1
";

/// Which list, and which keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListConfig {
    /// The list's name.
    pub queue: String,
    /// For so long it is kept who got a message; not at all if there is no time.
    pub message_kept_for: Option<Duration>,
}

/// Appends an event: who got its message, if that is to be told, and the entry, if it has one.
/// False, and nothing is appended, where it has neither.
pub(super) fn append(config: &ListConfig, fed: FedEvent<'_>, body: &mut Vec<u8>) -> bool {
    let rcpt_to = fed.message.map_or("", |message| message.reception.rcpt_to.as_str());
    let mut entry = Vec::new();
    let has_entry = trk_queue::append(fed.event, rcpt_to, &mut entry);
    // The Go reference writes the key when the message is delivered. Here, whatever of a
    // message is told, its key is there first.
    let is_kept = has_entry
        || matches!(fed.event.occurrence, Occurrence::Injection(_) | Occurrence::Delivery(_));
    let message = fed.message.filter(|_| is_kept && config.message_kept_for.is_some());
    if message.is_none() && !has_entry {
        return false;
    }
    let augmentation = message.map(|message| {
        let account = &message.reception.account;
        trk_queue::augmentation(&message.reception.rcpt_to, &account.subaccount_id)
    });
    push_piece(augmentation.unwrap_or_default().as_bytes(), body);
    push_piece(&entry, body);
    true
}

/// The commands for a batch: those that write the keys of messages, and then, how many entries
/// there are and the one that appends them.
pub(super) fn groups(config: &ListConfig, batch: &Batch) -> (Vec<Pipeline>, usize, Pipeline) {
    let mut keys = BTreeMap::new();
    let mut script = cmd("EVAL");
    script.arg(TAKE).arg(2).arg(&config.queue);
    script.arg(beside(&config.queue, &format!(":sent:{}", batch.id)));
    script.arg(SENT_KEPT_FOR.as_secs());
    let mut entries = 0;
    for item in &batch.items {
        let mut body = &batch.body[item.range.clone()];
        let augmentation = next_piece(&mut body);
        if !augmentation.is_empty() {
            keys.insert(item.message_id, augmentation);
        }
        let entry = next_piece(&mut body);
        if !entry.is_empty() {
            script.arg(entry);
            entries += 1;
        }
    }
    let seconds = config.message_kept_for.map_or(1, |time| time.as_secs().max(1));
    // Each key has a slot of its own.
    let keys = keys.into_iter().map(|(message_id, augmentation)| {
        let mut group = Pipeline::with_capacity(1);
        group.cmd("SET").arg(trk_queue::message_key(message_id)).arg(augmentation);
        group.arg("EX").arg(seconds);
        group
    });
    let mut group = Pipeline::with_capacity(2);
    group.add_command(script);
    (keys.collect(), entries, group)
}
