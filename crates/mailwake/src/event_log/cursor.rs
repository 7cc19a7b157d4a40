//! Cursors: how far a consumer has brought the log's events to where they go. A cursor
//! is a small file in the log's directory, and holds back the removal of the segments
//! that it has not passed.

use super::{Position, segment};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const SUFFIX: &str = ".cursor";

/// One consumer's place in the log.
#[derive(Debug)]
pub struct Cursor {
    directory: PathBuf,
    name: String,
    position: Position,
}

/// Why a cursor cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// Names are file names: small letters, digits, `-` and `_`, at most 64.
    #[error("open cursor {name:?}: a name has 1 to 64 of a-z, 0-9, \"-\" and \"_\"")]
    Name {
        /// The name.
        name: String,
    },
    /// The file holds no position.
    #[error("read cursor \"{name}\": its file is damaged")]
    Damaged {
        /// The cursor's name.
        name: String,
    },
    /// The position lies in front of the cursor's.
    #[error("move cursor \"{name}\" to {to}: it is at {at} already")]
    Backwards {
        /// The cursor's name.
        name: String,
        /// Where it is.
        at: Position,
        /// Where it was to go.
        to: Position,
    },
    /// The disk failed.
    #[error("{action} cursor \"{name}\": {error}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The cursor's name.
        name: String,
        /// What the disk said.
        error: io::Error,
    },
}

impl Cursor {
    /// Opens the cursor `name` of the log in `directory`. A new one stands at the log's
    /// first event, and from then on keeps segments from being removed.
    pub fn open(directory: &Path, name: &str) -> Result<Self, CursorError> {
        let allowed = |octet: u8| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if !(1..=64).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(CursorError::Name { name: name.into() });
        }
        let io = |action| move |error| CursorError::Io { action, name: name.into(), error };
        let path = directory.join(format!("{name}{SUFFIX}"));
        let stored = match fs::read(&path) {
            Ok(octets) => Some(octets),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io("read")(error)),
        };
        let mut cursor =
            Self { directory: directory.into(), name: name.into(), position: Position::START };
        match stored {
            Some(octets) => {
                cursor.position =
                    parse(&octets).ok_or_else(|| CursorError::Damaged { name: name.into() })?;
            }
            None => {
                let segments = segment::list(directory).map_err(io("make"))?;
                cursor.position = Position(segments.first().map_or(0, |first| first.base));
                cursor.store().map_err(io("make"))?;
            }
        }
        Ok(cursor)
    }

    /// Is there a cursor of that name?
    pub fn is_there(directory: &Path, name: &str) -> bool {
        directory.join(format!("{name}{SUFFIX}")).exists()
    }

    /// The names of all cursors of the log in `directory`, in no order.
    pub fn names(directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            let file = entry?.file_name();
            names.extend(file.to_str().and_then(|name| name.strip_suffix(SUFFIX)).map(Into::into));
        }
        Ok(names)
    }

    /// Removes the cursor of that name: nothing is kept for its consumer any more.
    pub fn remove(directory: &Path, name: &str) -> Result<(), CursorError> {
        let path = directory.join(format!("{name}{SUFFIX}"));
        let removed = fs::remove_file(path).and_then(|()| segment::sync_directory(directory));
        removed.map_err(|error| CursorError::Io { action: "remove", name: name.into(), error })
    }

    /// Where the cursor stands: everything in front of it was brought where it goes.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Moves the cursor, durably. Refuses to move it backwards.
    pub fn advance(&mut self, to: Position) -> Result<(), CursorError> {
        if to < self.position {
            return Err(CursorError::Backwards { name: self.name.clone(), at: self.position, to });
        }
        self.set(to)
    }

    /// Moves the cursor back, durably, because its consumer lost what it had. Segments
    /// that are gone do not come back.
    pub fn rewind(&mut self, to: Position) -> Result<(), CursorError> {
        self.set(to.min(self.position))
    }

    fn set(&mut self, to: Position) -> Result<(), CursorError> {
        if to == self.position {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.position, to);
        self.store().map_err(|error| {
            self.position = before;
            CursorError::Io { action: "move", name: self.name.clone(), error }
        })
    }

    /// Replaces the file as a whole: it holds the old position or the new one.
    fn store(&self) -> io::Result<()> {
        let path = self.directory.join(format!("{}{SUFFIX}", self.name));
        let fresh = self.directory.join(format!("{}{SUFFIX}.tmp", self.name));
        let digits = self.position.0.to_string();
        let mut file = File::create(&fresh)?;
        writeln!(file, "{digits} {:08x}", crc32c::crc32c(digits.as_bytes()))?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        segment::sync_directory(&self.directory)
    }
}

/// The form is `position crc32c`, a line that an operator can read.
fn parse(octets: &[u8]) -> Option<Position> {
    let line = std::str::from_utf8(octets).ok()?.strip_suffix('\n')?;
    let (digits, checksum) = line.split_once(' ')?;
    let is_sound = u32::from_str_radix(checksum, 16).ok()? == crc32c::crc32c(digits.as_bytes());
    is_sound.then(|| digits.parse().ok().map(Position)).flatten()
}

/// Where all cursors of a log stand. A cursor that cannot be read has passed nothing.
pub(super) fn positions(directory: &Path) -> io::Result<Vec<Position>> {
    let mut positions = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.ends_with(SUFFIX)) {
            positions.push(parse(&fs::read(entry.path())?).unwrap_or(Position::START));
        }
    }
    Ok(positions)
}

#[cfg(test)]
mod tests;
