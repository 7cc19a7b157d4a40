//! The spool: events that a process has read which does not write the log, on their way to the
//! one that does. A file holds events, each with its length and checksum:
//!
//! | name | what |
//! |---|---|
//! | `*.open` | being written; its writer holds a lock on it |
//! | `*.events` | whole, to be taken in the order of the names |
//! | `*.damaged` | was taken as far as it is whole, and is kept for whoever looks into it |
//! | `pipe.columns` | the columns that PowerMTA has named in its pipe |
//!
//! What was written is there as long as the system stands, even when its writer is killed: a
//! file without a lock is taken as it is. When it is sealed, it is on disk.

use super::{
    checkpoint::sync_folder,
    counters::{Counters, SourceCounters},
    recorder::{Recorder, Stopped},
};
use std::{
    fs::{self, File, Permissions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tracking::event::{self, Event};

/// How often the spool is looked at.
const POLL: Duration = Duration::from_millis(250);

/// Octets of a file behind which the next is begun.
const FILE_OCTETS: u64 = 4 << 20;

/// Octets of an event, as many as the log takes; more is damage.
const EVENT_OCTETS_MAX: usize = 1 << 20;

/// Where the columns of a pipe are, and how many octets they may take.
const COLUMNS: &str = "pipe.columns";
const COLUMNS_OCTETS_MAX: u64 = 1 << 20;

/// Why events are not spooled.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk failed.
    #[error("{action} {}: {error}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the disk said.
        error: io::Error,
    },
    /// More waits than may.
    #[error("the spool {} holds {octets_max} octets, which is all that it may", path.display())]
    Full {
        /// The spool.
        path: PathBuf,
        /// Its limit.
        octets_max: u64,
    },
    /// An event is larger than any log takes. Nothing was written.
    #[error("an event of {octets} octets, at most {EVENT_OCTETS_MAX} fit")]
    TooLarge {
        /// Which of those that were to be written.
        index: usize,
        /// Its size.
        octets: usize,
    },
}

/// The end of the spool that events are written to.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    octets_max: u64,
    open: Option<Open>,
    files: u64,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    octets: u64,
}

impl Spool {
    /// A spool of at most so many octets, in a folder that is made if it is not there.
    pub fn open(folder: &Path, octets_max: u64) -> Result<Self, SpoolError> {
        make(folder)?;
        Ok(Self { folder: folder.into(), octets_max, open: None, files: 0 })
    }

    /// Writes events, so that they outlive this process.
    pub fn write(&mut self, events: &[Event]) -> Result<(), SpoolError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut octets = Vec::with_capacity(512 * events.len());
        for (index, event) in events.iter().enumerate() {
            let body = event::encode(event);
            if body.len() > EVENT_OCTETS_MAX {
                return Err(SpoolError::TooLarge { index, octets: body.len() });
            }
            let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
            octets.extend_from_slice(&length.to_le_bytes());
            octets.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
            octets.extend_from_slice(&body);
        }
        let open = match &mut self.open {
            Some(open) => open,
            None => {
                let opened = self.begin()?;
                self.open.insert(opened)
            }
        };
        if let Err(error) = open.file.write_all(&octets) {
            let error = io_error("write", &open.path, error);
            self.take_back();
            return Err(error);
        }
        open.octets += octets.len() as u64;
        if open.octets >= FILE_OCTETS { self.seal() } else { Ok(()) }
    }

    /// Takes back what was written in part: what came behind it would be damage.
    fn take_back(&mut self) {
        let Some(open) = &mut self.open else { return };
        let end = open.octets;
        let cut = open.file.set_len(end).and_then(|()| open.file.seek(SeekFrom::Start(end)));
        if let Err(error) = cut {
            let file = open.path.display();
            tracing::warn!(%file, %error, "a file of the spool ends with a torn event");
            // Without its lock it is taken as it is. The next events begin another.
            self.open = None;
        }
    }

    /// Has what was written on disk, and taken.
    pub fn seal(&mut self) -> Result<(), SpoolError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let sealed = open.path.with_extension("events");
        let seal = || {
            open.file.sync_all()?;
            fs::rename(&open.path, &sealed)?;
            sync_folder(&sealed)
        };
        seal().map_err(|error| io_error("seal", &open.path, error))
    }

    /// What `keep_columns` has kept last, by whichever process.
    pub fn columns(&self) -> Option<String> {
        let file = File::open(self.folder.join(COLUMNS)).ok()?;
        let mut columns = String::new();
        file.take(COLUMNS_OCTETS_MAX).read_to_string(&mut columns).ok()?;
        Some(columns)
    }

    /// Keeps the columns that a pipe's records have (`Parser::state`), so that they outlive this
    /// process.
    pub fn keep_columns(&self, columns: &str) -> Result<(), SpoolError> {
        let path = self.folder.join(COLUMNS);
        // Several processes may read a pipe each.
        let fresh = path.with_extension(format!("{}.tmp", std::process::id()));
        let keep = || {
            fs::write(&fresh, columns)?;
            fs::set_permissions(&fresh, Permissions::from_mode(0o660))?;
            fs::rename(&fresh, &path)
        };
        keep().map_err(|error| io_error("write", &path, error))
    }

    /// Octets that wait to be taken.
    pub fn waiting(&self) -> Result<u64, SpoolError> {
        let files = files(&self.folder)?;
        let bytes = files.iter().filter_map(|path| fs::metadata(path).ok());
        Ok(bytes.map(|data| data.len()).sum())
    }

    fn begin(&mut self) -> Result<Open, SpoolError> {
        if self.waiting()? >= self.octets_max {
            let (path, octets_max) = (self.folder.clone(), self.octets_max);
            return Err(SpoolError::Full { path, octets_max });
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.files += 1;
        // In the order of time; the rest tells writers apart.
        let name = format!("{:020}-{}-{}.open", since.as_micros(), std::process::id(), self.files);
        let path = self.folder.join(name);
        let fresh = path.with_extension("tmp");
        let open = || {
            let file = File::options().write(true).create_new(true).open(&fresh)?;
            // Whoever runs the MTA writes what mailwake reads, both of one group.
            fs::set_permissions(&fresh, Permissions::from_mode(0o660))?;
            // Under the other name nobody sees it without its lock.
            file.lock()?;
            fs::rename(&fresh, &path)?;
            Ok(file)
        };
        let file = open().map_err(|error| io_error("make", &path, error))?;
        Ok(Open { path, file, octets: 0 })
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Err(error) = self.seal() {
            tracing::error!(%error, "what was spooled may not be on disk");
        }
    }
}

