//! Reads a file, or standard input, from its start to its end.

use super::{
    counters::SourceCounters,
    files::Content,
    lines::{LineBuffer, Torn},
    recorder::{Recorder, Stopped},
    source::too_long,
};
use std::{
    fs::File,
    io::{self, Read},
    mem,
    path::Path,
    time::SystemTime,
};
use tracking::{
    delivery::{LineError, Lines},
    event::Event,
};

/// Octets that are read at once.
const READ_OCTETS: usize = 1 << 20;

/// Why the rest was not read.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// It cannot be read.
    #[error("read records: {0}")]
    Read(#[from] io::Error),
    /// It was told to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What is told while it is read.
#[derive(Debug)]
pub enum Progress {
    /// So many octets more were read, uncompressed, and what they say is recorded.
    Octets(u64),
    /// This line is no record.
    Malformed(u64, LineError),
}

/// What is in a file, uncompressed, and its size where that is what is read.
pub fn open(path: &Path) -> io::Result<(Box<dyn Read + Send>, Option<u64>)> {
    let file = File::open(path)?;
    let data = file.metadata()?;
    // A pipe has no start to look at.
    if !data.is_file() {
        return Ok((Box::new(file), None));
    }
    let content = Content::of(&file)?;
    let size = (content == Content::Plain).then_some(data.len());
    Ok((content.reader(file)?, size))
}

/// Reads to the end, and records. When it returns, all is recorded.
pub fn ingest(
    mut source: impl Read,
    lines: &mut Lines,
    line_octets_max: usize,
    recorder: &mut Recorder,
    counters: &SourceCounters,
    mut tell: impl FnMut(Progress),
) -> Result<(), IngestError> {
    let mut buffer = vec![0; READ_OCTETS];
    let mut unfinished = LineBuffer::new(lines.format(), line_octets_max);
    let (mut line, mut events) = (0, Vec::new());
    loop {
        let octets = read_some(&mut source, &mut buffer)?;
        lines.set_now(SystemTime::now().into());
        let mut take = |octets: Result<&[u8], Torn>| {
            line += 1;
            counters.lines.increment();
            let read = octets.map_err(too_long).and_then(|octets| lines.line(octets, &mut events));
            if let Err(error) = read {
                counters.malformed_lines.increment();
                tell(Progress::Malformed(line, error));
            }
        };
        match octets {
            0 => unfinished.end(&mut take),
            octets => unfinished.push(&buffer[..octets], &mut take),
        }
        if octets == 0
            && let Err(error) = lines.end(&mut events)
        {
            counters.malformed_lines.increment();
            tell(Progress::Malformed(line, error));
        }
        let whole: Vec<Event> = mem::take(&mut events);
        recorder.record(&whole, counters)?;
        events = whole;
        events.clear();
        tell(Progress::Octets(octets as u64));
        if octets == 0 {
            return Ok(());
        }
    }
}

fn read_some(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
