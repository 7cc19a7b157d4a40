use super::*;
use crate::{
    event::{Occurrence, Visit},
    ids::Timestamp,
};

fn event() -> Event {
    let timestamp = Timestamp(1_795_233_600_123);
    Event {
        event_id: EventId::new(timestamp, [9; 10]),
        timestamp,
        message_id: MessageId::new(timestamp, [1, 2, 3, 4, 5]),
        occurrence: Occurrence::Open(Visit::default()),
        is_from_elsewhere: false,
    }
}

/// An entry, with one field that is another.
fn entry(other: (&str, Option<&str>)) -> Result<Event, EntryError> {
    let event = event();
    let stored = event::encode(&event);
    let (version, json) = split(&stored);
    let (version, event_id) = (version.to_string(), event.event_id.to_string());
    read(|name| match name {
        name if name == other.0 => other.1.map(str::as_bytes),
        EVENT_ID => Some(event_id.as_bytes()),
        VERSION => Some(version.as_bytes()),
        EVENT => Some(json),
        _ => None,
    })
}

#[test]
fn an_entry_is_read_as_its_event() {
    let read = Event { is_from_elsewhere: true, ..event() };
    assert_eq!(entry(("", None)).expect("own entry"), read);
}

#[test]
fn malformed_entries_are_refused_with_the_reason() {
    let check = |name, value, wanted: &str| {
        assert_eq!(entry((name, value)).expect_err("no entry").to_string(), wanted);
    };
    check(EVENT, None, "an entry without the field \"event\"");
    check(VERSION, None, "an entry without the field \"version\"");
    check(EVENT_ID, None, "an entry without the field \"event_id\"");
    check(VERSION, Some("0"), "its version is no number from 1 to 255");
    check(VERSION, Some("one"), "its version is no number from 1 to 255");
    check(VERSION, Some("2"), "event of stored version 2, this mailwake knows version 1");
    check(EVENT_ID, Some("7"), "event id must be a UUID");
    let another = "0199c8a5-0000-7000-8000-000000000000";
    check(EVENT_ID, Some(another), "its event_id is not that of its event");
    let large = " ".repeat(EVENT_OCTETS_MAX + 1);
    check(EVENT, Some(&large), "an event of 524289 octets, at most 524288 are read");
    assert!(matches!(entry((EVENT, Some("{}"))), Err(EntryError::Event(_))));
}

#[test]
fn a_message_is_in_one_stream_and_messages_are_in_all() {
    let mut messages = [0_u32; 8];
    for number in 0..8_000_u32 {
        let [_, b, c, d] = number.to_be_bytes();
        let message_id = MessageId::new(Timestamp(1_795_233_600_123), [0, 0, b, c, d]);
        let shard = shard(message_id, 8);
        messages[usize::from(shard)] += 1;
    }
    assert!(messages.iter().all(|count| (800..1_200).contains(count)), "{messages:?}");
    assert_eq!(shard(event().message_id, 1), 0);
}

#[test]
fn number_of_a_stream_is_its_hash_tag() {
    assert_eq!(name(PREFIX, 3), "trk:{3}");
}

/// Who writes and who reads may be of different versions: a message stays where it was.
#[test]
fn the_stream_of_a_message_never_changes() {
    let shards: Vec<_> = [1, 2, 8, 16, 1_024].map(|n| shard(event().message_id, n)).into();
    assert_eq!(shards, [0, 1, 5, 5, 117]);
}
