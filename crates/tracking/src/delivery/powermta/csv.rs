//! Rows of CSV (RFC 4180), of which lines come one by one. A quoted field may hold line ends, so
//! a row may take several lines.

use crate::delivery::LineError;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

/// Octets that a row may have, and lines that it may take.
const ROW_OCTETS_MAX: usize = 256 * 1024;
const ROW_LINES_MAX: usize = 100;

/// Fields that a row may have.
const FIELDS_MAX: usize = 1_000;

/// Makes rows of lines.
#[derive(Debug)]
pub(super) struct Rows {
    reader: Box<Reader>,
    /// The lines of a row whose quoted field goes on, each with its end.
    pending: Vec<u8>,
    lines: usize,
    fields: Fields,
}

impl Default for Rows {
    fn default() -> Self {
        let reader = ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build();
        let (pending, lines, fields) = (Vec::new(), 0, Fields::default());
        Self { reader: Box::new(reader), pending, lines, fields }
    }
}

/// The fields of one row, one behind the other.
#[derive(Debug, Default)]
struct Fields {
    octets: Vec<u8>,
    ends: Vec<usize>,
}

/// A row.
#[derive(Debug)]
pub(super) struct Row<'a> {
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Row<'a> {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn first(&self) -> &'a str {
        self.fields().next().unwrap_or_default()
    }

    /// Every field.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'a str> {
        let (text, ends) = (self.text, self.ends);
        let start = |index: usize| if index == 0 { 0 } else { ends[index - 1] };
        (0..ends.len()).map(move |index| text.get(start(index)..ends[index]).unwrap_or_default())
    }
}

/// How the fields of a line came out.
enum Split {
    Row,
    /// A quoted field goes on in the next line.
    GoesOn,
}

impl Rows {
    /// Does a field go on in the next line?
    pub(super) fn is_within_field(&self) -> bool {
        self.lines > 0
    }

    /// Takes a line, and tells the row that is complete with it. Where a quoted field does not
    /// end in time, its quote is a mistake of the line that it is in, and the lines behind that
    /// one are rows of their own.
    pub(super) fn line(
        &mut self,
        line: &[u8],
        mut row: impl FnMut(&Row<'_>) -> Result<(), LineError>,
    ) -> Result<(), LineError> {
        if self.lines == 0 && line.is_empty() {
            return Ok(());
        }
        if self.lines == 0 {
            if line.len() > ROW_OCTETS_MAX {
                return Err(too_long());
            }
            return match self.split(line)? {
                Split::Row => self.tell(row),
                Split::GoesOn => {
                    self.pending.clear();
                    self.keep(line);
                    Ok(())
                }
            };
        }
        self.keep(line);
        if self.pending.len() > ROW_OCTETS_MAX || self.lines > ROW_LINES_MAX {
            return self.give_up(row);
        }
        let pending = std::mem::take(&mut self.pending);
        let split = self.split(pending.strip_suffix(b"\n").unwrap_or(&pending));
        self.pending = pending;
        match split {
            Ok(Split::GoesOn) => Ok(()),
            Ok(Split::Row) => {
                self.lines = 0;
                self.tell(&mut row)
            }
            Err(error) => {
                self.lines = 0;
                Err(error)
            }
        }
    }

    /// No line follows. Where a quoted field goes on, its quote is a mistake as well.
    pub(super) fn end(
        &mut self,
        row: impl FnMut(&Row<'_>) -> Result<(), LineError>,
    ) -> Result<(), LineError> {
        if self.is_within_field() { self.give_up(row) } else { Ok(()) }
    }

    fn keep(&mut self, line: &[u8]) {
        self.pending.extend_from_slice(line);
        self.pending.push(b'\n');
        self.lines += 1;
    }

    /// Reads the lines that are waiting each by itself.
    fn give_up(
        &mut self,
        mut row: impl FnMut(&Row<'_>) -> Result<(), LineError>,
    ) -> Result<(), LineError> {
        let pending = std::mem::take(&mut self.pending);
        let lines = std::mem::take(&mut self.lines);
        let mut wrong = 1;
        for line in pending.split(|octet| *octet == b'\n').skip(1).filter(|line| !line.is_empty()) {
            let read = match line.len() <= ROW_OCTETS_MAX {
                true => self.split(line),
                false => Err(too_long()),
            };
            let told = match read {
                Ok(Split::Row) => self.tell(&mut row),
                Ok(Split::GoesOn) => Err(too_long()),
                Err(error) => Err(error),
            };
            wrong += usize::from(told.is_err());
        }
        let reason = format!(
            "a quoted field that began {} lines ago does not end; of the lines since then, read \
             by themselves, {wrong} are wrong",
            lines - 1
        );
        Err(LineError::new(reason))
    }

    fn tell(
        &self,
        mut row: impl FnMut(&Row<'_>) -> Result<(), LineError>,
    ) -> Result<(), LineError> {
        let Fields { octets, ends } = &self.fields;
        match str::from_utf8(octets) {
            Ok(text) if ends.iter().all(|end| text.is_char_boundary(*end)) => {
                row(&Row { text, ends })
            }
            _ => {
                let (text, ends) = lossy(octets, ends);
                row(&Row { text: &text, ends: &ends })
            }
        }
    }

    /// Splits a whole row into its fields.
    fn split(&mut self, line: &[u8]) -> Result<Split, LineError> {
        let Fields { octets, ends } = &mut self.fields;
        octets.clear();
        ends.clear();
        if memchr::memchr(b'"', line).is_none() {
            return self.split_unquoted(line);
        }
        octets.resize(line.len() + 1, 0);
        ends.resize(FIELDS_MAX, 0);
        self.reader.reset();
        let (_, _, written, found) = self.reader.read_record(line, octets, ends);
        let (result, _, more, last) =
            self.reader.read_record(b"\n", &mut octets[written..], &mut ends[found..]);
        match result {
            ReadRecordResult::Record => {
                octets.truncate(written + more);
                ends.truncate(found + last);
                Ok(Split::Row)
            }
            ReadRecordResult::InputEmpty => Ok(Split::GoesOn),
            _ => Err(too_many()),
        }
    }

    /// The same for a row without a quote, which most are.
    fn split_unquoted(&mut self, line: &[u8]) -> Result<Split, LineError> {
        let Fields { octets, ends } = &mut self.fields;
        let mut from = 0;
        for to in memchr::memchr_iter(b',', line).chain([line.len()]) {
            octets.extend_from_slice(&line[from..to]);
            ends.push(octets.len());
            from = to + 1;
        }
        if ends.len() > FIELDS_MAX { Err(too_many()) } else { Ok(Split::Row) }
    }
}

fn too_long() -> LineError {
    LineError::new(format!("a row has at most {ROW_OCTETS_MAX} octets"))
}

fn too_many() -> LineError {
    LineError::new(format!("a row has at most {FIELDS_MAX} fields"))
}

/// The same fields with U+FFFD for what is no UTF-8.
fn lossy(octets: &[u8], ends: &[usize]) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(octets.len() + 16);
    let mut from = 0;
    let ends = ends.iter().map(|end| {
        text.push_str(&String::from_utf8_lossy(&octets[from..*end]));
        from = *end;
        text.len()
    });
    let ends = ends.collect();
    (text, ends)
}

#[cfg(test)]
mod tests;
