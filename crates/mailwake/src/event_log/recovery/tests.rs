use super::super::reader::Entry;
use super::super::tests::{append, config, directory, entries, event, events};
use super::super::{EventLog, LogConfig};
use super::*;
use proptest::prelude::*;
use std::fs;
use tempfile::TempDir;
use tracking::event::Event;

/// A closed log with events 0 to 9, each a commit of its own, and where they begin; the
/// last position is the end.
fn log_of_ten() -> (TempDir, Vec<u64>) {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    let mut positions = vec![0];
    positions.extend((0..10).map(|number| append(&log, [number]).0));
    (directory, positions)
}

/// A log of several segments; gives their bases.
fn log_of_segments() -> (TempDir, Vec<u64>) {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    append(&log, 0..120);
    log.close();
    let segments = segment::list(directory.path()).expect("list");
    assert!(segments.len() > 3);
    (directory, segments.iter().map(|segment| segment.base).collect())
}

fn first(directory: &TempDir) -> std::path::PathBuf {
    segment::path(directory.path(), 0)
}

/// Writes over the first segment.
fn overwrite(directory: &TempDir, at: u64, octets: &[u8]) {
    let file = File::options().write(true).open(first(directory)).expect("segment");
    file.write_all_at(octets, at).expect("write");
}

/// What a power failure leaves: `durable` was never synced.
fn forget_published(directory: &TempDir) {
    fs::remove_file(directory.path().join("durable")).expect("was there");
}

fn reopen(directory: &TempDir) -> Recovery {
    let (log, recovery) = EventLog::open(&config(directory)).expect("opens in any state");
    append(&log, [99]);
    recovery
}

fn numbered(numbers: impl IntoIterator<Item = u64>) -> Vec<Event> {
    numbers.into_iter().map(event).collect()
}

#[test]
fn sound_log_is_clean() {
    let (directory, positions) = log_of_ten();
    forget_published(&directory);
    let recovery = reopen(&directory);
    assert!(recovery.is_clean(), "{recovery}");
    assert_eq!(recovery.end.0, positions[10]);
}

#[test]
fn torn_last_record_is_cut_and_appends_go_on_there() {
    let (directory, positions) = log_of_ten();
    forget_published(&directory);
    let torn_at = positions[9] + 40;
    overwrite(
        &directory,
        torn_at,
        &vec![0; usize::try_from(positions[10] - torn_at).expect("small")],
    );
    let recovery = reopen(&directory);
    let position = Position(positions[9]);
    assert_eq!(recovery.torn_tail, Some(TornTail { position, octets: 40 }));
    assert!(recovery.damages.is_empty());
    assert_eq!(
        recovery.to_string(),
        format!(
            "event log ends at position {position}; cut a torn tail of 40 octets at position \
             {position}, which was never acknowledged"
        )
    );
    assert_eq!(events(&directory), numbered((0..9).chain([99])));
}

#[test]
fn torn_commit_of_several_events_keeps_those_in_front_of_the_hole() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("log");
    let before = append(&log, 0..2);
    let batch = log.writer().append(&numbered(2..8));
    let end = super::super::tests::wait(batch).expect("appended");
    log.close();
    forget_published(&directory);
    let of_one = (end.0 - before.0) / 6;
    let hole = before.0 + 2 * of_one;
    overwrite(&directory, hole, &[0; 16]);
    let recovery = reopen(&directory);
    assert_eq!(recovery.end.0, hole, "later records of the same commit do not make it whole");
    assert!(recovery.torn_tail.is_some());
    assert_eq!(events(&directory), numbered((0..4).chain([99])));
}

#[test]
fn corrupted_middle_is_told_kept_and_passed_over() {
    let (directory, positions) = log_of_ten();
    forget_published(&directory);
    overwrite(&directory, positions[4] + 20, b"\xff");
    let recovery = reopen(&directory);
    let damage = Damage {
        position: Position(positions[4]),
        next: Position(positions[5]),
        kind: DamageKind::CorruptRecord,
    };
    assert_eq!(recovery.torn_tail, None);
    assert_eq!(recovery.damages, [damage]);
    assert_eq!(recovery.end.0, positions[10]);
    assert_eq!(events(&directory), numbered((0..4).chain(5..10).chain([99])));
    assert_eq!(entries(&directory)[4], Entry::Damage(damage));
}

#[test]
fn corrupted_length_does_not_lead_past_the_next_record() {
    for length in [0u32, 1, 8, 4000, 5000, u32::MAX] {
        let (directory, positions) = log_of_ten();
        forget_published(&directory);
        overwrite(&directory, positions[4], &length.to_le_bytes());
        assert_eq!(reopen(&directory).damages.len(), 1, "length {length}");
        assert_eq!(events(&directory), numbered((0..4).chain(5..10).chain([99])));
    }
}

#[test]
fn damage_to_the_last_acknowledged_event_is_told_when_it_is_known_to_be_acknowledged() {
    let (directory, positions) = log_of_ten();
    overwrite(&directory, positions[9] + 20, b"\xff");
    let recovery = reopen(&directory);
    assert_eq!(recovery.torn_tail, None, "a process crash tears nothing that was published");
    assert_eq!(recovery.damages.len(), 1);
    assert_eq!(recovery.end.0, positions[10]);
    assert_eq!(events(&directory), numbered((0..9).chain([99])));
}

