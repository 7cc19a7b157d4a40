//! Events as entries of streams: a message's events are all in one of them, in order.

use super::{FedEvent, SENT_KEPT_FOR, next_piece, push_piece};
use crate::{feeders::sink::Batch, net::redis::beside};
use redis::{Pipeline, cmd};
use tracking::{
    bounce::Rules,
    event,
    sparkpost::{self, Context},
    stream,
};

/// Adds the events of a batch to a stream, if it does not have the batch yet; gives how many. A
/// script is done as a whole or not at all, also in the append-only file and by replicas, and
/// what is already there is written to, so that WAIT waits for it as well.
const TAKE: &str = "\
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('EXPIRE', KEYS[2], ARGV[1])
  return 0
end
local taken = 0
for i = 3, #ARGV, 6 do
  local entry = {KEYS[1]}
  if ARGV[2] ~= '0' then
    entry[2], entry[3], entry[4] = 'MAXLEN', '~', ARGV[2]
  end
  entry[#entry + 1] = '*'
  local names = {'event_id', 'message_id', 'type', 'version', 'event', 'sparkpost'}
  for field = 1, 6 do
    if ARGV[i + field - 1] ~= '' then
      entry[#entry + 1] = names[field]
      entry[#entry + 1] = ARGV[i + field - 1]
    end
  end
  redis.call('XADD', unpack(entry))
  taken = taken + 1
end
redis.call('SET', KEYS[2], taken, 'EX', ARGV[1])
return taken
";

/// Which streams there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamsConfig {
    /// What their names begin with.
    pub prefix: String,
    /// How many there are. Whoever reads and writes them must know the same.
    pub shards: u16,
    /// Entries that a stream keeps, roughly; the oldest go, read or not. None keeps all.
    pub entries_max: Option<u64>,
    /// Do entries have the event as SparkPost writes it, as well?
    pub has_sparkpost: bool,
}

/// Appends an event: its type, its stored form and SparkPost's, each behind its length.
pub(super) fn append(config: &StreamsConfig, rules: &Rules, fed: FedEvent<'_>, body: &mut Vec<u8>) {
    push_piece(fed.event.occurrence.type_name().as_bytes(), body);
    let mut octets = Vec::with_capacity(512);
    event::encode_to(fed.event, &mut octets);
    push_piece(&octets, body);
    octets.clear();
    if config.has_sparkpost {
        let context = Context {
            message: fed.message,
            rules,
            user_agent_parsed: None,
            form: sparkpost::Form::default(),
        };
        sparkpost::append(fed.event, &context, &mut octets);
    }
    push_piece(&octets, body);
}

/// The commands for a batch: a script for each stream that gets something.
pub(super) fn groups(config: &StreamsConfig, batch: &Batch) -> Vec<Pipeline> {
    let mut scripts: Vec<Option<redis::Cmd>> = vec![None; config.shards.into()];
    for item in &batch.items {
        let shard = stream::shard(item.message_id, config.shards);
        let script = scripts[usize::from(shard)].get_or_insert_with(|| {
            let name = stream::name(&config.prefix, shard);
            let sent = beside(&name, &format!(":sent:{}", batch.id));
            let mut script = cmd("EVAL");
            script.arg(TAKE).arg(2).arg(name).arg(sent);
            script.arg(SENT_KEPT_FOR.as_secs()).arg(config.entries_max.unwrap_or(0));
            script
        });
        let mut body = &batch.body[item.range.clone()];
        let type_name = next_piece(&mut body);
        let (version, json) = stream::split(next_piece(&mut body));
        script.arg(item.event_id.to_string()).arg(item.message_id.to_string());
        script.arg(type_name).arg(version).arg(json).arg(next_piece(&mut body));
    }
    let group = |script| {
        let mut group = Pipeline::with_capacity(2);
        group.add_command(script);
        group
    };
    scripts.into_iter().flatten().map(group).collect()
}
