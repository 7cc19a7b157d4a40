//! From an engagement to an event on disk. Events of one turn of a thread's loop come in
//! one by one and go to the event log together; whoever waits is told when they are on
//! disk, cannot be, or have taken too long. An answer is never refused for them. Where the
//! disk stands still, they wait in the log's memory, up to its limit; what comes then is
//! lost, and counted.

use super::counters::Counters;
use crate::event_log::{
    Position,
    writer::{AppendError, Writer},
};
use std::{
    cell::{Cell, RefCell},
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::SetOnce, task::spawn_local, time::timeout};
use tracking::event::Event;

/// Events of one append. Even of the largest ones so many fit into any segment of the
/// log that is worth its name.
const BATCH_EVENTS_MAX: usize = 64;

/// How often a thread logs the same trouble at most.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// What is needed of the event log; a test puts a stalled one in its place.
pub(super) trait Log: 'static {
    /// Queues events; the future resolves when they are on disk or refused. Dropping it
    /// does not withdraw them.
    fn append(
        &self,
        events: &[Event],
    ) -> impl Future<Output = Result<Position, AppendError>> + 'static;
}

impl Log for Writer {
    fn append(
        &self,
        events: &[Event],
    ) -> impl Future<Output = Result<Position, AppendError>> + 'static {
        Self::append(self, events)
    }
}

/// Records the events of one thread.
pub(super) struct Recorder<L> {
    log: L,
    durable_deadline: Duration,
    counters: Arc<Counters>,
    gathering: RefCell<Option<Rc<Batch>>>,
    slow: Complaint,
    refused: Complaint,
}

/// Events that are on disk together.
#[derive(Default)]
struct Batch {
    events: RefCell<Vec<Event>>,
    /// Set when answers need not wait any longer.
    settled: SetOnce<()>,
}

impl<L: Log> Recorder<L> {
    pub(super) fn new(log: L, durable_deadline: Duration, counters: Arc<Counters>) -> Self {
        Self {
            log,
            durable_deadline,
            counters,
            gathering: RefCell::default(),
            slow: Complaint::default(),
            refused: Complaint::default(),
        }
    }

    /// Returns when the event is on disk, or when its answer should not wait for that.
    pub(super) async fn record(self: &Rc<Self>, event: Event) {
        let batch = self.batch();
        batch.events.borrow_mut().push(event);
        batch.settled.wait().await;
    }

    /// The batch that is being gathered. A new one is committed by a task, which the
    /// runtime puts behind all that is ready to run: their events are in the batch then,
    /// with one wake-up between two threads instead of one for each.
    fn batch(self: &Rc<Self>) -> Rc<Batch> {
        let mut gathering = self.gathering.borrow_mut();
        if let Some(batch) = gathering.as_ref()
            && batch.events.borrow().len() < BATCH_EVENTS_MAX
        {
            return batch.clone();
        }
        let batch = Rc::new(Batch::default());
        *gathering = Some(batch.clone());
        spawn_local(self.clone().commit(batch.clone()));
        batch
    }

    async fn commit(self: Rc<Self>, batch: Rc<Batch>) {
        let events = self.close(&batch);
        let number = events.len() as u64;
        let mut appending = pin!(self.log.append(&events));
        // The log has them in its own form; where the disk stands still, twice is too much.
        drop(events);
        let outcome = match timeout(self.durable_deadline, appending.as_mut()).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                self.counters.past_deadline.add(number);
                self.slow.make(|unsaid| {
                    tracing::warn!(
                        unsaid,
                        "event log is slow, answering before events are on disk"
                    );
                });
                batch.settle();
                appending.await
            }
        };
        if let Err(error) = outcome {
            self.counters.not_recorded.add(number);
            self.refused.make(|unsaid| {
                tracing::error!(%error, events = number, unsaid, "engagements are not recorded");
            });
        }
        batch.settle();
    }

    /// Takes the events of a batch; later ones go to the next.
    fn close(&self, batch: &Rc<Batch>) -> Vec<Event> {
        self.gathering.borrow_mut().take_if(|current| Rc::ptr_eq(current, batch));
        batch.events.take()
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