/// Takes what comes into the spool, until it is told to stop. Blocks: give it a thread of its
/// own. `own` are the counters of the spool as a source.
pub fn take(
    folder: &Path,
    mut recorder: Recorder,
    counters: &Counters,
    own: &SourceCounters,
) -> Result<(), SpoolError> {
    make(folder)?;
    loop {
        match take_all(folder, &mut recorder, counters, own) {
            Ok(()) => own.set_trouble(None),
            Err(TakeError::Stopped) => return Ok(()),
            Err(TakeError::Spool(error)) => {
                own.retries.increment();
                if own.trouble().is_none() {
                    tracing::warn!(%error, "the spool is not read for now");
                }
                own.set_trouble(Some(error.to_string()));
            }
        }
        if !recorder.pause(POLL) {
            return Ok(());
        }
    }
}

enum TakeError {
    Stopped,
    Spool(SpoolError),
}

impl From<Stopped> for TakeError {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<SpoolError> for TakeError {
    fn from(error: SpoolError) -> Self {
        Self::Spool(error)
    }
}

fn take_all(
    folder: &Path,
    recorder: &mut Recorder,
    counters: &Counters,
    own: &SourceCounters,
) -> Result<(), TakeError> {
    let files = files(folder)?;
    let bytes = files.iter().filter_map(|path| fs::metadata(path).ok());
    counters.spool_bytes.set(bytes.map(|data| data.len()).sum());
    for path in files {
        // One that is being written is taken when it is whole, or its writer is gone.
        if path.extension().is_some_and(|end| end == "open") && is_locked(&path)? {
            continue;
        }
        let octets = match fs::read(&path) {
            Ok(octets) => octets,
            // Sealed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(io_error("read", &path, error).into()),
        };
        let (events, damage) = decode(&octets);
        recorder.record(&events, own)?;
        counters.spool_events.add(events.len() as u64);
        let Some(at) = damage else {
            fs::remove_file(&path).map_err(|error| io_error("remove", &path, error))?;
            continue;
        };
        // What is behind the damage may still be of use to somebody.
        let kept = path.with_extension("damaged");
        fs::rename(&path, &kept).map_err(|error| io_error("rename", &path, error))?;
        counters.spool_damages.increment();
        let (file, events) = (kept.display(), events.len());
        tracing::warn!(%file, "the spool is damaged behind {events} events, octet {at}: it is kept");
    }
    Ok(())
}

/// The events of a file, and where it is damaged.
fn decode(octets: &[u8]) -> (Vec<Event>, Option<usize>) {
    let (mut events, mut at) = (Vec::new(), 0);
    while at < octets.len() {
        let Some((event, length)) = decode_one(&octets[at..]) else { return (events, Some(at)) };
        events.push(event);
        at += length;
    }
    (events, None)
}

fn decode_one(octets: &[u8]) -> Option<(Event, usize)> {
    let (length, rest) = octets.split_first_chunk()?;
    let (checksum, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let body = rest.get(..length).filter(|body| body.len() <= EVENT_OCTETS_MAX)?;
    let is_sound = crc32c::crc32c(body) == u32::from_le_bytes(*checksum);
    let event = event::decode(body).ok().filter(|_| is_sound)?;
    Some((event, 8 + length))
}

fn is_locked(path: &Path) -> Result<bool, SpoolError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(io_error("open", path, error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(io_error("lock", path, error)),
    }
}

/// The files of the spool, those that were begun first in front.
fn files(folder: &Path) -> Result<Vec<PathBuf>, SpoolError> {
    let list = || {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let end = path.extension().and_then(|end| end.to_str());
            if end.is_some_and(|end| ["open", "events"].contains(&end)) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    };
    list().map_err(|error| io_error("list", folder, error))
}

fn make(folder: &Path) -> Result<(), SpoolError> {
    if folder.is_dir() {
        return Ok(());
    }
    let make = || {
        fs::create_dir_all(folder)?;
        // Set-group-id: what the MTA's account writes there belongs to the folder's group.
        fs::set_permissions(folder, Permissions::from_mode(0o2770))
    };
    make().map_err(|error| io_error("make", folder, error))
}

fn io_error(action: &'static str, path: &Path, error: io::Error) -> SpoolError {
    SpoolError::Io { action, path: path.into(), error }
}

#[cfg(test)]
mod tests;
