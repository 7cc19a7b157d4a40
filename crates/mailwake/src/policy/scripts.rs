//! Scripts that were loaded together, and their states. Whoever has a call takes a state,
//! and gives it back; there are as many as calls at the same time.

use super::{
    Counters, OnError, PolicyConfig,
    state::{Failure, State},
    subject::{Refusal, Stage, Subject},
};
use crate::telemetry::Counter;
use std::{
    fs, mem,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tracing::warn;

/// Of more failures in that time, the log tells how many there were.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Warnings of that time.
const WARNINGS_MAX: u64 = 10;

/// Why scripts are not loaded.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file cannot be read.
    #[error("read policy script {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A script is wrong.
    #[error("load policy script {}: {text}", path.display())]
    Script {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        text: String,
    },
}

/// A script.
#[derive(Debug)]
pub(super) struct Script {
    path: PathBuf,
    /// The name of its file.
    pub(super) name: Arc<str>,
    pub(super) source: Vec<u8>,
}

/// What scripts say of a subject.
#[derive(Debug)]
pub struct Answer {
    /// What it is refused with.
    pub refusal: Option<Refusal>,
    /// What went wrong.
    pub failures: Vec<Failure>,
}

/// Scripts that were loaded together.
#[derive(Debug)]
pub struct Scripts {
    scripts: Vec<Script>,
    config: PolicyConfig,
    /// For which stages there is a function, in the order of `Stage::EVERY`.
    stages: [bool; Stage::EVERY.len()],
    /// States that nobody uses.
    states: Mutex<Vec<State>>,
    errors: Vec<(Arc<str>, Arc<Counter>)>,
    counters: Arc<Counters>,
    warnings: Warnings,
}

impl Scripts {
    /// Reads and loads the files.
    pub(super) fn load(
        config: &PolicyConfig,
        counters: &Arc<Counters>,
    ) -> Result<Self, PolicyError> {
        let scripts = config.scripts.iter().map(|path| Script::read(path));
        let scripts: Vec<Script> = scripts.collect::<Result<_, _>>()?;
        let state = State::new(&scripts, config).map_err(|failure| {
            let script = scripts.iter().find(|script| script.name == failure.script);
            let path = script.map(|script| script.path.clone()).unwrap_or_default();
            PolicyError::Script { path, text: failure.text }
        })?;
        let stages = Stage::EVERY.map(|stage| state.has(stage));
        let errors =
            scripts.iter().map(|script| (script.name.clone(), counters.errors_of(&script.name)));
        let errors = errors.collect();
        Ok(Self {
            scripts,
            config: config.clone(),
            stages,
            states: Mutex::new(vec![state]),
            errors,
            counters: counters.clone(),
            warnings: Warnings::default(),
        })
    }

    /// Is anybody asked at this stage?
    pub fn has(&self, stage: Stage) -> bool {
        self.stages[stage as usize]
    }

    /// Asks the scripts. `text` is the name of EHLO or the address of MAIL or RCPT. What they
    /// refuse is given; the subject is as they have left it. Failures are counted and told.
    pub fn ask(&self, stage: Stage, text: &str, subject: &mut Subject) -> Option<Refusal> {
        if !self.has(stage) {
            return None;
        }
        let Answer { refusal, failures } = self.answer(stage, text, subject);
        failures.iter().for_each(|failure| self.tell(stage, failure));
        refusal
    }

    /// As `ask`, and failures are given.
    pub fn answer(&self, stage: Stage, text: &str, subject: &mut Subject) -> Answer {
        let began = Instant::now();
        self.counters.calls.of(stage).increment();
        let failures = match self.state() {
            Ok(mut state) => {
                let (left, failures) = state.ask(stage, text, mem::take(subject));
                *subject = left;
                if !state.is_worn_out() {
                    self.states.lock().unwrap_or_else(PoisonError::into_inner).push(state);
                }
                failures
            }
            Err(failure) => vec![failure],
        };
        let refusal = subject.said.refusal.take().or_else(|| {
            let is_deferred = !failures.is_empty() && self.config.on_error == OnError::Defer;
            is_deferred.then(Refusal::of_failure)
        });
        if refusal.is_some() {
            self.counters.refusals.of(stage).increment();
        }
        self.counters.durations.observe(began.elapsed());
        Answer { refusal, failures }
    }

    pub(super) fn state(&self) -> Result<State, Failure> {
        let idle = self.states.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| State::new(&self.scripts, &self.config), Ok)
    }

    /// Counts a failure, and tells it if not too many were told a moment ago.
    fn tell(&self, stage: Stage, failure: &Failure) {
        if let Some((_, errors)) = self.errors.iter().find(|(name, _)| *name == failure.script) {
            errors.increment();
        }
        if let Some(untold) = self.warnings.may_tell() {
            let (script, callout) = (&*failure.script, stage.callout());
            warn!(script, callout, error = failure.text, untold, "a policy script failed");
        }
    }
}

impl Script {
    fn read(path: &Path) -> Result<Self, PolicyError> {
        let source = fs::read(path);
        let source = source.map_err(|error| PolicyError::Read { path: path.into(), error })?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        Ok(Self { path: path.into(), name: name.into(), source })
    }
}

/// Keeps a script that always fails from filling the log.
#[derive(Debug, Default)]
struct Warnings {
    /// When the interval began, and how many were told in it.
    told: Mutex<Option<(Instant, u64)>>,
    untold: AtomicU64,
}

impl Warnings {
    /// How many were not told since the last one that was; `None` where this is another.
    fn may_tell(&self) -> Option<u64> {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, count) = match *told {
            Some((began, count)) if now - began < WARNING_INTERVAL => (began, count),
            _ => (now, 0),
        };
        if count >= WARNINGS_MAX {
            self.untold.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        *told = Some((began, count + 1));
        Some(self.untold.swap(0, Ordering::Relaxed))
    }
}

/// By what a file is seen to be another one: inode, size, and time of the last change.
pub(super) type Mark = (u64, u64, i64, i64);

/// The marks of files; `None` for one that is not there.
pub(super) fn marks(paths: &[PathBuf]) -> Vec<Option<Mark>> {
    let mark = |path: &PathBuf| {
        let data = fs::metadata(path).ok()?;
        Some((data.ino(), data.size(), data.mtime(), data.mtime_nsec()))
    };
    paths.iter().map(mark).collect()
}
