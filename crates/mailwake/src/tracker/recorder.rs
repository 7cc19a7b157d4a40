//! From an engagement to an event on disk. Events of a thread come in one by one and go to
//! the event log together; whoever waits is told when they are on disk, cannot be, or have
//! taken too long. No redirect and no pixel is refused for them. Where the disk stands still, they
//! wait in the log's memory, up to its limit; what comes then is lost, and counted.

use super::counters::Counters;
use crate::event_log::{
    Position,
    writer::{self, AppendError, Writer},
};
use std::{
    cell::{Cell, RefCell},
    pin::pin,
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Semaphore, SetOnce},
    task::spawn_local,
    time::{Instant as Deadline, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracking::event::Event;

/// Octets of one append, but for its last event. With the largest event they fit into the
/// smallest segment of a log that is configured.
const BATCH_BYTES_MAX: usize = 256 << 10;

/// Octets that a batch has room for at the beginning: those of a few dozen events.
const BATCH_BYTES: usize = 16 << 10;

/// How long events are gathered that no answer waits for. A commit costs as much for one
/// event as for a hundred.
const GATHERING_TIME: Duration = Duration::from_millis(10);

/// How often a thread logs the same trouble at most.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// What is needed of the event log; a test puts a stalled one in its place.
pub(super) trait Log: 'static {
    /// Queues events; the future resolves when they are on disk or refused. Dropping it
    /// does not withdraw them.
    fn append(
        &self,
        events: writer::Batch,
    ) -> impl Future<Output = Result<Position, AppendError>> + 'static;
}

impl Log for Writer {
    fn append(
        &self,
        events: writer::Batch,
    ) -> impl Future<Output = Result<Position, AppendError>> + 'static {
        self.append_batch(events)
    }
}

/// Records the events of one thread.
pub(super) struct Recorder<L> {
    log: L,
    /// How long answers wait; zero for not at all.
    durable_deadline: Duration,
    counters: Arc<Counters>,
    gathering: RefCell<Option<Rc<Batch>>>,
    /// Held by the batch that is on its way to the disk. What comes in meanwhile is the next
    /// one: so there is one commit, and one wake-up between two threads, for as many events
    /// as there can be.
    turn: Semaphore,
    commits: TaskTracker,
    /// Cancelled when nothing more is worth gathering for.
    closing: CancellationToken,
    slow: Complaint,
    refused: Complaint,
}

/// Events that are on disk together.
struct Batch {
    events: RefCell<writer::Batch>,
    /// Set when answers need not wait any longer.
    settled: SetOnce<()>,
    /// Set at the end: are they on disk?
    is_recorded: SetOnce<bool>,
}

impl<L: Log> Recorder<L> {
    pub(super) fn new(log: L, durable_deadline: Duration, counters: Arc<Counters>) -> Self {
        Self {
            log,
            durable_deadline,
            counters,
            gathering: RefCell::default(),
            turn: Semaphore::new(1),
            commits: TaskTracker::new(),
            closing: CancellationToken::new(),
            slow: Complaint::default(),
            refused: Complaint::default(),
        }
    }

    /// Takes an event. The future resolves when it is on disk, or when its answer should not
    /// wait for that; without being polled, the event is recorded as well.
    pub(super) fn record(self: &Rc<Self>, event: &Event) -> impl Future<Output = ()> + use<L> {
        let batch = self.push(event).filter(|_| !self.answers_at_once());
        async move {
            if let Some(batch) = batch {
                batch.settled.wait().await;
            }
        }
    }

    /// Takes an event whose answer promises that it is kept. The future tells whether it is on
    /// disk, also where other answers do not wait; false where that is not known in time.
    pub(super) fn keep(
        self: &Rc<Self>,
        event: &Event,
        patience: Duration,
    ) -> impl Future<Output = bool> + use<L> {
        let batch = self.push(event);
        async move {
            let Some(batch) = batch else { return false };
            timeout(patience, batch.is_recorded.wait()).await.is_ok_and(|is_recorded| *is_recorded)
        }
    }

