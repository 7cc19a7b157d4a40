//! How much a callout may still do. Instructions are counted as they are done, and at the
//! same time the clock is looked at: some instructions take long.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Steps between two looks at the clock.
const STEPS_BETWEEN_LOOKS: u64 = 4_096;

/// What one callout may still do.
#[derive(Debug)]
pub(super) struct Meter {
    steps_left: AtomicU64,
    /// The steps that are left when the clock is looked at next.
    next_look: AtomicU64,
    deadline: Mutex<Instant>,
}

impl Meter {
    /// One that allows nothing until it is filled.
    pub(super) fn new() -> Self {
        Self {
            steps_left: AtomicU64::new(0),
            next_look: AtomicU64::new(0),
            deadline: Mutex::new(Instant::now()),
        }
    }

    /// Allows so many steps, and no more than so long.
    pub(super) fn fill(&self, steps: u64, time: Duration) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + time;
        self.next_look.store(steps.saturating_sub(STEPS_BETWEEN_LOOKS), Ordering::Relaxed);
        self.steps_left.store(steps, Ordering::Relaxed);
    }

    /// Takes so many steps; false when they are used up, or the time is.
    pub(super) fn spend(&self, steps: u64) -> bool {
        // A state is used by one thread at a time.
        let left = self.steps_left.load(Ordering::Relaxed).saturating_sub(steps);
        self.steps_left.store(left, Ordering::Relaxed);
        if left > self.next_look.load(Ordering::Relaxed) {
            return true;
        }
        self.next_look.store(left.saturating_sub(STEPS_BETWEEN_LOOKS), Ordering::Relaxed);
        self.look()
    }

    /// Looks at the clock; false when the steps are used up, or the time is.
    pub(super) fn look(&self) -> bool {
        if Instant::now() > *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) {
            self.steps_left.store(0, Ordering::Relaxed);
        }
        !self.is_empty()
    }

    /// Are the steps used up?
    pub(super) fn is_empty(&self) -> bool {
        self.steps_left.load(Ordering::Relaxed) == 0
    }
}
