//! What is done when a log is opened: the last segment is read to its end, and what a
//! crash left half written is cut off. Acknowledged events are never cut: where they are
//! damaged, the damage stays in place, and readers pass over it.

use super::published::{self, Published};
use super::reader::{Damage, DamageKind};
use super::scan::Scan;
use super::segment::Segment;
use super::{OpenError, Position, at, cursor, segment};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::{fmt, io};

/// What opening a log found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Where the log ends: the position of the next event.
    pub end: Position,
    /// The half-written end of the last commit, which was cut off. Nobody was told that
    /// it is on disk.
    pub torn_tail: Option<TornTail>,
    /// Acknowledged events that cannot be read any more: gaps between all segments, and
    /// damage in the last one. Damage in others is found by those who read them.
    pub damages: Vec<Damage>,
    /// The base of the segment that appends go on in.
    pub(super) last_segment: Option<u64>,
}

/// Octets that were cut off the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Where they stood; the log ends here now.
    pub position: Position,
    /// How many they were.
    pub octets: u64,
}

impl Recovery {
    /// Whether there was nothing to repair and nothing to report.
    pub fn is_clean(&self) -> bool {
        self.torn_tail.is_none() && self.damages.is_empty()
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event log ends at position {}", self.end)?;
        if let Some(TornTail { position, octets }) = self.torn_tail {
            write!(
                f,
                "; cut a torn tail of {octets} octets at position {position}, \
                 which was never acknowledged"
            )?;
        }
        for damage in &self.damages {
            write!(f, "; {damage} of acknowledged events are lost")?;
        }
        Ok(())
    }
}

/// Repairs the log in `directory`, and tells where it goes on.
pub(super) fn recover(directory: &Path) -> Result<Recovery, OpenError> {
    repair(directory).map_err(at("recover event log", directory))
}

fn repair(directory: &Path) -> io::Result<Recovery> {
    let segments = segment::list(directory)?;
    let acknowledged = acknowledged(directory)?;
    let mut recovery = Recovery {
        end: acknowledged,
        torn_tail: None,
        damages: gaps(&segments),
        last_segment: None,
    };
    match segments.last() {
        Some(last) => repair_last(directory, *last, acknowledged.0, &mut recovery)?,
        None if acknowledged > Position::START => {
            recovery.damages.push(missing(0, acknowledged.0));
        }
        None => {}
    }
    Ok(recovery)
}

/// How far events were acknowledged at least. The published position survives a crash of
/// the process, cursors one of the machine, too.
fn acknowledged(directory: &Path) -> io::Result<Position> {
    let published = published::read(directory)?.map(|Published { durable, .. }| durable);
    let cursors = cursor::positions(directory)?;
    Ok(cursors.into_iter().chain(published).max().unwrap_or(Position::START))
}

fn gaps(segments: &[Segment]) -> Vec<Damage> {
    segments
        .windows(2)
        .filter(|pair| pair[0].end() < pair[1].base)
        .map(|pair| missing(pair[0].end(), pair[1].base))
        .collect()
}

fn missing(position: u64, next: u64) -> Damage {
    Damage { position: Position(position), next: Position(next), kind: DamageKind::MissingSegment }
}

/// Finds the end of the log in its last segment, and makes it the end.
fn repair_last(
    directory: &Path,
    last: Segment,
    acknowledged: u64,
    recovery: &mut Recovery,
) -> io::Result<()> {
    let mut scan = Scan::open(directory, last.base)?;
    let mut position = last.base;
    while position < last.end() {
        if let Some(record) = scan.record(position, last.end())? {
            position += record.bytes() as u64;
            continue;
        }
        let Some(next) = resume(&mut scan, position, last.end(), acknowledged)? else { break };
        let kind = DamageKind::CorruptRecord;
        let damage = Damage { position: Position(position), next: Position(next), kind };
        recovery.damages.push(damage);
        position = next;
    }
    recovery.end = Position(position.max(acknowledged));
    if position < acknowledged {
        recovery.damages.push(missing(position, acknowledged));
        return Ok(());
    }
    recovery.last_segment = Some(last.base);
    let file = File::options().write(true).open(segment::path(directory, last.base))?;
    if let Some(zeros_from) = scan.zeros_from(position, last.end())? {
        let octets = zeros_from - position;
        zero(&file, position - last.base, octets)?;
        recovery.torn_tail = Some(TornTail { position: recovery.end, octets });
    }
    // Records that the process had written, but not synced when it was killed, are about
    // to be published.
    file.sync_data()
}

/// Where records go on behind the damage at `position`; none if nothing that was
/// acknowledged is damaged, so that the log can end here.
///
/// A later commit begins only when the one before is on disk. So a sound record of a
/// commit that begins behind the damage tells that the damaged octets were once good;
/// without one, they belong to the last commit, which nobody was told of.
fn resume(scan: &mut Scan, position: u64, end: u64, acknowledged: u64) -> io::Result<Option<u64>> {
    let next = scan.next_record(position, end)?;
    if position < acknowledged {
        return Ok(Some(next.unwrap_or(end).min(acknowledged)));
    }
    let mut candidate = next;
    while let Some(at) = candidate {
        match scan.record(at, end)? {
            Some(record) if record.commit > position => return Ok(next),
            Some(record) => candidate = Some(at + record.bytes() as u64),
            None => candidate = scan.next_record(at, end)?,
        }
    }
    Ok(None)
}

fn zero(file: &File, offset: u64, octets: u64) -> io::Result<()> {
    let zeros = [0; 64 << 10];
    let mut done = 0;
    while done < octets {
        let step = (octets - done).min(zeros.len() as u64);
        let step_bytes = usize::try_from(step).expect("at most the zeros' length");
        file.write_all_at(&zeros[..step_bytes], offset + done)?;
        done += step;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