    /// Puts an event to the others; gives none where it is lost.
    fn push(self: &Rc<Self>, event: &Event) -> Option<Rc<Batch>> {
        let batch = self.batch();
        let pushed = batch.events.borrow_mut().push(event);
        match pushed {
            Ok(()) => Some(batch),
            Err(error) => {
                self.lose(1, &error);
                None
            }
        }
    }

    /// Hands over to the log what is gathered, and waits until it has all of it.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.commits.close();
        self.commits.wait().await;
    }

    fn answers_at_once(&self) -> bool {
        self.durable_deadline.is_zero()
    }

    /// The batch that is being gathered. A new one is committed by a task, which the runtime
    /// puts behind all that is ready to run: their events are in the batch then.
    fn batch(self: &Rc<Self>) -> Rc<Batch> {
        let mut gathering = self.gathering.borrow_mut();
        if let Some(batch) = gathering.as_ref()
            && batch.events.borrow().bytes() < BATCH_BYTES_MAX
        {
            return batch.clone();
        }
        let events = RefCell::new(writer::Batch::with_capacity(BATCH_BYTES));
        let (settled, is_recorded) = (SetOnce::new(), SetOnce::new());
        let batch = Rc::new(Batch { events, settled, is_recorded });
        *gathering = Some(batch.clone());
        spawn_local(self.commits.track_future(self.clone().commit(batch.clone())));
        batch
    }

    async fn commit(self: Rc<Self>, batch: Rc<Batch>) {
        let (events, outcome) = match self.answers_at_once() {
            true => self.commit_later(&batch).await,
            false => self.commit_in_time(&batch).await,
        };
        drop(batch.is_recorded.set(outcome.is_ok()));
        if let Err(error) = outcome {
            self.lose(events, &error);
        }
        batch.settle();
    }

    /// Commits events that nobody waits for.
    async fn commit_later(&self, batch: &Rc<Batch>) -> (u64, Result<Position, AppendError>) {
        self.closing.run_until_cancelled(sleep(GATHERING_TIME)).await;
        let events = self.finish(batch);
        (events.events() as u64, self.log.append(events).await)
    }

    /// Commits events, and settles the batch if that takes too long.
    async fn commit_in_time(&self, batch: &Rc<Batch>) -> (u64, Result<Position, AppendError>) {
        let deadline = Deadline::now() + self.durable_deadline;
        let _turn = timeout_at(deadline, self.turn.acquire()).await;
        let events = self.finish(batch);
        let number = events.events() as u64;
        let mut appending = pin!(self.log.append(events));
        // Where the log's thread shares this core, it begins now, and the disk is at work
        // while this thread answers those that were served before.
        thread::yield_now();
        if let Ok(outcome) = timeout_at(deadline, appending.as_mut()).await {
            return (number, outcome);
        }
        self.counters.past_deadline.add(number);
        self.slow.make(|unsaid| {
            tracing::warn!(unsaid, "event log is slow, answering before events are on disk");
        });
        batch.settle();
        (number, appending.await)
    }

    /// Takes the events of a batch; later ones go to the next.
    fn finish(&self, batch: &Rc<Batch>) -> writer::Batch {
        self.gathering.borrow_mut().take_if(|current| Rc::ptr_eq(current, batch));
        batch.events.take()
    }

    fn lose(&self, events: u64, error: &AppendError) {
        self.counters.not_recorded.add(events);
        self.refused.make(|unsaid| {
            tracing::error!(%error, events, unsaid, "engagements are not recorded");
        });
    }
}

impl Batch {
    fn settle(&self) {
        // A batch that was past its deadline is settled already.
        drop(self.settled.set(()));
    }
}

/// Trouble that is logged, but not for each event.
#[derive(Default)]
struct Complaint {
    last: Cell<Option<Instant>>,
    unsaid: Cell<u64>,
}

impl Complaint {
    /// Logs, or counts what was not logged since the last time.
    fn make(&self, log: impl FnOnce(u64)) {
        if self.last.get().is_some_and(|last| last.elapsed() < COMPLAINT_INTERVAL) {
            self.unsaid.set(self.unsaid.get() + 1);
            return;
        }
        log(self.unsaid.take());
        self.last.set(Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests;
