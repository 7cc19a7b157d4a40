//! Records, the form of events in a segment:
//!
//! ```text
//! length u32 | crc32c u32 | commit u64 | body, padded with zeros to 8 octets
//! ```
//!
//! Numbers are little-endian. `length` counts the body without padding and is never 0,
//! so that the zeros ahead of the log's end are no record. `commit` is the position at
//! which the commit begins that the record was written with: it grows from commit to
//! commit, and tells recovery whether damage lies in front of a later commit. The
//! checksum is over the padded body, then length and commit; in this order the part that
//! costs can be done before the commit is known.

/// Octets in front of a body.
pub(super) const HEADER_BYTES: usize = 16;

/// Records begin at multiples of this.
pub(super) const ALIGNMENT: usize = 8;

/// Largest body. Events are some hundred octets; the limit keeps a damaged length from
/// being believed.
pub(super) const BODY_BYTES_MAX: usize = 1 << 20;

/// Octets of a record with a body of `body_bytes`.
pub(super) fn record_bytes(body_bytes: usize) -> usize {
    HEADER_BYTES + body_bytes.next_multiple_of(ALIGNMENT)
}

/// A record as it stands in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The position at which the record's commit begins.
    pub(super) commit: u64,
    /// The body without padding.
    pub(super) body: &'a [u8],
}

impl Record<'_> {
    /// Octets that the record takes, header and padding included.
    pub(super) fn bytes(&self) -> usize {
        record_bytes(self.body.len())
    }
}

/// Appends a record to `frames`, with the body that `write_body` appends: 1 to
/// `BODY_BYTES_MAX` octets. It is complete but for its commit, which `stamp` sets. A body
/// that is larger is taken away again; the error is its size.
pub(super) fn frame(
    frames: &mut Vec<u8>,
    write_body: impl FnOnce(&mut Vec<u8>),
) -> Result<(), usize> {
    let start = frames.len();
    frames.extend_from_slice(&[0; HEADER_BYTES]);
    write_body(frames);
    let body_bytes = frames.len() - start - HEADER_BYTES;
    debug_assert_ne!(body_bytes, 0, "a length of 0 is no record");
    if body_bytes > BODY_BYTES_MAX {
        frames.truncate(start);
        return Err(body_bytes);
    }
    frames.resize(start + record_bytes(body_bytes), 0);
    let length = u32::try_from(body_bytes).expect("a body is at most BODY_BYTES_MAX octets");
    let of_body = crc32c::crc32c(&frames[start + HEADER_BYTES..]);
    frames[start..start + 4].copy_from_slice(&length.to_le_bytes());
    frames[start + 4..start + 8].copy_from_slice(&of_body.to_le_bytes());
    Ok(())
}

/// Sets the commit of all records in `frames`, which `frame` wrote, and completes their
/// checksums.
pub(super) fn stamp(mut frames: &mut [u8], commit: u64) {
    while let Some((header, rest)) = frames.split_first_chunk_mut::<HEADER_BYTES>() {
        let length = u32_at(header, 0);
        let of_body = u32_at(header, 4);
        header[8..].copy_from_slice(&commit.to_le_bytes());
        header[4..8].copy_from_slice(&checksum(of_body, length, commit).to_le_bytes());
        frames = &mut rest[(length as usize).next_multiple_of(ALIGNMENT)..];
    }
}

/// Octets of the record at the beginning of `octets`, if its header can be one at this
/// place; whether it is, only the checksum tells.
pub(super) fn plausible_bytes(octets: &[u8], position: u64, base: u64) -> Option<usize> {
    let header = octets.first_chunk::<HEADER_BYTES>()?;
    let body_bytes = u32_at(header, 0) as usize;
    let is_plausible = (1..=BODY_BYTES_MAX).contains(&body_bytes)
        && (base..=position).contains(&u64_at(header, 8));
    is_plausible.then(|| record_bytes(body_bytes))
}

/// Reads the record at the beginning of `octets`, which lies at `position` of the log in
/// the segment that begins at `base`. Gives none where there is no whole, sound record.
pub(super) fn parse(octets: &[u8], position: u64, base: u64) -> Option<Record<'_>> {
    let bytes = plausible_bytes(octets, position, base)?;
    let (header, padded) = octets.get(..bytes)?.split_first_chunk::<HEADER_BYTES>()?;
    let (length, commit) = (u32_at(header, 0), u64_at(header, 8));
    let is_sound = checksum(crc32c::crc32c(padded), length, commit) == u32_at(header, 4);
    is_sound.then(|| Record { commit, body: &padded[..length as usize] })
}

fn checksum(of_body: u32, length: u32, commit: u64) -> u32 {
    let with_length = crc32c::crc32c_append(of_body, &length.to_le_bytes());
    crc32c::crc32c_append(with_length, &commit.to_le_bytes())
}

fn u32_at(header: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

fn u64_at(header: &[u8; HEADER_BYTES], at: usize) -> u64 {
    u64::from(u32_at(header, at)) | u64::from(u32_at(header, at + 4)) << 32
}

#[cfg(test)]
mod tests;