#[test]
fn garbage_after_the_end_is_cut() {
    let (directory, positions) = log_of_ten();
    overwrite(&directory, positions[10] + 100, b"garbage");
    let recovery = reopen(&directory);
    let position = Position(positions[10]);
    assert_eq!(recovery.torn_tail, Some(TornTail { position, octets: 107 }));
    let again = reopen(&directory);
    assert!(again.is_clean(), "{again}");
}

#[test]
fn missing_segment_is_told_with_its_range() {
    let (directory, bases) = log_of_segments();
    fs::remove_file(segment::path(directory.path(), bases[1])).expect("was there");
    let recovery = reopen(&directory);
    let [damage] = recovery.damages[..] else { panic!("{recovery}") };
    assert_eq!(damage.kind, DamageKind::MissingSegment);
    assert_eq!(damage.next.0, bases[2]);
    let text = recovery.to_string();
    assert!(text.contains("missing segment at position"), "{text}");
    assert!(text.ends_with("of acknowledged events are lost"), "{text}");
    let damages: Vec<_> = entries(&directory)
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Damage(damage) => Some(damage),
            Entry::Event { .. } => None,
        })
        .collect();
    let position = Position(bases[1]);
    assert_eq!(damages, [Damage { position, ..damage }]);
}

#[test]
fn missing_last_segment_is_told_and_its_positions_are_not_used_again() {
    let (directory, bases) = log_of_segments();
    let end = reopen(&directory).end;
    let last = segment::list(directory.path()).expect("list").last().expect("some").base;
    fs::remove_file(segment::path(directory.path(), last)).expect("was there");
    let recovery = reopen(&directory);
    assert!(recovery.end > end, "{recovery} after {end}, bases {bases:?}");
    assert!(recovery.damages.iter().any(|damage| damage.kind == DamageKind::MissingSegment));
    assert_eq!(events(&directory).last(), Some(&event(99)));
}

#[test]
fn lost_segments_are_told_when_only_the_cursors_are_left() {
    let (directory, bases) = log_of_segments();
    let mut cursor = cursor::Cursor::open(directory.path(), "store").expect("cursor");
    cursor.advance(Position(bases[2])).expect("moved");
    forget_published(&directory);
    for base in &bases {
        fs::remove_file(segment::path(directory.path(), *base)).expect("was there");
    }
    let recovery = reopen(&directory);
    assert_eq!(recovery.end.0, bases[2]);
    assert_eq!(recovery.damages, [missing(0, bases[2])]);
}

#[test]
fn segment_that_was_cut_short_is_told() {
    let (directory, positions) = log_of_ten();
    let file = File::options().write(true).open(first(&directory)).expect("segment");
    file.set_len(positions[6] + 4).expect("cut");
    let recovery = reopen(&directory);
    assert_eq!(recovery.end.0, positions[10]);
    assert_eq!(events(&directory), numbered((0..6).chain([99])));
}

/// One way to harm a file.
#[derive(Debug, Clone)]
enum Harm {
    Flip { at: prop::sample::Index, bit: u8 },
    Truncate { at: prop::sample::Index },
    Zero { at: prop::sample::Index, octets: usize },
}

fn harms() -> impl Strategy<Value = Harm> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        (place(), 0u8..8).prop_map(|(at, bit)| Harm::Flip { at, bit }),
        place().prop_map(|at| Harm::Truncate { at }),
        (place(), 1usize..600).prop_map(|(at, octets)| Harm::Zero { at, octets }),
    ]
}

/// Harms the octets that the log uses; gives where.
fn harm(octets: &mut Vec<u8>, used: usize, harm: &Harm) -> usize {
    match harm {
        Harm::Flip { at, bit } => {
            let at = at.index(used);
            octets[at] ^= 1 << bit;
            at
        }
        Harm::Truncate { at } => {
            let at = at.index(used);
            octets.truncate(at);
            at
        }
        Harm::Zero { at, octets: count } => {
            let at = at.index(used);
            let end = (at + count).min(octets.len());
            octets[at..end].fill(0);
            at
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_harm_loses_nothing_in_front_of_it_and_invents_nothing(
        harms in prop::collection::vec(harms(), 1..3),
        is_published in any::<bool>(),
    ) {
        let (directory, positions) = log_of_ten();
        if !is_published {
            forget_published(&directory);
        }
        let mut octets = fs::read(first(&directory)).expect("segment");
        let used = usize::try_from(positions[10]).expect("small");
        let mut harmed_from = used;
        for one in &harms {
            let used = used.min(octets.len());
            if used > 0 {
                harmed_from = harmed_from.min(harm(&mut octets, used, one));
            }
        }
        fs::write(first(&directory), octets).expect("segment");
        let (log, _) = EventLog::open(&LogConfig { segment_bytes: 4096, ..config(&directory) })
            .expect("opens in any state");
        append(&log, [99]);
        log.close();
        let read = events(&directory);
        let safe = positions[1..].iter().filter(|end| **end as usize <= harmed_from).count();
        prop_assert_eq!(&read[..safe], &numbered(0..safe as u64)[..]);
        prop_assert_eq!(read.last(), Some(&event(99)));
        let written = numbered((0..10).chain([99]));
        let mut expected = written.iter();
        for event in &read {
            prop_assert!(expected.any(|known| known == event), "invented or out of order");
        }
    }
}
