//! Segment files: their names, and how a fresh one is made. A segment is filled with
//! zeros before it is used, because extending a file makes `fdatasync` wait for the
//! file system's journal.

use super::{Position, direct::Direct};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The name of a segment that is being made.
const SPARE: &str = "spare.tmp";

/// Zeros are synced in steps of this, so that a commit never waits for a whole segment.
const ZEROS_BYTES: usize = 1 << 20;

/// A segment that the log's directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// The position of its first octet.
    pub(super) base: u64,
    /// The size of its file.
    pub(super) bytes: u64,
}

impl Segment {
    /// The position after its last octet, if no other segment begins in front of that.
    pub(super) fn end(&self) -> u64 {
        self.base.saturating_add(self.bytes)
    }
}

/// The path of the segment that begins at `base`.
pub(super) fn path(directory: &Path, base: u64) -> PathBuf {
    directory.join(format!("{base:020}.log"))
}

/// All segments of a directory, in order. Other files are passed over.
pub(super) fn list(directory: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Some(base) = entry.file_name().to_str().and_then(base_of) else { continue };
        match entry.metadata() {
            Ok(metadata) => segments.push(Segment { base, bytes: metadata.len() }),
            // Removed since the directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    segments.sort_unstable_by_key(|segment| segment.base);
    Ok(segments)
}

fn base_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    let is_ours = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_ours.then(|| digits.parse().ok()).flatten()
}

/// Makes a file of `bytes` zeros that has no place in the log yet.
pub(super) fn make_spare(directory: &Path, bytes: u64) -> io::Result<Direct> {
    let path = directory.join(SPARE);
    let made = fill(&path, bytes);
    if made.is_err() {
        // What was written so far must not keep a full disk full.
        drop(fs::remove_file(&path));
    }
    made
}

fn fill(path: &Path, bytes: u64) -> io::Result<Direct> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    // A full disk is told at once. A file system that cannot reserve is found out by writing.
    match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
        Err(error) => return Err(error.into()),
    }
    let mut direct = Direct::open(path, file)?;
    let zeros = vec![0; ZEROS_BYTES];
    let mut at = 0;
    while at < bytes {
        let step = (bytes - at).min(ZEROS_BYTES as u64);
        direct.write(&zeros[..usize::try_from(step).expect("at most ZEROS_BYTES")], at)?;
        direct.sync_data()?;
        at += step;
    }
    direct.sync_all()?;
    Ok(direct)
}

/// Gives the spare its place in the log, durably.
pub(super) fn take_spare(directory: &Path, base: u64) -> io::Result<()> {
    fs::rename(directory.join(SPARE), path(directory, base))?;
    sync_directory(directory)
}

/// Removes a spare that a crash left behind.
pub(super) fn remove_spare(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(SPARE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

impl From<Position> for u64 {
    fn from(position: Position) -> u64 {
        position.0
    }
}
