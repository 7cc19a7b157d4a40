use super::*;
use std::future::ready;
use tokio::{
    runtime::{Builder, LocalOptions},
    task::yield_now,
};
use tracking::{
    event::{Occurrence, Visit},
    ids::{EventId, MessageId, Timestamp},
};

/// Notes how many events came together.
#[derive(Clone, Default)]
struct Noting {
    appends: Rc<RefCell<Vec<usize>>>,
    is_full: bool,
}

impl Log for Noting {
    fn append(
        &self,
        events: writer::Batch,
    ) -> impl Future<Output = Result<Position, AppendError>> + 'static {
        self.appends.borrow_mut().push(events.events());
        let full = Err(AppendError::QuotaExceeded { disk_quota_bytes: 1 });
        ready(if self.is_full { full } else { Ok(Position::START) })
    }
}

/// Commits nothing until it is released.
#[derive(Clone, Default)]
struct Slow {
    appends: Rc<RefCell<Vec<usize>>>,
    released: CancellationToken,
}

impl Log for Slow {
    fn append(
        &self,
        events: writer::Batch,
    ) -> impl Future<Output = Result<Position, AppendError>> + 'static {
        self.appends.borrow_mut().push(events.events());
        let released = self.released.clone();
        async move {
            released.cancelled().await;
            Ok(Position::START)
        }
    }
}

fn event() -> Event {
    let now = Timestamp(1_795_233_600_000);
    Event {
        event_id: EventId::new(now, [7; 10]),
        timestamp: now,
        message_id: MessageId::new(now, [1; 5]),
        occurrence: Occurrence::Open(Visit::default()),
        is_from_elsewhere: false,
    }
}

/// Records so many events in each turn; gives what came to the log, and the counters.
fn record(log: &Noting, turns: &[usize]) -> (Vec<usize>, Arc<Counters>) {
    record_within(Duration::from_secs(60), log, turns)
}

fn record_within(
    durable_deadline: Duration,
    log: &Noting,
    turns: &[usize],
) -> (Vec<usize>, Arc<Counters>) {
    let counters = Arc::<Counters>::default();
    let recorder = Rc::new(Recorder::new(log.clone(), durable_deadline, counters.clone()));
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .expect("a runtime");
    runtime.block_on(async {
        for events in turns {
            let tasks: Vec<_> = (0..*events)
                .map(|_| {
                    let recorder = recorder.clone();
                    spawn_local(async move { recorder.record(&event()).await })
                })
                .collect();
            for task in tasks {
                task.await.expect("recorded");
            }
        }
        recorder.close().await;
    });
    let appends = log.appends.take();
    (appends, counters)
}

#[test]
fn events_of_one_turn_are_appended_together() {
    assert_eq!(record(&Noting::default(), &[10, 1, 3]).0, [10, 1, 3]);
}

#[test]
fn an_append_has_a_limit() {
    let (appends, _) = record(&Noting::default(), &[5000]);
    let mut largest = writer::Batch::default();
    for _ in 0..appends[0] {
        largest.push(&event()).expect("it fits");
    }
    let bytes_of_one = largest.bytes() / appends[0];
    assert!((0..bytes_of_one).contains(&(largest.bytes() - BATCH_BYTES_MAX)), "{appends:?}");
    assert_eq!(appends.iter().sum::<usize>(), 5000);
}

#[test]
fn events_are_gathered_where_no_answer_waits() {
    let (appends, counters) = record_within(Duration::ZERO, &Noting::default(), &[10, 1, 3]);
    assert_eq!(appends, [14]);
    assert_eq!(counters.past_deadline.get(), 0);
}

#[test]
fn what_comes_in_during_a_commit_is_the_next() {
    let log = Slow::default();
    let recorder = Rc::new(Recorder::new(log.clone(), Duration::from_secs(60), Arc::default()));
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .expect("a runtime");
    runtime.block_on(async {
        let first = recorder.record(&event());
        yield_now().await;
        let mut others = Vec::new();
        for _ in 0..10 {
            others.push(recorder.record(&event()));
            yield_now().await;
        }
        yield_now().await;
        assert_eq!(*log.appends.borrow(), [1]);
        log.released.cancel();
        first.await;
        for other in others {
            other.await;
        }
    });
    assert_eq!(*log.appends.borrow(), [1, 10]);
}

#[test]
fn refused_events_are_counted_one_by_one() {
    let full = Noting { is_full: true, ..Noting::default() };
    let (_, counters) = record(&full, &[10, 2]);
    assert_eq!(counters.not_recorded.get(), 12);
    assert_eq!(counters.past_deadline.get(), 0);
}

#[test]
fn trouble_is_logged_once_in_a_while() {
    let complaint = Complaint::default();
    let said = Cell::new(0);
    for _ in 0..5 {
        complaint.make(|_unsaid| said.set(said.get() + 1));
    }
    assert_eq!((said.get(), complaint.unsaid.get()), (1, 4));
}
