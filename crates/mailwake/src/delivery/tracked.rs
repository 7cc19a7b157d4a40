//! A file that is read: how far, and what is needed to read on.

use super::{
    checkpoint::Mark,
    files::{Content, Found, HEAD_OCTETS, Head, digest_of},
    lines::{LineBuffer, Torn},
    source::SourceConfig,
};
use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::{FileExt, MetadataExt},
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};
use tracking::delivery::Lines;

/// A compressed file is read when it has not changed for so long.
const WRITER_RESTS: Duration = Duration::from_secs(1);

/// A file of a source.
pub(super) struct Tracked {
    pub(super) path: PathBuf,
    pub(super) mark: Mark,
    file: Option<File>,
    content: Content,
    /// Where it stands that uncompresses the file.
    decoder: Option<Box<dyn Read + Send>>,
    /// What the file begins with, as far as it was read.
    head: Vec<u8>,
    /// Octets that were read, uncompressed.
    fed: u64,
    /// Lines that were read.
    line: u64,
    /// Octets and lines up to the end of the last record: one that goes on in the next line is
    /// read again as a whole.
    whole: (u64, u64),
    lines: LineBuffer,
    /// Its own parser, where it is read by itself.
    pub(super) own: Option<Lines>,
    /// What was found of it last.
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
    /// The size and time at which it was looked into last.
    looked_at: Option<(u64, SystemTime)>,
    /// The size and time at which a compressed file gave no more.
    exhausted_at: Option<(u64, SystemTime)>,
    /// When it has given something last.
    pub(super) gave: Instant,
}

/// What a look at a file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// There may be more to read.
    More,
    /// Nothing is new.
    Nothing,
    /// It is another file by now: what was read of it is no longer there.
    Replaced,
}

impl Tracked {
    /// A file that begins so, and is read from its mark on.
    pub(super) fn new(
        found: &Found,
        file: File,
        mut head: Head,
        mark: Mark,
        config: &SourceConfig,
    ) -> Self {
        let (device, inode) = (found.device, found.inode);
        let (fed, line) = (mark.offset, mark.lines);
        let is_over = mark.over_at == Some(found.bytes);
        let mut mark = Mark { device, inode, ..mark };
        // It is known again by what it begins with, though nothing of it was read yet.
        if mark.head_octets == 0 {
            mark.head_octets = head.octets.len() as u64;
            mark.head = head.digest(mark.head_octets).unwrap_or_default().into();
        }
        head.octets.truncate(usize::try_from(fed).unwrap_or(usize::MAX));
        Self {
            path: found.path.clone(),
            mark,
            file: Some(file),
            content: head.content,
            decoder: None,
            head: head.octets,
            fed,
            line,
            whole: (fed, line),
            lines: LineBuffer::new(config.format, config.line_octets_max),
            own: None,
            bytes: found.bytes,
            modified: found.modified,
            looked_at: None,
            exhausted_at: is_over.then_some((found.bytes, found.modified)),
            gave: Instant::now(),
        }
    }

    /// What it is among the files of the system.
    pub(super) fn id(&self) -> (u64, u64) {
        (self.mark.device, self.mark.inode)
    }

    /// Lines of it that were read.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Does a file begin with what was read of this one?
    pub(super) fn begins(&self, head: &Head) -> bool {
        let octets = usize::try_from(self.mark.head_octets).unwrap_or(usize::MAX);
        let read = self.head.get(..octets).filter(|read| !read.is_empty());
        read.is_some_and(|read| head.octets.starts_with(read))
    }

    /// Octets of the file that were not read yet.
    pub(super) fn lag_bytes(&self) -> u64 {
        match self.content {
            Content::Plain => self.bytes.saturating_sub(self.fed),
            _ if self.exhausted_at.is_some_and(|(bytes, _)| bytes == self.bytes) => 0,
            _ => self.bytes,
        }
    }

    /// Closes it until there is more; its name is looked up again then.
    pub(super) fn close(&mut self) {
        self.file = None;
        self.decoder = None;
    }

    /// Is there more to read?
    pub(super) fn look(&mut self) -> io::Result<Look> {
        if let Some(file) = &self.file {
            let data = file.metadata()?;
            (self.bytes, self.modified) = (data.len(), data.modified()?);
        }
        if self.content != Content::Plain {
            let is_same = self.exhausted_at == Some((self.bytes, self.modified));
            // What is being written is uncompressed when the writer rests.
            let is_fresh = self.modified.elapsed().is_ok_and(|age| age < WRITER_RESTS);
            if is_same || is_fresh {
                return Ok(Look::Nothing);
            }
            // It may have been written anew, or be another with the same inode.
            let is_other = self.decoder.is_none() && !self.is_same_content()?;
            return Ok(if is_other { Look::Replaced } else { Look::More });
        }
        if self.bytes < self.fed {
            return Ok(Look::Replaced);
        }
        let is_as_before = self.looked_at == Some((self.bytes, self.modified));
        if self.bytes == self.fed && is_as_before {
            return Ok(Look::Nothing);
        }
        if self.file.is_none() {
            let file = File::open(&self.path)?;
            let data = file.metadata()?;
            if (data.dev(), data.ino()) != (self.mark.device, self.mark.inode) {
                return Ok(Look::Nothing);
            }
            self.file = Some(file);
        }
        let file = self.file.as_ref().expect("it was opened above");
        if self.fed == 0 {
            self.content = Content::of(file)?;
            return Ok(Look::More);
        }
        // Truncated, and as long again by now, or longer.
        if !begins_with(file, &self.head)? {
            return Ok(Look::Replaced);
        }
        self.looked_at = Some((self.bytes, self.modified));
        Ok(if self.bytes == self.fed { Look::Nothing } else { Look::More })
    }

