//! `mailwake import-config`: Momentum's configuration as mailwake's, on standard output, and
//! what was passed over on standard error.

use crate::config::import::{self, syntax::FILE_OCTETS_MAX};
use anyhow::Result;
use clap::Args;
use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// What `mailwake import-config` takes.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Momentum's configuration file; what it includes is read as well.
    #[arg(value_name = "ECELERITY_CONF")]
    file: PathBuf,
}

/// Imports a configuration.
pub(crate) fn run(args: &ImportArgs) -> Result<()> {
    let imported = import::import(&args.file, open)?;
    io::stdout().write_all(imported.toml.as_bytes())?;
    let mut err = io::stderr().lock();
    for line in &imported.passed_over {
        writeln!(err, "passed over: {line}")?;
    }
    Ok(())
}

/// The text of a file. Octets that are not UTF-8 can only stand in what nobody here reads.
fn open(path: &Path) -> io::Result<String> {
    let mut octets = Vec::new();
    File::open(path)?.take(FILE_OCTETS_MAX as u64 + 1).read_to_end(&mut octets)?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}
