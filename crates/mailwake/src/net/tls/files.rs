//! Files that are read again when they change, which is looked at when what they hold is
//! needed: no thread watches them.

use super::TlsError;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tracing::{info, warn};

/// Some files, and how something is made of them.
pub(super) trait Files {
    type Content: Clone;

    /// All that are read; the first stands for all of them in the log.
    fn paths(&self) -> Vec<&Path>;

    fn read(&self) -> Result<Self::Content, TlsError>;
}

/// What files hold, now.
#[derive(Debug)]
pub(super) struct Live<F: Files> {
    files: F,
    state: Mutex<State<F::Content>>,
}

#[derive(Debug)]
struct State<C> {
    content: C,
    /// What the files looked like when they were read last, with or without success.
    seen: Vec<Option<Mark>>,
}

/// By what a file is seen to be another one: inode, size, and time of the last change.
type Mark = (u64, u64, i64, i64);

impl<F: Files> Live<F> {
    /// Reads the files.
    pub(super) fn load(files: F) -> Result<Self, TlsError> {
        // Looked at before they are read: a change in between is seen later.
        let seen = marks(&files);
        let content = files.read()?;
        Ok(Self { files, state: Mutex::new(State { content, seen }) })
    }

    /// What counts from now on. Files that have changed are read again; when they are wrong,
    /// which is logged, what they held before stays.
    pub(super) fn current(&self) -> F::Content {
        let mut state = self.state();
        if state.seen != marks(&self.files) {
            self.read_again(&mut state);
        }
        state.content.clone()
    }

    /// Reads the files again, whether they seem to have changed or not.
    pub(super) fn reload(&self) {
        self.read_again(&mut self.state());
    }

    fn read_again(&self, state: &mut State<F::Content>) {
        state.seen = marks(&self.files);
        match self.files.read() {
            Ok(content) => {
                state.content = content;
                let paths = self.files.paths();
                let path = paths.first().map(|path| path.display());
                info!(file = path.map(tracing::field::display), "certificate was read again");
            }
            // A certificate and its key may be replaced one after the other.
            Err(error) => warn!(%error, "certificate was not read again, the old one stays"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<F::Content>> {
        // A thread that panicked left the old or the new content.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn marks(files: &impl Files) -> Vec<Option<Mark>> {
    files.paths().into_iter().map(mark).collect()
}

/// `None` for a file that is not there.
fn mark(path: &Path) -> Option<Mark> {
    let data = fs::metadata(path).ok()?;
    Some((data.ino(), data.size(), data.mtime(), data.mtime_nsec()))
}
