//! Message content in chunks (RFC 3030). What stands behind BDAT and the octets of each
//! chunk come in, the whole content goes out, as DATA would have brought it, or as it is
//! where the client has said BINARYMIME.

use super::data::{BareNewlines, DataError, keep_within, repair};
use memchr::{memchr3_iter, memmem};

/// What stands behind BDAT (RFC 3030 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSize {
    /// How many octets follow behind the line.
    pub octets: u64,
    /// It is the last chunk of the message.
    pub is_last: bool,
}

impl ChunkSize {
    /// Reads the argument; none where it does not tell how many octets follow.
    pub fn parse(argument: &str) -> Option<Self> {
        let mut words = argument.split_ascii_whitespace();
        let size = words.next().filter(|word| word.bytes().all(|octet| octet.is_ascii_digit()))?;
        let octets = size.parse().ok()?;
        match (words.next(), words.next()) {
            (None, _) => Some(Self { octets, is_last: false }),
            (Some(last), None) if last.eq_ignore_ascii_case("LAST") => {
                Some(Self { octets, is_last: true })
            }
            _ => None,
        }
    }
}

/// Puts chunks together.
#[derive(Debug)]
pub struct Assembly {
    octets: Vec<u8>,
    octets_max: usize,
    newlines: BareNewlines,
    error: Option<DataError>,
}

impl Assembly {
    /// An assembly of at most `octets_max` octets.
    pub fn new(octets_max: usize, newlines: BareNewlines) -> Self {
        Self { octets: Vec::new(), octets_max, newlines, error: None }
    }

    /// How many octets of memory the content takes so far.
    pub fn memory(&self) -> usize {
        self.octets.capacity()
    }

    /// Refuses the content, and keeps no more of it.
    pub fn give_up(&mut self, error: DataError) {
        self.error.get_or_insert(error);
        self.octets = Vec::new();
    }

    /// Takes octets of a chunk. What is too much is dropped.
    pub fn take(&mut self, octets: &[u8]) {
        if self.error.is_none()
            && let Err(error) = keep_within(&mut self.octets, octets, self.octets_max)
        {
            self.error = Some(error);
            self.octets = Vec::new();
        }
    }

    /// What is wrong so far.
    pub fn error(&self) -> Option<DataError> {
        self.error
    }

    /// The content, or what is wrong with it. Content that `is_binary` may have any octets
    /// behind its header; else CR and LF stand together and there is no NUL, as in DATA.
    pub fn finish(mut self, is_binary: bool) -> Result<Vec<u8>, DataError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let header_end = memmem::find(&self.octets, b"\r\n\r\n").map(|at| at + 4);
        // The header may be sent on in a notification, which is no binary content.
        let checked = header_end.filter(|_| is_binary).unwrap_or(self.octets.len());
        match (check_line_ends(&self.octets[..checked]), self.newlines) {
            (Ok(()), _) => {}
            (Err(_), BareNewlines::Repair) if !is_binary => self.octets = repair(&self.octets),
            (Err(error), _) => return Err(error),
        }
        match self.octets.len() > self.octets_max {
            true => Err(DataError::TooLarge),
            false => Ok(self.octets),
        }
    }
}

/// RFC 5321 §2.3.8: CR and LF stand together. NUL is for binary content.
pub(super) fn check_line_ends(octets: &[u8]) -> Result<(), DataError> {
    for at in memchr3_iter(b'\r', b'\n', 0, octets) {
        match octets[at] {
            b'\n' if at == 0 || octets[at - 1] != b'\r' => return Err(DataError::BareLineFeed),
            b'\r' if octets.get(at + 1) != Some(&b'\n') => {
                return Err(DataError::BareCarriageReturn);
            }
            0 => return Err(DataError::Nul),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
