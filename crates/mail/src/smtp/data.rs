//! Message content as DATA carries it (RFC 5321 §4.5.2): the end is found, dots are
//! undone, size and line ends are checked. Octets in, octets out; it owns no socket.

use memchr::memchr3;

/// Why message content was refused. Every variant has the reply its sender gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// A LF without a CR before it. Passing one on would let a sender smuggle a
    /// second message past an MTA that takes it for a line end (RFC 5321 §2.3.8).
    #[error("bare LF in message")]
    BareLineFeed,
    /// A CR without a LF behind it.
    #[error("bare CR in message")]
    BareCarriageReturn,
    /// A NUL, which only binary content may have (RFC 6152 §3, RFC 3030 §3). Some MTAs drop
    /// them, and what stood around it becomes another line.
    #[error("NUL in message")]
    Nul,
    /// More octets than the limit.
    #[error("message too large")]
    TooLarge,
    /// It has come by more hosts than there are on any way (RFC 5321 §6.3).
    #[error("too many hops")]
    TooManyHops,
    /// There is no memory for it now.
    #[error("no memory for message")]
    NoMemory,
}

/// What becomes of a bare CR, a bare LF and NUL in content. None of them is ever part of
/// the end of a message, and none is passed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BareNewlines {
    /// The message is refused.
    #[default]
    Refuse,
    /// A bare LF, and a CR or several without LF behind them, become CRLF, as do several CR
    /// and a LF; NUL is taken out. What was no line start before is none for dots, either.
    Repair,
}

/// Takes content in pieces, as they come, up to the final dot.
#[derive(Debug)]
pub struct DataReader {
    octets: Vec<u8>,
    octets_max: usize,
    newlines: BareNewlines,
    place: Place,
    error: Option<DataError>,
}

/// Where the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    LineStart,
    InLine,
    /// Behind a CR.
    Cr,
    /// Behind a dot at the start of a line, which was not kept yet.
    Dot,
    /// Behind such a dot and a CR.
    DotCr,
    Done,
}

impl DataReader {
    /// A reader of content of at most `octets_max` octets, dots undone.
    pub fn new(octets_max: usize, newlines: BareNewlines) -> Self {
        Self { octets: Vec::new(), octets_max, newlines, place: Place::LineStart, error: None }
    }

    /// How many octets of memory the content takes so far.
    pub fn memory(&self) -> usize {
        self.octets.capacity()
    }

    /// Refuses the content, and keeps no more of it. It is still read to its end.
    pub fn give_up(&mut self, error: DataError) {
        self.fail(error);
    }

    /// Takes octets of the client. Gives how many of them belong to the content, the
    /// final `CRLF . CRLF` included; what follows is the next command. Refused content
    /// is still read to its end, so that the session goes on in step.
    pub fn take(&mut self, input: &[u8]) -> usize {
        let mut at = 0;
        while at < input.len() && self.place != Place::Done {
            at += match self.place {
                Place::InLine => self.take_line(&input[at..]),
                _ => self.take_octet(input[at]),
            };
        }
        at
    }

