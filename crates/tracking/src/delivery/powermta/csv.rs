//! Rows of CSV (RFC 4180), of which lines come one by one. A quoted field may hold line ends, so
//! a row may take several lines.

use crate::delivery::LineError;
use memchr::memchr;

/// Octets that a row may have, and lines that it may take.
const ROW_OCTETS_MAX: usize = 256 * 1024;
const ROW_LINES_MAX: usize = 100;

/// Fields that a row may have.
const FIELDS_MAX: usize = 1_000;

/// What some programs put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Makes rows of lines.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The lines of a row whose quoted field goes on, each with its end.
    pending: Vec<u8>,
    lines: usize,
    fields: Fields,
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

/// How the fields of a row came out.
enum Split {
    Row,
    /// A quoted field goes on in the next line.
    GoesOn,
    /// A field has ended in another line than it began in, and text follows: its first quote was
    /// a mistake, and what seemed its last one begins a field of another row.
    Torn,
}

impl Rows {
    /// Does a field go on in the next line?
    pub(super) fn is_within_field(&self) -> bool {
        self.lines > 0
    }

    /// Takes a line, and tells the row that is complete with it. Where a quoted field does not
    /// end in time, or as it should, its quote is a mistake of the line that it is in, and the
    /// lines behind that one are rows of their own.
    pub(super) fn line(
        &mut self,
        line: &[u8],
        row: impl FnMut(&Row<'_>) -> Result<(), LineError>,
    ) -> Result<(), LineError> {
        if self.is_within_field() {
            return self.go_on(line, row);
        }
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        if line.is_empty() {
            return Ok(());
        }
        match self.split(line)? {
            Split::GoesOn => {
                self.pending.clear();
                self.keep(line);
                Ok(())
            }
            Split::Row | Split::Torn => self.tell(row),
        }
    }

    fn go_on(
        &mut self,
        line: &[u8],
        row: impl FnMut(&Row<'_>) -> Result<(), LineError>,
    ) -> Result<(), LineError> {
        self.keep(line);
        if self.pending.len() > ROW_OCTETS_MAX || self.lines > ROW_LINES_MAX {
            return self.give_up(row);
        }
        let pending = std::mem::take(&mut self.pending);
        let split = self.split(pending.strip_suffix(b"\n").unwrap_or(&pending));
        self.pending = pending;
        match split {
            Ok(Split::GoesOn) => Ok(()),
            Ok(Split::Torn) => self.give_up(row),
            Ok(Split::Row) => {
                self.lines = 0;
                self.tell(row)
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
        let mut wrong = 0;
        for line in pending.split(|octet| *octet == b'\n').skip(1).filter(|line| !line.is_empty()) {
            let is_right = match self.split(line) {
                Ok(Split::Row | Split::Torn) => self.tell(&mut row).is_ok(),
                Ok(Split::GoesOn) | Err(_) => false,
            };
            wrong += usize::from(!is_right);
        }
        let began = match lines - 1 {
            0 => "in this line".to_owned(),
            1 => "in the line above".to_owned(),
            behind => format!("{behind} lines above"),
        };
        Err(LineError::new(format!(
            "a quoted field that began {began} does not end; the lines behind that one were read \
             by themselves, {wrong} of them wrong"
        )))
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

    /// Splits a row into its fields. What RFC 4180 does not allow within a line is read as far as
    /// it goes: a quote within a field without quotes, and text behind a field with them.
    fn split(&mut self, row: &[u8]) -> Result<Split, LineError> {
        if row.len() > ROW_OCTETS_MAX {
            let reason = format!("a row has at most {ROW_OCTETS_MAX} octets");
            return Err(LineError::new(reason));
        }
        let Fields { octets, ends } = &mut self.fields;
        octets.clear();
        ends.clear();
        let mut rest = row;
        loop {
            if ends.len() == FIELDS_MAX {
                return Err(too_many());
            }
            if let Some(quoted) = rest.strip_prefix(b"\"") {
                let start = octets.len();
                let Some(behind) = unquote(quoted, octets) else { return Ok(Split::GoesOn) };
                let is_end = behind.is_empty() || behind.starts_with(b",");
                if !is_end && octets[start..].contains(&b'\n') {
                    return Ok(Split::Torn);
                }
                rest = behind;
            }
            let comma = memchr(b',', rest);
            octets.extend_from_slice(&rest[..comma.unwrap_or(rest.len())]);
            ends.push(octets.len());
            let Some(comma) = comma else { return Ok(Split::Row) };
            rest = &rest[comma + 1..];
        }
    }
}

/// Takes a field behind its first quote, and gives what is behind its last one. `None` where there
/// is none.
fn unquote<'a>(mut rest: &'a [u8], to: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let quote = memchr(b'"', rest)?;
        to.extend_from_slice(&rest[..quote]);
        let behind = &rest[quote + 1..];
        let Some(doubled) = behind.strip_prefix(b"\"") else { return Some(behind) };
        to.push(b'"');
        rest = doubled;
    }
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
