//! The files: one that is written to, and those that are finished.

use super::NdjsonConfig;
use crate::feeders::sink::Batch;
use jiff::Timestamp;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Octets in which the end of the last whole line is looked for at once.
const TAIL_OCTETS: u64 = 64 * 1024;

/// Names of finished files that are tried, should there be one of the same millisecond.
const NAMES_MAX: u32 = 1_000;

pub(super) struct Files {
    directory: PathBuf,
    name: String,
    octets_max: u64,
    age_max: Duration,
    open: Option<Open>,
    /// The batch that was written last, or was to be.
    last: Option<Last>,
}

/// The file that is written to.
struct Open {
    file: File,
    length: u64,
    begun: SystemTime,
}

/// Where a batch was to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Last {
    batch: String,
    /// Which file, and where in it.
    inode: u64,
    offset: u64,
}

impl Files {
    pub(super) fn open(directory: &Path, config: &NdjsonConfig) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let mut files = Self {
            directory: directory.into(),
            name: config.name.clone(),
            octets_max: config.octets_max,
            age_max: config.age_max,
            open: None,
            last: None,
        };
        files.last = read_last(&files.path("last"))?;
        if files.path("ndjson.part").try_exists()? {
            files.open = Some(files.open_part()?);
        }
        Ok(files)
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.directory.join(format!("{}.{ending}", self.name))
    }

    /// Opens the file that is written to. Half a line at its end goes: its batch was not
    /// acknowledged, and comes again.
    fn open_part(&self) -> io::Result<Open> {
        let path = self.path("ndjson.part");
        // It was finished, and has a name of its own already: a kill came before this one went.
        if fs::metadata(&path).is_ok_and(|metadata| metadata.nlink() > 1) {
            fs::remove_file(&path)?;
        }
        let is_new = !path.try_exists()?;
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        if is_new {
            File::open(&self.directory)?.sync_all()?;
        }
        let length = whole_lines(&mut file)?;
        let metadata = file.metadata()?;
        if length < metadata.len() {
            file.set_len(length)?;
        }
        let begun = match length {
            0 => SystemTime::now(),
            _ => metadata.created().or_else(|_| metadata.modified())?,
        };
        Ok(Open { file, length, begun })
    }

    /// Writes a batch, and gives how many of its events were there already: none, or all. They
    /// are on disk when this returns.
    pub(super) fn write(&mut self, batch: &Batch) -> io::Result<u64> {
        let id = batch.id.to_string();
        let is_last = self.last.as_ref().is_some_and(|last| last.batch == id);
        if !is_last {
            // Behind a whole batch: one that is written again stays in its file.
            self.finish_if_old();
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open_part()?,
        };
        let inode = open.file.metadata()?.ino();
        match self.last.as_ref().filter(|_| is_last) {
            // The file with it was finished since, which is done behind a whole batch alone.
            Some(last) if last.inode != inode => {
                self.open = Some(open);
                return Ok(batch.items.len() as u64);
            }
            // What is there of it is taken out.
            Some(last) => open.length = last.offset.min(open.length),
            None => {
                let last = Last { batch: id, inode, offset: open.length };
                self.write_last(&last)?;
                self.last = Some(last);
            }
        }
        // Should this fail, the file is opened and repaired again.
        append(&mut open, &batch.body)?;
        if open.length >= self.octets_max {
            return self.finish(&open).map(|()| 0);
        }
        self.open = Some(open);
        Ok(0)
    }

    /// Finishes the file that is written to when it is old enough. When that fails it is tried
    /// again.
    pub(super) fn finish_if_old(&mut self) {
        let age = |open: &Open| open.begun.elapsed().unwrap_or_default();
        let is_old = |open: &Open| open.length > 0 && age(open) >= self.age_max;
        if let Some(open) = self.open.take_if(|open| is_old(open))
            && let Err(error) = self.finish(&open)
        {
            tracing::warn!(%error, "a file of lines was not finished");
            self.open = Some(open);
        }
    }

    /// Gives the file its lasting name. It is never that of another one.
    fn finish(&self, open: &Open) -> io::Result<()> {
        open.file.sync_all()?;
        let part = self.path("ndjson.part");
        let time = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ").to_string();
        for number in 0..NAMES_MAX {
            let more = if number == 0 { String::new() } else { format!("-{number}") };
            let name = format!("{}-{time}{more}.ndjson", self.name);
            match fs::hard_link(&part, self.directory.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                linked => {
                    linked?;
                    fs::remove_file(&part)?;
                    return File::open(&self.directory)?.sync_all();
                }
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "no name is left for a finished file"))
    }

    fn write_last(&self, last: &Last) -> io::Result<()> {
        let fresh = self.path("last.tmp");
        let mut file = File::create(&fresh)?;
        writeln!(file, "{} {} {}", last.batch, last.inode, last.offset)?;
        file.sync_data()?;
        fs::rename(fresh, self.path("last"))
    }
}

/// Writes a batch behind what the file has, or nothing of it.
fn append(open: &mut Open, body: &[u8]) -> io::Result<()> {
    open.file.set_len(open.length)?;
    open.file.seek(SeekFrom::Start(open.length))?;
    if let Err(error) = open.file.write_all(body).and_then(|()| open.file.sync_data()) {
        // Another batch may be the next one: lines of this one in front of it would be there
        // twice.
        open.file.set_len(open.length).ok();
        return Err(error);
    }
    open.length += body.len() as u64;
    Ok(())
}

/// Where the last batch was to go. A file that says nothing of the kind is as none.
fn read_last(path: &Path) -> io::Result<Option<Last>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let mut words = text.split_whitespace();
    let mut next = || words.next();
    let last = next().zip(next().zip(next())).and_then(|(batch, (inode, offset))| {
        let (inode, offset) = (inode.parse().ok()?, offset.parse().ok()?);
        Some(Last { batch: batch.into(), inode, offset })
    });
    Ok(last)
}

/// How far whole lines go in a file.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    while end > 0 {
        let start = end.saturating_sub(TAIL_OCTETS);
        let mut tail = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut tail)?;
        if let Some(last) = memchr::memrchr(b'\n', &tail) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
