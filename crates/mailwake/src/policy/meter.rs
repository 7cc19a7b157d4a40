//! How much a callout may still do. Instructions are counted as they are done, and at the
//! same time the clock and the stack are looked at: some instructions take long, and some
//! call functions that call Lua again, on the stack of the thread.

use std::{
    hint::black_box,
    ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Steps between two looks at the clock.
const STEPS_BETWEEN_LOOKS: u64 = 4_096;

/// Octets of the thread's stack that one callout may take, of at least 2 MiB that a thread
/// has. Lua itself limits only what stands on its own stack.
const STACK_OCTETS_MAX: usize = 256 * 1024;

/// What one callout may still do.
#[derive(Debug)]
pub(super) struct Meter {
    steps_left: AtomicU64,
    /// The steps that are left when the clock is looked at next.
    next_look: AtomicU64,
    deadline: Mutex<Instant>,
    /// Where on the stack the callout has begun.
    stack_start: AtomicUsize,
    is_too_deep: AtomicBool,
}

impl Meter {
    /// One that allows nothing until it is filled.
    pub(super) fn new() -> Self {
        Self {
            steps_left: AtomicU64::new(0),
            next_look: AtomicU64::new(0),
            deadline: Mutex::new(Instant::now()),
            stack_start: AtomicUsize::new(0),
            is_too_deep: AtomicBool::new(false),
        }
    }

    /// Allows so many steps, and no more than so long, to what is called from here.
    pub(super) fn fill(&self, steps: u64, time: Duration) {
        self.stack_start.store(place_on_stack(), Ordering::Relaxed);
        self.is_too_deep.store(false, Ordering::Relaxed);
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

    /// Looks at the clock and the stack; false when the steps are used up, or the time or
    /// the stack is.
    pub(super) fn look(&self) -> bool {
        let start = self.stack_start.load(Ordering::Relaxed);
        if place_on_stack().abs_diff(start) > STACK_OCTETS_MAX {
            self.is_too_deep.store(true, Ordering::Relaxed);
            self.steps_left.store(0, Ordering::Relaxed);
        }
        if Instant::now() > *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) {
            self.steps_left.store(0, Ordering::Relaxed);
        }
        !self.is_empty()
    }

    /// Are the steps used up?
    pub(super) fn is_empty(&self) -> bool {
        self.steps_left.load(Ordering::Relaxed) == 0
    }

    /// What is wrong with a call whose steps are used up.
    pub(super) fn excess(&self) -> &'static str {
        match self.is_too_deep.load(Ordering::Relaxed) {
            true => "calls are nested too deeply",
            false => "a call took more than policy.instructions_max or call_ms_max",
        }
    }
}

/// The address of what stands at the top of the thread's stack.
fn place_on_stack() -> usize {
    let here = 0_u8;
    ptr::from_ref(black_box(&here)).addr()
}