    /// Was the final dot seen?
    pub fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    /// The content, dots undone, or the first thing that is wrong with it.
    pub fn finish(self) -> Result<Vec<u8>, DataError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.octets),
        }
    }

    /// Takes lines as they stand, at once: up to the first octet that wants to be looked at.
    fn take_line(&mut self, input: &[u8]) -> usize {
        let mut end = 0;
        while let Some(found) = memchr3(b'\r', b'\n', 0, &input[end..]) {
            end += found;
            match &input[end..] {
                // RFC 5321 §4.5.2: a dot is only something else at the start of a line.
                [b'\r', b'\n', next, ..] if *next != b'.' => end += 2,
                [b'\r', b'\n', ..] => {
                    self.keep(&input[..end + 2]);
                    self.place = Place::LineStart;
                    return end + 2;
                }
                _ if end == 0 => return self.take_octet(input[0]),
                _ => break,
            }
        }
        if memchr3(b'\r', b'\n', 0, &input[end..]).is_none() {
            end = input.len();
        }
        self.keep(&input[..end]);
        end
    }

    fn take_octet(&mut self, octet: u8) -> usize {
        self.place = match (self.place, octet) {
            (Place::LineStart, b'.') => Place::Dot,
            (Place::Dot, b'\r') => Place::DotCr,
            (Place::DotCr, b'\n') => Place::Done,
            (Place::DotCr, octet) => {
                // The line was ". CR" and more: the dot was stuffing, the CR is bare.
                self.keep(b"\r");
                self.after_cr(octet)
            }
            (Place::Cr, octet) => self.after_cr(octet),
            (_, octet) => self.in_line(octet),
        };
        1
    }

    fn after_cr(&mut self, octet: u8) -> Place {
        if octet == b'\n' {
            self.keep(b"\n");
            return Place::LineStart;
        }
        match self.newlines {
            BareNewlines::Refuse => self.fail(DataError::BareCarriageReturn),
            // What stands behind it decides.
            BareNewlines::Repair if octet == b'\r' => return Place::Cr,
            BareNewlines::Repair => self.keep(b"\n"),
        }
        self.in_line(octet)
    }

    fn in_line(&mut self, octet: u8) -> Place {
        let is_repaired = self.newlines == BareNewlines::Repair;
        match octet {
            b'\r' => {
                self.keep(b"\r");
                return Place::Cr;
            }
            b'\n' if is_repaired => self.keep(b"\r\n"),
            b'\n' => self.fail(DataError::BareLineFeed),
            0 if is_repaired => {}
            0 => self.fail(DataError::Nul),
            octet => self.keep(&[octet]),
        }
        Place::InLine
    }

    fn keep(&mut self, octets: &[u8]) {
        if self.error.is_some() {
            return;
        }
        if let Err(error) = keep_within(&mut self.octets, octets, self.octets_max) {
            self.fail(error);
        }
    }

    fn fail(&mut self, error: DataError) {
        self.error.get_or_insert(error);
        self.octets = Vec::new();
    }
}

/// Content that came in chunks with what is bare repaired, as a reader does it.
pub(super) fn repair(content: &[u8]) -> Vec<u8> {
    let mut reader = DataReader::new(usize::MAX, BareNewlines::Repair);
    reader.place = Place::InLine;
    let mut at = 0;
    while at < content.len() {
        at += match reader.place {
            Place::InLine => reader.take_line(&content[at..]),
            Place::Cr => {
                reader.place = reader.after_cr(content[at]);
                1
            }
            // In chunks no dot has a meaning.
            _ => {
                reader.place = Place::InLine;
                0
            }
        };
    }
    if reader.place == Place::Cr {
        reader.keep(b"\n");
    }
    reader.octets
}

/// Adds octets of content, as long as they are within the limit.
pub(super) fn keep_within(
    content: &mut Vec<u8>,
    octets: &[u8],
    octets_max: usize,
) -> Result<(), DataError> {
    if content.len() + octets.len() > octets_max {
        return Err(DataError::TooLarge);
    }
    // Doubling a large buffer would take twice the memory of the message.
    let missing = (content.len() + octets.len()).saturating_sub(content.capacity());
    if missing > 0 {
        let step = (content.len() / 4).clamp(4_096, 4 << 20);
        content.reserve_exact(octets.len().max(step));
    }
    content.extend_from_slice(octets);
    Ok(())
}

/// Writes content as it goes over the wire, piece by piece: dots are doubled at line
/// starts, and the final dot stands behind it.
#[derive(Debug)]
pub struct DotStuffer {
    is_line_start: bool,
    last: [u8; 2],
}

impl Default for DotStuffer {
    fn default() -> Self {
        Self { is_line_start: true, last: *b"\r\n" }
    }
}

impl DotStuffer {
    /// Appends a piece of the content to `out`.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        out.reserve(piece.len() + piece.len() / 64 + 1);
        if self.is_line_start && piece.starts_with(b".") {
            out.push(b'.');
        }
        let mut kept = 0;
        for at in memchr::memmem::find_iter(piece, b"\n.") {
            out.extend_from_slice(&piece[kept..=at]);
            out.push(b'.');
            kept = at + 1;
        }
        out.extend_from_slice(&piece[kept..]);
        match piece {
            [] => {}
            [only] => self.last = [self.last[1], *only],
            [.., before, last] => self.last = [*before, *last],
        }
        self.is_line_start = self.last[1] == b'\n';
    }

    /// Appends the final dot. Content that does not end in CRLF gets one (RFC 5321
    /// §4.1.1.4).
    pub fn finish(self, out: &mut Vec<u8>) {
        if self.last != *b"\r\n" {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests;
