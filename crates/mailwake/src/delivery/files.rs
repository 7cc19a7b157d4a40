//! The files of a source: which there are now, and what is in them, compressed or not.

use aws_lc_rs::digest::{SHA256, digest};
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::{
    collections::HashMap,
    convert::Infallible,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    str::FromStr,
    time::SystemTime,
};

/// Octets at the start of a file that it is known by.
pub(super) const HEAD_OCTETS: u64 = 4_096;

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// One file, whichever has this name now; or, where it is a folder, all files in it.
    File(PathBuf),
    /// The files of a folder whose names match, with `*` for any characters and `?` for one.
    Pattern {
        /// The folder.
        folder: PathBuf,
        /// What their names match.
        name: String,
    },
}

impl FromStr for Place {
    type Err = Infallible;

    fn from_str(path: &str) -> Result<Self, Infallible> {
        let path = PathBuf::from(path);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.contains(['*', '?']) {
            return Ok(Self::File(path));
        }
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(Self::Pattern { folder, name: name.into() })
    }
}

/// A file that is there.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
    /// It only may be an older part of the file that is read.
    pub(super) is_sibling: bool,
}

impl Found {
    /// What it is among the files of the system.
    pub(super) fn id(&self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

impl Place {
    /// Is it one file, which others are rotated to the side of?
    pub(super) fn is_one_file(&self) -> bool {
        matches!(self, Self::File(path) if !path.is_dir())
    }

    /// The files that are there, those that were written to last behind. Of one file,
    /// `with_siblings` gives those as well that its older parts may be in.
    pub(super) fn list(&self, with_siblings: bool) -> io::Result<Vec<Found>> {
        let mut found = match self {
            Self::File(path) if path.is_dir() => list(path, |_name| true, false)?,
            Self::File(path) => {
                let mut found = Vec::from_iter(look_at(path, false)?);
                if with_siblings {
                    found.extend(siblings(path)?);
                }
                found
            }
            Self::Pattern { folder, name } => list(folder, |of| matches(of, name), false)?,
        };
        found.sort_by(|a, b| {
            let key = |found: &Found| (found.modified, !found.is_sibling);
            key(a).cmp(&key(b)).then_with(|| a.path.cmp(&b.path))
        });
        Ok(found)
    }
}

/// `mail.log.1`, `mail.log-20261122.gz` beside `mail.log`.
fn siblings(path: &Path) -> io::Result<Vec<Found>> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(Vec::new()) };
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let is_part =
        |of: &str| of.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', '-', '_']));
    list(folder.unwrap_or(Path::new(".")), is_part, true)
}

fn list(
    folder: &Path,
    is_wanted: impl Fn(&str) -> bool,
    is_sibling: bool,
) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && is_wanted(&name) {
            found.extend(look_at(&entry.path(), is_sibling)?);
        }
    }
    Ok(found)
}

/// The file, if it is there and is one.
fn look_at(path: &Path, is_sibling: bool) -> io::Result<Option<Found>> {
    let data = match fs::metadata(path) {
        Ok(data) => data,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(data.is_file().then(|| Found {
        path: path.into(),
        device: data.dev(),
        inode: data.ino(),
        bytes: data.len(),
        modified: data.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        is_sibling,
    }))
}

/// Does a name match a pattern with `*` and `?`?
fn matches(name: &str, pattern: &str) -> bool {
    let (name, pattern): (Vec<char>, Vec<char>) =
        (name.chars().collect(), pattern.chars().collect());
    let (mut at, mut of) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match pattern.get(of) {
            Some('*') => {
                star = Some((at, of));
                of += 1;
            }
            Some(c) if *c == '?' || *c == name[at] => (at, of) = (at + 1, of + 1),
            _ => match &mut star {
                // The last star takes one character more.
                Some((from, star)) => {
                    *from += 1;
                    (at, of) = (*from, *star + 1);
                }
                None => return false,
            },
        }
    }
    pattern[of..].iter().all(|c| *c == '*')
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Plain,
    Gzip,
    Zstd,
}

impl Content {
    /// What a file begins like. One that is empty may become any.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let mut start = [0; 4];
        let mut file = file;
        file.rewind()?;
        let mut known = 0;
        while known < start.len() {
            match file.read(&mut start[known..])? {
                0 => break,
                octets => known += octets,
            }
        }
        // RFC 1952 §2.3.1, RFC 8878 §3.1.1.
        Ok(match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Self::Zstd,
            _ => Self::Plain,
        })
    }

    /// What is in the file, from its start on, uncompressed.
    pub(super) fn reader(self, mut file: File) -> io::Result<Box<dyn Read + Send>> {
        file.rewind()?;
        let file = BufReader::with_capacity(128 << 10, file);
        Ok(match self {
            Self::Plain => Box::new(file),
            Self::Gzip => Box::new(MultiGzDecoder::new(file)),
            Self::Zstd => Box::new(Frames { decoder: None, file: Some(file) }),
        })
    }
}

/// Zstandard frames, one behind the other (RFC 8878 §3).
struct Frames {
    decoder: Option<Box<StreamingDecoder<BufReader<File>, FrameDecoder>>>,
    file: Option<BufReader<File>>,
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(decoder) = &mut self.decoder {
                let octets = decoder.read(buffer)?;
                if octets > 0 || buffer.is_empty() {
                    return Ok(octets);
                }
                self.file = self.decoder.take().map(|decoder| decoder.into_inner());
            }
            let Some(mut file) = self.file.take() else { return Ok(0) };
            if file.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let decoder = StreamingDecoder::new(file);
            let decoder = decoder
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            self.decoder = Some(Box::new(decoder));
        }
    }
}

/// What a file begins with.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) content: Content,
    /// Its first octets, uncompressed, up to `HEAD_OCTETS`.
    pub(super) octets: Vec<u8>,
    /// Of some of them, by their number.
    digests: HashMap<u64, String>,
}

impl Head {
    /// Looks into a file. What cannot be uncompressed is told when it is read.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let (content, mut octets) = (Content::of(file)?, Vec::new());
        let reader = content.reader(file.try_clone()?)?;
        match reader.take(HEAD_OCTETS).read_to_end(&mut octets) {
            Err(error) if content == Content::Plain => Err(error),
            _ => Ok(Self { content, octets, digests: HashMap::new() }),
        }
    }

    /// What stands in a mark for so many of its octets; nothing where it has fewer.
    pub(super) fn digest(&mut self, octets: u64) -> Option<&str> {
        let first = self.octets.get(..usize::try_from(octets).ok()?)?;
        Some(self.digests.entry(octets).or_insert_with(|| digest_of(first)))
    }
}

/// What stands in a mark for the start of a file.
pub(super) fn digest_of(head: &[u8]) -> String {
    digest(&SHA256, head).as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests;
