//! What goes wrong while files are looked at and read.

use crate::delivery::recorder::Stopped;
use std::io;

/// Why a step came to nothing, or not to all.
pub(super) enum StepError {
    Stopped,
    Io(io::Error),
}

/// What failed: one file does not hold up the others.
#[derive(Default)]
pub(super) struct Failures(Option<io::Error>);

impl Failures {
    pub(super) fn add(&mut self, done: io::Result<()>) {
        self.0 = self.0.take().or(done.err());
    }

    /// The same, of what may have been told to stop.
    pub(super) fn or_stopped(&mut self, done: Result<(), StepError>) -> Result<(), Stopped> {
        match done {
            Err(StepError::Stopped) => return Err(Stopped),
            Err(StepError::Io(error)) => self.add(Err(error)),
            Ok(()) => {}
        }
        Ok(())
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn first(self) -> io::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

impl From<Stopped> for StepError {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<io::Error> for StepError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
