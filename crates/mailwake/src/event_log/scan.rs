//! Reading the records of one segment, sound or not. It never believes what it reads:
//! a record counts only when its checksum is right.

use super::record::{self, ALIGNMENT, HEADER_BYTES, Record};
use super::segment;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Octets that are read at once.
const CHUNK_BYTES: u64 = 256 << 10;

/// An open segment, read through a window.
#[derive(Debug)]
pub(super) struct Scan {
    file: File,
    base: u64,
    window: Vec<u8>,
    /// The position of the window's first octet.
    window_at: u64,
}

impl Scan {
    /// Opens the segment that begins at `base`.
    pub(super) fn open(directory: &Path, base: u64) -> io::Result<Self> {
        let file = File::open(segment::path(directory, base))?;
        Ok(Self { file, base, window: Vec::new(), window_at: base })
    }

    /// The record at `position`; none if no whole, sound record stands there that ends at
    /// `end` or before. Octets from `end` on are not read.
    pub(super) fn record(&mut self, position: u64, end: u64) -> io::Result<Option<Record<'_>>> {
        let base = self.base;
        let header = self.octets(position, HEADER_BYTES, end)?;
        let Some(bytes) = record::plausible_bytes(header, position, base) else {
            return Ok(None);
        };
        Ok(record::parse(self.octets(position, bytes, end)?, position, base))
    }

    /// Where the first sound record after `position` begins.
    pub(super) fn next_record(&mut self, position: u64, end: u64) -> io::Result<Option<u64>> {
        let step = ALIGNMENT as u64;
        let mut candidate = (position / step + 1) * step;
        while candidate < end {
            if self.record(candidate, end)?.is_some() {
                return Ok(Some(candidate));
            }
            candidate += step;
        }
        Ok(None)
    }

    /// The position after the last octet from `position` on that is not zero.
    pub(super) fn zeros_from(&mut self, position: u64, end: u64) -> io::Result<Option<u64>> {
        let mut zeros_from = None;
        let mut at = position;
        while at < end {
            let octets = self.octets(at, 1, end)?;
            if octets.is_empty() {
                break;
            }
            if let Some(last) = octets.iter().rposition(|octet| *octet != 0) {
                zeros_from = Some(at + last as u64 + 1);
            }
            at += octets.len() as u64;
        }
        Ok(zeros_from)
    }

    /// All octets of the window from `position` on. They are `wanted` at least, unless
    /// the file or `end` comes first.
    fn octets(&mut self, position: u64, wanted: usize, end: u64) -> io::Result<&[u8]> {
        let loaded = self.window_at..self.window_at + self.window.len() as u64;
        let needed = end.min(position + wanted as u64);
        if !loaded.contains(&position) || loaded.end < needed {
            self.load(position, wanted as u64, end)?;
        }
        let from = usize::try_from(position - self.window_at).unwrap_or(usize::MAX);
        Ok(self.window.get(from..).unwrap_or_default())
    }

    fn load(&mut self, position: u64, wanted: u64, end: u64) -> io::Result<()> {
        let bytes = wanted.max(CHUNK_BYTES).min(end.saturating_sub(position));
        self.window.resize(usize::try_from(bytes).unwrap_or(usize::MAX), 0);
        self.window_at = position;
        let mut read = 0;
        while read < self.window.len() {
            let offset = position - self.base + read as u64;
            match self.file.read_at(&mut self.window[read..], offset) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.window.clear();
                    return Err(error);
                }
            }
        }
        self.window.truncate(read);
        Ok(())
    }
}
