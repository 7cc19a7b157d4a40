//! What operators see of mailwake itself: log lines on standard error, and metrics.
//! Addresses and URLs stand in log lines at debug and below alone, and in metrics never.

mod exposition;
mod metric;
mod trouble;

pub use exposition::Exposition;
pub use metric::{Counter, CounterBy, Durations, Entered, Gauge, Histogram, Label, Sizes};
pub use trouble::Trouble;

use std::io::{self, IsTerminal};
use tracing::Level;
use tracing_subscriber::{EnvFilter, fmt};

/// How log lines look, and which there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// How a line looks.
    pub format: LogFormat,
    /// The least important lines that are written.
    pub level: Level,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: Level::INFO }
    }
}

/// Who asks for transcripts gets them at any level: without that, there are none.
const TRANSCRIPT: &str = "mailwake::transcript=debug";

/// The environment variable of filters.
const FILTERS: &str = "MAILWAKE_LOG";

/// The driver of Cassandra calls a node that is down an error. What it means for mail, whoever
/// asks the driver tells; who wants its words as well names it in the filters.
const DRIVER: &str = "scylla";

/// Starts logging. The environment variable `MAILWAKE_LOG` goes before `level`, with
/// the filters of tracing-subscriber: `debug`, or `info,mailwake::gateway=debug`. A
/// second call changes nothing.
pub fn start(config: TelemetryConfig) {
    const WHY: &str = "it is a directive of tracing-subscriber";
    let mut filter = EnvFilter::builder()
        .with_default_directive(config.level.into())
        .with_env_var(FILTERS)
        .from_env_lossy()
        .add_directive(TRANSCRIPT.parse().expect(WHY));
    if !std::env::var(FILTERS).is_ok_and(|filters| filters.contains(DRIVER)) {
        filter = filter.add_directive(format!("{DRIVER}=off").parse().expect(WHY));
    }
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match config.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    // Whoever has started logging before, as a test does, keeps it.
    drop(started);
}
