//! Policy in Lua, in the words of Momentum's documentation: scripts are asked at each stage
//! of a session what is to become of it, and set the context variables by which copies are
//! tracked. A stage and its subject come in; the subject, perhaps changed, and a verdict go
//! out. Scripts reach nothing else: no file, no socket, no process, and each call has its
//! limits of memory, instructions and time.

mod counters;
mod header;
mod message;
mod meter;
mod pattern;
mod sandbox;
mod scripts;
mod state;
mod strings;
mod subject;
#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use header::Header;
pub use scripts::{Answer, PolicyError, Scripts};
pub use state::Failure;
pub use subject::{Refusal, Said, Stage, Subject};

use arc_swap::ArcSwapOption;
use scripts::{Mark, marks};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tracing::{Level, error, info};

/// How often the files of the scripts are looked at, to see whether they have changed.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Which scripts there are, and what they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyConfig {
    /// Their files, in the order in which they are loaded.
    pub scripts: Vec<PathBuf>,
    /// What becomes of a command or message when a script fails.
    pub on_error: OnError,
    /// Most octets of memory of one state. There is one for each session that is asking at
    /// the same time.
    pub memory_octets_max: usize,
    /// Most instructions of one call.
    pub instructions_max: u64,
    /// Longest time of one call.
    pub time_max: Duration,
    /// At which level `print` writes to the log.
    pub print_level: Level,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            scripts: Vec::new(),
            on_error: OnError::Continue,
            memory_octets_max: 64 << 20,
            instructions_max: 1_000_000,
            time_max: Duration::from_secs(1),
            print_level: Level::DEBUG,
        }
    }
}

/// What becomes of a command or message when a script fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// It goes on, as if the script had said nothing more.
    Continue,
    /// It is deferred: 451 4.3.0.
    Defer,
}

/// The policy of all listeners.
#[derive(Debug, Default)]
pub struct Policy {
    current: ArcSwapOption<Scripts>,
    files: Mutex<Files>,
    counters: Arc<Counters>,
}

/// What is known of the files of the scripts.
#[derive(Debug)]
struct Files {
    config: PolicyConfig,
    /// What they looked like when they were read last, with or without success.
    seen: Vec<Option<Mark>>,
    looked_at: Instant,
}

impl Default for Files {
    fn default() -> Self {
        Self { config: PolicyConfig::default(), seen: Vec::new(), looked_at: Instant::now() }
    }
}

impl Policy {
    /// Loads the scripts. The error names the script, and the line where that is known.
    pub fn load(config: PolicyConfig, counters: Arc<Counters>) -> Result<Self, PolicyError> {
        let policy = Self { counters, ..Self::default() };
        policy.take(config)?;
        Ok(policy)
    }

    /// The scripts for a session or message that begins now; `None` where there are none.
    /// Files that have changed are loaded again; when that fails, which is logged, the old
    /// ones stay.
    pub fn current(&self) -> Option<Arc<Scripts>> {
        let current = self.current.load_full()?;
        // Whoever holds the lock is looking already.
        let Ok(mut files) = self.files.try_lock() else { return Some(current) };
        if files.looked_at.elapsed() < LOOK_INTERVAL {
            return Some(current);
        }
        files.looked_at = Instant::now();
        let seen = marks(&files.config.scripts);
        if seen == files.seen {
            return Some(current);
        }
        files.seen = seen;
        match Scripts::load(&files.config, &self.counters) {
            Ok(scripts) => {
                info!(scripts = files.config.scripts.len(), "policy was loaded again");
                self.current.store(Some(Arc::new(scripts)));
            }
            Err(error) => error!(%error, "policy was not loaded again, the old one stays"),
        }
        self.current.load_full()
    }

    /// Loads what the configuration says now, whether it seems to have changed or not. When
    /// that fails, which is logged, the old one stays.
    pub fn reload(&self, config: PolicyConfig) {
        if let Err(error) = self.take(config) {
            error!(%error, "policy was not loaded again, the old one stays");
        }
    }

    fn take(&self, config: PolicyConfig) -> Result<(), PolicyError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at before they are read: a change in between is seen later.
        let seen = marks(&config.scripts);
        let scripts = match config.scripts[..] {
            [] => None,
            _ => Some(Arc::new(Scripts::load(&config, &self.counters)?)),
        };
        *files = Files { config, seen, looked_at: Instant::now() };
        self.current.store(scripts);
        Ok(())
    }
}
