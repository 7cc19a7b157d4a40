//! Lines of JSON, in files or on standard output. A file that is written to has the ending
//! `.part`; a finished one has another name and is whole. A batch that a crash has cut off is
//! taken out and written again, so each line is there once.

mod files;
mod line;
#[cfg(test)]
mod tests;

pub use line::{Line, LineForm};

use super::sink::{Batch, Limits, Receipt, SendError, Sink};
use files::Files;
use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tracking::bounce::Rules;

/// Where lines go, and how they look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NdjsonConfig {
    /// Where.
    pub place: Place,
    /// What the names of files begin with.
    pub name: String,
    /// Octets after which a file is finished.
    pub octets_max: u64,
    /// The time after which it is.
    pub age_max: Duration,
    /// How large a batch may become: so many lines are written at once.
    pub limits: Limits,
    /// How lines look.
    pub form: LineForm,
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Into files of a directory.
    Directory(PathBuf),
    /// To standard output.
    Output,
}

/// Writes lines.
pub struct Ndjson {
    config: NdjsonConfig,
    rules: Arc<Rules>,
    /// None on standard output.
    files: Option<Files>,
}

impl Ndjson {
    /// A sink. The directory is made now, and a file that a crash has left is repaired.
    pub fn open(config: NdjsonConfig, rules: Arc<Rules>) -> io::Result<Self> {
        let files = match &config.place {
            Place::Output => None,
            Place::Directory(directory) => Some(Files::open(directory, &config)?),
        };
        Ok(Self { config, rules, files })
    }
}

impl Sink for Ndjson {
    type Form = Line;

    fn kind(&self) -> &'static str {
        "ndjson"
    }

    fn limits(&self) -> Limits {
        self.config.limits
    }

    fn form(&self) -> Line {
        Line::new(self.config.form, self.rules.clone())
    }

    async fn send(&mut self, batch: &Batch) -> Result<Receipt, SendError> {
        let written = match &mut self.files {
            Some(files) => files.write(batch),
            None => write_out(batch.body.clone()).await.map(|()| 0),
        };
        match written {
            Ok(duplicates) => Ok(Receipt { status: None, duplicates }),
            Err(error) => {
                let reason = format!("write lines: {error}");
                Err(SendError::Retry { reason, status: None, after: None })
            }
        }
    }

    fn rest(&mut self) {
        if let Some(files) = &mut self.files {
            files.finish_if_old();
        }
    }
}

/// Writes to standard output. Whoever reads it may not for long: the thread that waits for that is
/// not the feeder's, which can be stopped meanwhile.
async fn write_out(body: Vec<u8>) -> io::Result<()> {
    let writing = tokio::task::spawn_blocking(move || {
        let mut output = io::stdout().lock();
        output.write_all(&body)?;
        output.flush()
    });
    writing.await.map_err(io::Error::other)?
}
