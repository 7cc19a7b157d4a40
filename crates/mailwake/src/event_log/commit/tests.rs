use super::super::tests::{event, wait};
use super::super::writer::{Appending, Writer};
use super::*;
use crate::event_log::writer::QueueLimits;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// A disk that fails as it is told.
#[derive(Default)]
struct FakeDisk {
    /// What to answer to the next fresh segments; without an entry they are made.
    fresh_failures: VecDeque<AppendError>,
    /// What to answer to the next commits; without an entry they succeed.
    commit_failures: VecDeque<io::ErrorKind>,
    /// For each base that was made, the sizes of the commits that went to it.
    commits: BTreeMap<u64, Vec<usize>>,
    published: Vec<(u64, u64)>,
}

type Shared = Rc<RefCell<FakeDisk>>;

struct FakeSegment {
    disk: Shared,
    base: u64,
}

impl Disk for Shared {
    type Segment = FakeSegment;

    fn fresh(&mut self, base: u64) -> Result<FakeSegment, AppendError> {
        let failure = self.borrow_mut().fresh_failures.pop_front();
        failure.map_or(Ok(FakeSegment { disk: self.clone(), base }), Err)
    }

    fn publish(&mut self, durable: Position, segment: u64) {
        self.borrow_mut().published.push((durable.0, segment));
    }
}

impl SegmentFile for FakeSegment {
    fn commit(&mut self, octets: &[u8], _offset: u64) -> io::Result<()> {
        let mut disk = self.disk.borrow_mut();
        disk.commits.entry(self.base).or_default().push(octets.len());
        disk.commit_failures.pop_front().map_or(Ok(()), |kind| Err(kind.into()))
    }
}

struct Bench {
    disk: Shared,
    committer: Committer<Shared>,
    commands: mpsc::Receiver<Command>,
    writer: Writer,
}

const SEGMENT_BYTES: u64 = 4096;

fn bench() -> Bench {
    let disk = Shared::default();
    let queue = Arc::new(Queue::new(QueueLimits { events_max: 1000, octets_max: 1 << 20 }));
    let (sender, commands) = mpsc::channel(1000);
    let writer = Writer::new(sender, queue.clone(), 4096);
    let file = disk.clone().fresh(0).expect("told nothing else");
    let current = Some(Current { file, base: 0, bytes: SEGMENT_BYTES });
    let committer = Committer::new(disk.clone(), queue, SEGMENT_BYTES, current, Position::START);
    Bench { disk, committer, commands, writer }
}

impl Bench {
    /// Queues one event, and hands it to the committer.
    fn take(&mut self) -> Appending {
        let appending = self.writer.append(&[event(1)]);
        match self.commands.try_recv() {
            Ok(Command::Append(request)) => self.committer.take(request),
            other => panic!("a request was queued, not {other:?}"),
        }
        appending
    }

    /// Appends one event in a commit of its own.
    fn append(&mut self) -> Result<Position, AppendError> {
        let appending = self.take();
        self.committer.commit();
        wait(appending)
    }
}

fn no_space() -> AppendError {
    io::Error::from(io::ErrorKind::StorageFull).into()
}

#[test]
fn all_that_is_queued_is_one_commit() {
    let mut bench = bench();
    let queued: Vec<_> = (0..10).map(|_| bench.take()).collect();
    bench.committer.commit();
    let ends: Vec<u64> =
        queued.into_iter().map(|appending| wait(appending).expect("written").0).collect();
    let of_one = ends[0];
    assert_eq!(ends, (1..=10).map(|count| count * of_one).collect::<Vec<_>>());
    assert_eq!(bench.disk.borrow().commits[&0].len(), 1);
}

#[test]
fn what_does_not_fit_goes_into_a_fresh_segment_as_a_whole() {
    let mut bench = bench();
    let queued: Vec<_> = (0..40).map(|_| bench.take()).collect();
    bench.committer.commit();
    for appending in queued {
        wait(appending).expect("written");
    }
    let disk = bench.disk.borrow();
    for (base, commits) in &disk.commits {
        let octets = commits.iter().sum::<usize>() as u64;
        assert!(octets <= SEGMENT_BYTES, "segment {base} has {octets}");
    }
    assert!(disk.commits.len() > 1);
}

