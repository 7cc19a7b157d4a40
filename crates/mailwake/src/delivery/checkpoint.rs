//! How far the files of a source are read: a small file, replaced as a whole.

use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};
use tracking::ids::Timestamp;

/// The version of the file.
const VERSION: u32 = 1;

/// How far one file is read, and what it is known again by: its inode, and what it begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) device: u64,
    pub(super) inode: u64,
    /// Octets that `head` is of: all that were read, or were there when it was found, up to a
    /// limit.
    pub(super) head_octets: u64,
    /// SHA-256 of its first octets, uncompressed.
    pub(super) head: String,
    /// Octets up to the end of the last record, uncompressed.
    pub(super) offset: u64,
    /// Lines up to there.
    pub(super) lines: u64,
    /// Octets on disk of a compressed file that was read to its end, or is passed over: with as
    /// many there is no more to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) over_at: Option<u64>,
    /// What its parser has to know, where it reads no other file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
}

/// How far a source has read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    version: u32,
    /// The format that `state` is of.
    pub(super) format: String,
    /// When files were looked for: what is written later may be in one that no mark is of.
    pub(super) at: Timestamp,
    pub(super) marks: Vec<Mark>,
    /// What the parser has to know, where it goes on from file to file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
}

/// Why it is not known how far a source has read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file is none.
    #[error("read {}: it is damaged; without it, files are read from their start", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The disk failed.
    #[error("{action} {}: {error}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the disk said.
        error: io::Error,
    },
}

impl Checkpoint {
    /// One of the files that were found at this time.
    pub(super) fn new(
        format: &str,
        at: Timestamp,
        marks: Vec<Mark>,
        state: Option<String>,
    ) -> Self {
        Self { version: VERSION, format: format.into(), at, marks, state }
    }

    /// Reads the file; none where there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, CheckpointError> {
        let octets = match fs::read(path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(CheckpointError::Io { action: "read", path: path.into(), error });
            }
        };
        let read = serde_json::from_slice(&octets).ok();
        let read = read.filter(|read: &Self| read.version == VERSION);
        read.map(Some).ok_or_else(|| CheckpointError::Damaged { path: path.into() })
    }

    /// Writes it, durably.
    pub(super) fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        let io = |error| CheckpointError::Io { action: "write", path: path.into(), error };
        let octets = serde_json::to_vec(self).map_err(|error| io(error.into()))?;
        let fresh = path.with_extension("checkpoint.tmp");
        let write = || {
            let mut file = File::create(&fresh)?;
            file.write_all(&octets)?;
            file.sync_all()?;
            fs::rename(&fresh, path)?;
            sync_folder(path)
        };
        write().map_err(io)
    }
}

/// Has the folder of a file on disk, so that its new name is.
pub(super) fn sync_folder(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests;
