//! Octets come in as they are read, whole lines go out. A line that is too long is passed over
//! as a whole, and told.

use tracking::delivery::Format;

/// A line that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Octets of it.
    pub octets: u64,
    /// How many there may be.
    pub octets_max: usize,
}

/// Lines of a file or pipe, of which the last one may be unfinished.
#[derive(Debug)]
pub struct LineBuffer {
    octets_max: usize,
    /// The unfinished line, as far as it is no longer than a line may be.
    unfinished: Vec<u8>,
    /// Octets of it, with those that were passed over.
    octets: u64,
}

impl LineBuffer {
    /// One for lines of a format, of at most so many octets where it has no limit of its own.
    pub fn new(format: Format, line_octets_max: usize) -> Self {
        let octets_max = format.line_octets_max(line_octets_max);
        Self { octets_max, unfinished: Vec::new(), octets: 0 }
    }

    /// Takes octets, and gives each line that is whole with them, without its end.
    pub fn push(&mut self, mut octets: &[u8], mut take: impl FnMut(Result<&[u8], Torn>)) {
        while let Some(end) = memchr::memchr(b'\n', octets) {
            let (line, rest) = octets.split_at(end);
            if self.octets == 0 {
                take(within(line, line.len() as u64, self.octets_max));
            } else {
                self.keep(line);
                take(self.whole());
                self.clear();
            }
            octets = &rest[1..];
        }
        self.keep(octets);
    }

    /// The last line, where the file ends without a line end.
    pub fn end(&mut self, take: impl FnOnce(Result<&[u8], Torn>)) {
        if self.octets > 0 {
            take(self.whole());
            self.clear();
        }
    }

    /// Octets of the unfinished line.
    pub fn unfinished(&self) -> u64 {
        self.octets
    }

    /// Forgets the unfinished line.
    pub fn clear(&mut self) {
        self.unfinished.clear();
        self.octets = 0;
    }

    fn keep(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        let room = (self.octets_max + 1).saturating_sub(self.unfinished.len());
        self.unfinished.extend_from_slice(&octets[..octets.len().min(room)]);
    }

    fn whole(&self) -> Result<&[u8], Torn> {
        within(&self.unfinished, self.octets, self.octets_max)
    }
}

fn within(line: &[u8], octets: u64, octets_max: usize) -> Result<&[u8], Torn> {
    if line.len() > octets_max { Err(Torn { octets, octets_max }) } else { Ok(line) }
}

#[cfg(test)]
mod tests;