#[test]
fn after_a_failed_sync_the_events_go_to_a_fresh_segment_and_nothing_to_the_failed_one() {
    let mut bench = bench();
    let first = bench.append().expect("the disk is well");
    bench.disk.borrow_mut().commit_failures.push_back(io::ErrorKind::Other);
    let second = bench.append().expect("the fresh segment is well");
    let third = bench.append().expect("the fresh segment is well");
    assert_eq!((second.0, third.0), (2 * first.0, 3 * first.0));
    let disk = bench.disk.borrow();
    assert_eq!(disk.commits[&0].len(), 2, "one sound commit, and the failed one");
    assert_eq!(disk.commits[&first.0].len(), 2);
    assert_eq!(disk.published, [(first.0, 0), (second.0, first.0), (third.0, first.0)]);
}

#[test]
fn a_full_disk_refuses_and_later_appends_succeed() {
    let mut bench = bench();
    let first = bench.append().expect("the disk is well");
    bench.disk.borrow_mut().commit_failures.push_back(io::ErrorKind::StorageFull);
    bench.disk.borrow_mut().fresh_failures.extend([no_space(), no_space()]);
    assert!(matches!(bench.append(), Err(AppendError::DiskFull(_))));
    assert!(matches!(bench.append(), Err(AppendError::DiskFull(_))));
    let end = bench.append().expect("there is room again");
    assert_eq!(end.0, 2 * first.0, "refused events have no position");
}

#[test]
fn a_failure_of_the_fresh_segment_is_not_acknowledged_either() {
    let mut bench = bench();
    bench.disk.borrow_mut().commit_failures.extend([io::ErrorKind::Other, io::ErrorKind::Other]);
    assert!(matches!(bench.append(), Err(AppendError::Io(_))));
    assert!(bench.disk.borrow().published.is_empty());
    bench.append().expect("the disk is well again");
}

#[test]
fn an_append_without_events_touches_no_disk() {
    let mut bench = bench();
    let appending = bench.writer.append(&[]);
    let Ok(Command::Append(request)) = bench.commands.try_recv() else { panic!("queued") };
    bench.committer.take(request);
    bench.committer.commit();
    assert_eq!(wait(appending).expect("nothing to do"), Position::START);
    assert!(bench.disk.borrow().commits.is_empty());
}

/// Asks whether the log takes events.
fn probe(bench: &mut Bench) -> Result<Position, AppendError> {
    let appending = bench.writer.append(&[]);
    let Ok(Command::Append(request)) = bench.commands.try_recv() else { panic!("queued") };
    bench.committer.take(request);
    bench.committer.commit();
    wait(appending)
}

#[test]
fn an_append_without_events_tells_that_the_disk_is_full_and_that_there_is_room_again() {
    let mut bench = bench();
    let first = bench.append().expect("the disk is well");
    bench.disk.borrow_mut().commit_failures.push_back(io::ErrorKind::StorageFull);
    bench.disk.borrow_mut().fresh_failures.extend([no_space(), no_space()]);
    assert!(matches!(bench.append(), Err(AppendError::DiskFull(_))));
    assert!(matches!(probe(&mut bench), Err(AppendError::DiskFull(_))));
    assert_eq!(probe(&mut bench).expect("there is room again"), first);
    let second = bench.append().expect("the segment is there");
    assert_eq!(bench.disk.borrow().published.last(), Some(&(second.0, first.0)));
}

#[test]
fn what_is_written_and_refused_is_counted() {
    let mut bench = bench();
    let end = bench.append().expect("the disk is well");
    bench.disk.borrow_mut().commit_failures.push_back(io::ErrorKind::StorageFull);
    bench.disk.borrow_mut().fresh_failures.push_back(no_space());
    bench.append().expect_err("the disk is full");
    let counters = bench.writer.counters();
    assert_eq!((counters.events.get(), counters.bytes.get()), (1, end.0));
    let refused: Vec<_> = counters.refusals.all().filter(|(_, events)| *events > 0).collect();
    assert_eq!(refused, [(super::super::RefusalReason::DiskFull, 1)]);
}
