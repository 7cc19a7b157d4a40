//! A file that is read: how far, and what is needed to read on.

use super::{
    checkpoint::Mark,
    files::{Content, Found, HEAD_OCTETS, digest_of, head},
    lines::{LineBuffer, Torn},
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
    /// A file that is read from its mark on; none where it does not begin with what was read.
    pub(super) fn open(
        found: &Found,
        mark: Mark,
        line_octets_max: usize,
    ) -> io::Result<Option<Self>> {
        let file = File::open(&found.path)?;
        let head = head(&file, mark.head_octets)?;
        let is_it = head.len() as u64 == mark.head_octets
            && (mark.head_octets == 0 || digest_of(&head) == mark.head);
        if !is_it {
            return Ok(None);
        }
        let content = Content::of(&file)?;
        let (device, inode) = (found.device, found.inode);
        let (fed, line) = (mark.offset, mark.lines);
        Ok(Some(Self {
            path: found.path.clone(),
            mark: Mark { device, inode, ..mark },
            file: Some(file),
            content,
            decoder: None,
            head,
            fed,
            line,
            lines: LineBuffer::new(line_octets_max),
            own: None,
            bytes: found.bytes,
            modified: found.modified,
            looked_at: None,
            exhausted_at: None,
            gave: Instant::now(),
        }))
    }

    /// What it is among the files of the system.
    pub(super) fn id(&self) -> (u64, u64) {
        (self.mark.device, self.mark.inode)
    }

    /// Lines of it that were read.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Octets of the file that were not read yet.
    pub(super) fn lag_bytes(&self) -> u64 {
        match self.content {
            _ if self.mark.is_over => 0,
            Content::Plain => self.bytes.saturating_sub(self.fed),
            _ if self.exhausted_at.is_some() => 0,
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
            return Ok(if is_same || is_fresh { Look::Nothing } else { Look::More });
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

    /// Reads on, and gives each line that is whole with its number. The number of octets that
    /// were read; 0 where there are no more for now.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        mut take: impl FnMut(u64, Result<&[u8], Torn>, Option<&mut Lines>),
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
        self.fed += octets as u64;
        let room = usize::try_from(HEAD_OCTETS).unwrap_or(usize::MAX) - self.head.len();
        self.head.extend_from_slice(&read[..octets.min(room)]);
        let (line, own) = (&mut self.line, &mut self.own);
        self.lines.push(read, |whole| {
            *line += 1;
            take(*line, whole, own.as_mut());
        });
        if octets > 0 {
            self.gave = Instant::now();
        }
        Ok(octets)
    }

    /// Takes the last line, where the file ends without a line end.
    pub(super) fn end(&mut self, take: impl FnOnce(u64, Result<&[u8], Torn>, Option<&mut Lines>)) {
        let (line, own) = (&mut self.line, &mut self.own);
        self.lines.end(|whole| {
            *line += 1;
            take(*line, whole, own.as_mut());
        });
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
        self.mark.is_over = false;
        let decoder = self.decoder.as_mut().expect("it was made above");
        let read = decoder.read(buffer);
        match read {
            Ok(octets) if octets > 0 => return Ok(octets),
            Ok(_) => self.mark.is_over = true,
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

    /// Everything up to the last whole line is recorded, and no record goes on behind it.
    pub(super) fn passed(&mut self) {
        self.mark.offset = self.fed - self.lines.unfinished();
        self.mark.lines = self.line;
        let octets = self.mark.offset.min(HEAD_OCTETS).min(self.head.len() as u64);
        if octets != self.mark.head_octets {
            self.mark.head_octets = octets;
            let octets = usize::try_from(octets).unwrap_or(usize::MAX);
            self.mark.head = digest_of(&self.head[..octets]);
        }
        self.mark.state = self.own.as_ref().and_then(Lines::state);
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