    /// Reads on, and gives each line that is whole with its number; `take` tells whether a record
    /// goes on behind it. The number of octets that were read; 0 where there are no more for now.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        mut take: impl FnMut(u64, Result<&[u8], Torn>, Option<&mut Lines>) -> bool,
    ) -> io::Result<usize> {
        let octets = match self.content {
            Content::Plain => match &self.file {
                // Otherwise the next look finds that it was replaced.
                Some(file) if begins_with(file, &self.head)? => file.read_at(buffer, self.fed)?,
                _ => 0,
            },
            _ => self.uncompress(buffer)?,
        };
        let read = &buffer[..octets];
        let mut offset = self.fed - self.lines.unfinished();
        self.fed += octets as u64;
        let room = usize::try_from(HEAD_OCTETS).unwrap_or(usize::MAX) - self.head.len();
        self.head.extend_from_slice(&read[..octets.min(room)]);
        let (number, own, passed) = (&mut self.line, &mut self.own, &mut self.whole);
        self.lines.push(read, |line| {
            *number += 1;
            offset += line.map_or_else(|torn| torn.octets, |line| line.len() as u64) + 1;
            if !take(*number, line, own.as_mut()) {
                *passed = (offset, *number);
            }
        });
        if octets > 0 {
            self.gave = Instant::now();
        }
        Ok(octets)
    }

    /// Is it compressed, and read to its end?
    pub(super) fn is_over(&self) -> bool {
        self.mark.over_at.is_some()
    }

    /// Takes the last line, where the file ends without a line end.
    pub(super) fn end(
        &mut self,
        take: impl FnOnce(u64, Result<&[u8], Torn>, Option<&mut Lines>) -> bool,
    ) {
        let (line, own) = (&mut self.line, &mut self.own);
        self.lines.end(|whole| {
            *line += 1;
            take(*line, whole, own.as_mut());
        });
    }

    /// Does a compressed file begin as it did?
    fn is_same_content(&mut self) -> io::Result<bool> {
        let file = match &self.file {
            Some(file) => file.try_clone()?,
            None => File::open(&self.path)?,
        };
        let head = Head::of(&file)?;
        self.file = Some(file);
        Ok(head.octets.starts_with(&self.head))
    }

    fn uncompress(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.decoder.is_none() {
            let file = match self.file.take() {
                Some(file) => file,
                None => File::open(&self.path)?,
            };
            let mut decoder = self.content.reader(file.try_clone()?)?;
            self.file = Some(file);
            let skipped = io::copy(&mut decoder.by_ref().take(self.fed), &mut io::sink());
            if skipped.is_ok_and(|skipped| skipped < self.fed) {
                self.exhausted_at = Some((self.bytes, self.modified));
                return Ok(0);
            }
            self.decoder = Some(decoder);
        }
        self.mark.over_at = None;
        let decoder = self.decoder.as_mut().expect("it was made above");
        let read = decoder.read(buffer);
        match read {
            Ok(octets) if octets > 0 => return Ok(octets),
            Ok(_) => self.mark.over_at = Some(self.bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                tracing::debug!(%error, "a compressed file ends before its end");
            }
            Err(error) => {
                let file = self.path.display();
                tracing::warn!(%file, %error, "a compressed file is read no further");
            }
        }
        self.decoder = None;
        self.exhausted_at = Some((self.bytes, self.modified));
        Ok(0)
    }

    /// No record goes on behind the last whole line.
    pub(super) fn ended(&mut self) {
        self.whole = (self.fed - self.lines.unfinished(), self.line);
    }

    /// Everything up to the end of the last record is recorded. True where that is more than
    /// before.
    pub(super) fn passed(&mut self) -> bool {
        let before = self.mark.offset;
        (self.mark.offset, self.mark.lines) = self.whole;
        let octets = self.mark.offset.min(HEAD_OCTETS).min(self.head.len() as u64);
        if octets > 0 && (before == 0 || octets != self.mark.head_octets) {
            self.mark.head_octets = octets;
            let octets = usize::try_from(octets).unwrap_or(usize::MAX);
            self.mark.head = digest_of(&self.head[..octets]);
        }
        self.mark.state = self.own.as_ref().and_then(Lines::state);
        before != self.mark.offset
    }
}

/// Does the file still begin with what was read of it?
fn begins_with(file: &File, head: &[u8]) -> io::Result<bool> {
    let mut start = vec![0; head.len()];
    match file.read_exact_at(&mut start, 0) {
        Ok(()) => Ok(start == head),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
