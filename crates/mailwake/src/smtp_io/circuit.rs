//! Whether an upstream is tried at all. Behind so many refusals in a row its circuit opens:
//! it is left alone for a while. Then one session tries it, while others still pass it by;
//! where that one is refused as well, the next pause is longer. The time and what is random
//! come in; no socket is here.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// When a circuit opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitConfig {
    /// Refusals in a row, at least one.
    pub refusals_max: u32,
    /// The longest pause. The first one is a second, and each further one twice as long.
    pub pause_max: Duration,
}

/// The first pause.
const PAUSE_MIN: Duration = Duration::from_secs(1);

impl Default for CircuitConfig {
    fn default() -> Self {
        Self { refusals_max: 5, pause_max: Duration::from_secs(30) }
    }
}

/// The circuit of one upstream.
#[derive(Debug)]
pub struct Circuit {
    config: CircuitConfig,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Upstream is tried by everybody. `pauses` it has had since it last took a session.
    Closed { refusals: u32, pauses: u32 },
    /// Nobody tries it until then.
    Open { until: Instant, pauses: u32 },
    /// One session tries it; `until` has passed.
    HalfOpen { until: Instant, pauses: u32 },
}

impl State {
    const WORKS: Self = Self::Closed { refusals: 0, pauses: 0 };
}

/// What an operator is to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Upstream is left alone for so long.
    Opened(Duration),
    /// Upstream is tried by everybody again.
    Closed,
}

impl Circuit {
    /// A circuit that is closed.
    pub fn new(config: CircuitConfig) -> Self {
        Self { config, state: Mutex::new(State::WORKS) }
    }

    /// When it opens, and for how long.
    pub fn config(&self) -> CircuitConfig {
        self.config
    }

    /// Is upstream left alone, but for a session that tries it?
    pub fn is_open(&self) -> bool {
        !matches!(*self.state(), State::Closed { .. })
    }

    /// Lets a session try upstream; `None` where it is to pass it by.
    pub fn enter(&self, now: Instant) -> Option<Attempt<'_>> {
        let mut state = self.state();
        let is_trial = match *state {
            State::Closed { .. } => false,
            State::Open { until, pauses } if until <= now => {
                *state = State::HalfOpen { until, pauses };
                true
            }
            State::Open { .. } | State::HalfOpen { .. } => return None,
        };
        Some(Attempt { circuit: self, is_trial })
    }

    /// A session goes well with upstream.
    pub fn worked(&self) -> Option<Change> {
        let before = std::mem::replace(&mut *self.state(), State::WORKS);
        let had_pauses = !matches!(before, State::Closed { pauses: 0, .. });
        had_pauses.then_some(Change::Closed)
    }

    /// A session has failed that is no trial. `random` is any octet.
    pub fn failed(&self, now: Instant, random: u8) -> Option<Change> {
        let mut state = self.state();
        match *state {
            State::Closed { refusals, pauses } if refusals + 1 < self.config.refusals_max => {
                *state = State::Closed { refusals: refusals + 1, pauses };
                None
            }
            State::Closed { pauses, .. } => Some(self.open(&mut state, pauses, now, random)),
            // It began before the circuit opened, and has nothing to add.
            State::Open { .. } | State::HalfOpen { .. } => None,
        }
    }

    fn open(&self, state: &mut State, pauses: u32, now: Instant, random: u8) -> Change {
        let pause = self.pause(pauses, random);
        *state = State::Open { until: now + pause, pauses };
        Change::Opened(pause)
    }

    /// The pause behind so many others. Half of it is random, so that the gateways of a
    /// site do not come back all at once: `random` is from 0 to 255.
    fn pause(&self, pauses: u32, random: u8) -> Duration {
        let longest = PAUSE_MIN.saturating_mul(2_u32.saturating_pow(pauses));
        let half = longest.min(self.config.pause_max) / 2;
        half + half * u32::from(random) / u32::from(u8::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is replaced as a whole, so a thread that panicked left a right one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that tries upstream. Dropped without a word, it has found out nothing.
#[derive(Debug)]
pub struct Attempt<'c> {
    circuit: &'c Circuit,
    /// It is the one that a circuit lets through.
    is_trial: bool,
}

impl Attempt<'_> {
    /// Upstream took the session.
    pub fn taken(mut self) -> Option<Change> {
        self.is_trial = false;
        self.circuit.worked()
    }

    /// Upstream has greeted, and may fail yet: `worked` or `failed` will tell. Others try it
    /// as well from now on, and one more failure opens the circuit again.
    pub fn greeted(mut self) {
        let is_trial = std::mem::take(&mut self.is_trial);
        let mut state = self.circuit.state();
        if let (true, State::HalfOpen { pauses, .. }) = (is_trial, *state) {
            let refusals = self.circuit.config.refusals_max.saturating_sub(1);
            *state = State::Closed { refusals, pauses: pauses.saturating_add(1) };
        }
    }

    /// Upstream did not take the session. `random` is any octet.
    pub fn refused(mut self, now: Instant, random: u8) -> Option<Change> {
        let is_trial = std::mem::take(&mut self.is_trial);
        let mut state = self.circuit.state();
        if let (true, State::HalfOpen { pauses, .. }) = (is_trial, *state) {
            let pauses = pauses.saturating_add(1);
            return Some(self.circuit.open(&mut state, pauses, now, random));
        }
        drop(state);
        self.circuit.failed(now, random)
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut state = self.circuit.state();
        if let (true, State::HalfOpen { until, pauses }) = (self.is_trial, *state) {
            // The client went away in the meantime: the next one may try.
            *state = State::Open { until, pauses };
        }
    }
}

#[cfg(test)]
mod tests;
