//! `[policy]`: the scripts that the gateway asks, and what they may.

use super::{mebibytes, reader::Section};
use crate::policy::{OnError, PolicyConfig};
use std::{path::PathBuf, time::Duration};
use tracing::Level;

/// Reads the table. Without scripts there is no policy.
pub(super) fn read(section: &Section<'_>) -> PolicyConfig {
    let scripts: Vec<PathBuf> = section.list("scripts", "must be the path of a Lua script");
    PolicyConfig {
        scripts,
        on_error: section
            .choice("on_error", &[("continue", OnError::Continue), ("defer", OnError::Defer)]),
        memory_octets_max: mebibytes(section, "memory_mib_max", 64, 1..=1_024),
        instructions_max: section.integer(
            "instructions_max",
            1_000_000,
            1_000..=1_000_000_000,
            "instructions",
        ),
        time_max: Duration::from_millis(section.integer(
            "call_ms_max",
            1_000,
            1..=60_000,
            "milliseconds",
        )),
        print_level: section
            .choice("print_level", &[("debug", Level::DEBUG), ("info", Level::INFO)]),
    }
}
