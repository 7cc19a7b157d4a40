//! What policy counts. The names of scripts come from the configuration.

use super::subject::Stage;
use crate::telemetry::{Counter, CounterBy, Durations, Exposition, Label};
use std::sync::{Arc, PoisonError, RwLock};

/// What the scripts have done since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// How often scripts were asked, by stage.
    pub calls: CounterBy<Stage>,
    /// What they refused, by stage.
    pub refusals: CounterBy<Stage>,
    /// How long all scripts together took for one stage.
    pub durations: Durations,
    errors: RwLock<Vec<(Arc<str>, Arc<Counter>)>>,
}

impl Counters {
    /// The errors of the script with that name. There is one counter for each name that the
    /// configuration has had.
    pub(super) fn errors_of(&self, script: &Arc<str>) -> Arc<Counter> {
        let mut errors = self.errors.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = errors.iter().find(|(name, _)| name == script) {
            return known.clone();
        }
        let counter = Arc::<Counter>::default();
        errors.push((script.clone(), counter.clone()));
        counter
    }

    /// Each script's name, and how often it failed.
    pub fn errors(&self) -> Vec<(String, u64)> {
        let errors = self.errors.read().unwrap_or_else(PoisonError::into_inner);
        errors.iter().map(|(name, counter)| (name.to_string(), counter.get())).collect()
    }

    /// Tells the metrics of policy.
    pub fn expose(&self, to: &mut Exposition) {
        to.counter_by("mailwake_policy_calls_total", "How often policy was asked.", &self.calls);
        to.counter_by(
            "mailwake_policy_refusals_total",
            "Sessions, commands, messages and recipients that policy refused.",
            &self.refusals,
        );
        to.counter_of(
            "mailwake_policy_script_errors_total",
            "Calls of a script that failed.",
            "script",
            self.errors(),
        );
        to.histogram(
            "mailwake_policy_seconds",
            "How long all scripts together took for one stage.",
            &self.durations,
        );
    }
}

impl Label for Stage {
    const NAME: &'static str = "stage";

    const ALL: &'static [Self] = &Self::EVERY;

    fn name(self) -> &'static str {
        self.short_name()
    }
}
