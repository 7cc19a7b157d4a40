//! Targets in as few octets as possible: raw deflate (RFC 1951) that starts with a
//! dictionary of what URLs in mail are made of. The dictionary is frozen: a token of
//! today must open in ten years. Another one would get another number in the flags.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// The dictionary with the number 1.
const DICTIONARY_1: &[u8] = include_bytes!("dictionary_1.txt");

/// Shorter targets, pixels among them, stay as they are.
const TARGET_OCTETS_MIN: usize = 8;

pub(super) struct Deflater {
    state: Compress,
}

impl Deflater {
    pub(super) fn new() -> Self {
        Self { state: Compress::new_with_window_bits(Compression::best(), false, 12) }
    }

    /// Appends `target` to `out` in compressed form. False, with anything in `out`,
    /// unless that form is shorter.
    pub(super) fn append(&mut self, target: &[u8], out: &mut Vec<u8>) -> bool {
        // Nothing so short gets shorter, and a reset costs more than a seal.
        if target.len() < TARGET_OCTETS_MIN {
            return false;
        }
        self.state.reset();
        if self.state.set_dictionary(DICTIONARY_1).is_err() {
            return false;
        }
        // Output stops where it would be as long as the input.
        out.reserve_exact(target.len());
        let room = target.len().saturating_sub(1);
        let start = out.len();
        out.resize(start + room, 0);
        let status = self.state.compress(target, &mut out[start..], FlushCompress::Finish);
        let written = usize::try_from(self.state.total_out()).unwrap_or(room);
        out.truncate(start + written);
        matches!(status, Ok(Status::StreamEnd))
    }
}

pub(super) struct Inflater {
    state: Decompress,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self { state: Decompress::new(false) }
    }

    /// The octets whose compressed form is `deflated`; `None` where it is none, or
    /// would give more than `octets_max`.
    pub(super) fn inflate(&mut self, deflated: &[u8], octets_max: usize) -> Option<Vec<u8>> {
        self.state.reset(false);
        self.state.set_dictionary(DICTIONARY_1).ok()?;
        // A URL seldom shrinks to less than a quarter; the buffer grows for the rest.
        let mut octets = Vec::with_capacity((deflated.len() * 4).clamp(64, octets_max));
        loop {
            let consumed = usize::try_from(self.state.total_in()).ok()?;
            let status = self.state.decompress_vec(
                deflated.get(consumed..)?,
                &mut octets,
                FlushDecompress::Finish,
            );
            match status.ok()? {
                Status::StreamEnd => return Some(octets),
                Status::Ok | Status::BufError if octets.len() == octets.capacity() => {
                    let room = octets_max.checked_sub(octets.len()).filter(|room| *room > 0)?;
                    octets.reserve_exact(room.min(octets.len()));
                }
                Status::Ok | Status::BufError => return None,
            }
        }
    }
}
