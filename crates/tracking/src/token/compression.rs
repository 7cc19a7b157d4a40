//! Targets in as few octets as possible: raw deflate (RFC 1951) that starts with a
//! dictionary of what URLs in mail are made of. The dictionary is frozen: a token of
//! today must open in ten years. Another one would get another number in the flags.
//!
//! Inflating is zlib's. Deflating is ours: a URL is one block with the fixed codes,
//! and a general compressor spends twenty times the work of that on its own state.

mod bits;

use super::{TARGET_OCTETS_MAX, memory::Memory};
use bits::BitWriter;
use flate2::{Decompress, FlushDecompress, Status};

/// The dictionary with the number 1.
const DICTIONARY_1: &[u8; 2_318] = include_bytes!("dictionary_1.txt");

/// Shorter targets, pixels among them, stay as they are: nothing so short gets shorter.
const TARGET_OCTETS_MIN: usize = 8;

/// RFC 1951 §3.2.5: a match repeats 3 to 258 octets. One of 3 is seldom shorter than
/// what it stands for, so none is looked for.
const MATCH_OCTETS_MIN: usize = 4;
const MATCH_OCTETS_MAX: usize = 258;

/// A match this long is taken without a look for a longer one.
const MATCH_OCTETS_GOOD: usize = 16;

/// Candidates in the dictionary that are compared before the best of them is taken.
const CANDIDATES_MAX: usize = 12;

const BUCKETS: usize = 2_048;

/// Buckets for what went before in the target.
const RECENT_BUCKETS: usize = 256;

/// No position.
const NONE: u16 = u16::MAX;

/// Where the dictionary's octets begin with what, made by the compiler: the newest
/// place for each hash of four octets, and for each place the one before it.
static DICTIONARY_INDEX: DictionaryIndex = DictionaryIndex::new();

struct DictionaryIndex {
    newest: [u16; BUCKETS],
    before: [u16; DICTIONARY_1.len()],
}

impl DictionaryIndex {
    const fn new() -> Self {
        let mut index = Self { newest: [NONE; BUCKETS], before: [NONE; DICTIONARY_1.len()] };
        let mut at = 0;
        while at + MATCH_OCTETS_MIN <= DICTIONARY_1.len() {
            let four = [
                DICTIONARY_1[at],
                DICTIONARY_1[at + 1],
                DICTIONARY_1[at + 2],
                DICTIONARY_1[at + 3],
            ];
            let bucket = bucket(u32::from_le_bytes(four));
            index.before[at] = index.newest[bucket];
            #[expect(clippy::cast_possible_truncation, reason = "the dictionary has 2,318 octets")]
            let place = at as u16;
            index.newest[bucket] = place;
            at += 1;
        }
        index
    }
}

/// The bucket for four octets.
const fn bucket(four: u32) -> usize {
    (four.wrapping_mul(0x9E37_79B1) >> 21) as usize
}

/// The four octets that stand here, as one number.
fn four(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

/// A repetition of earlier octets; `distance` counts back from where it stands.
#[derive(Debug, Clone, Copy, Default)]
struct Match {
    octets: usize,
    distance: usize,
}

/// Compresses targets, and remembers what came of them.
#[derive(Debug, Default)]
pub(super) struct Compressor {
    memory: Memory,
}

impl Compressor {
    /// As `deflate`, which is asked where it was not asked of late.
    pub(super) fn deflate(&mut self, target: &[u8], out: &mut Vec<u8>) -> bool {
        if let Some(deflated) = self.memory.recall(target) {
            out.extend_from_slice(deflated);
            // What does not get shorter became nothing.
            return !deflated.is_empty();
        }
        let start = out.len();
        let is_shorter = deflate(target, out);
        self.memory.keep(target, &out[start..]);
        is_shorter
    }
}

/// Appends `target` to `out` in compressed form. False, and `out` as it was, unless
/// that form is shorter. `target` has fewer octets than 2^15, the window of deflate.
fn deflate(target: &[u8], out: &mut Vec<u8>) -> bool {
    if target.len() < TARGET_OCTETS_MIN {
        return false;
    }
    let start = out.len();
    let mut finder = MatchFinder::new(target);
    let mut block = BitWriter::begin_block(out);
    let mut at = 0;
    let mut found = finder.longest(0);
    while at < target.len() {
        if found.octets == 0 {
            block.literal(target[at]);
            at += 1;
            found = finder.longest(at);
            continue;
        }
        if found.octets < MATCH_OCTETS_GOOD {
            // A longer match one octet on is worth the literal before it (lazy matching).
            let next = finder.longest(at + 1);
            if next.octets > found.octets + 1 {
                block.literal(target[at]);
                at += 1;
                found = next;
                continue;
            }
        }
        block.repeat(found.octets, found.distance);
        at += found.octets;
        found = finder.longest(at);
    }
    block.end();
    let is_shorter = out.len() - start < target.len();
    if !is_shorter {
        out.truncate(start);
    }
    is_shorter
}

/// Finds repetitions in the dictionary and in what went before in the target.
struct MatchFinder<'t> {
    target: &'t [u8],
    /// The newest place in the target for each hash of four octets.
    recent: [u16; RECENT_BUCKETS],
    indexed: usize,
}

impl<'t> MatchFinder<'t> {
    fn new(target: &'t [u8]) -> Self {
        Self { target, recent: [NONE; RECENT_BUCKETS], indexed: 0 }
    }

    /// A long match for what stands at `at`; of no octets where there is none.
    fn longest(&mut self, at: usize) -> Match {
        self.index_before(at);
        let Some(wanted) = four(self.target, at) else { return Match::default() };
        let (ahead, bucket) = (&self.target[at..], bucket(wanted));
        let mut best = Match::default();
        let place = usize::from(self.recent[bucket % RECENT_BUCKETS]);
        if four(self.target, place) == Some(wanted) {
            best = Match { octets: common(&self.target[place..], ahead), distance: at - place };
        }
        let mut place = DICTIONARY_INDEX.newest[bucket];
        for _ in 0..CANDIDATES_MAX {
            let from = usize::from(place);
            let Some(candidate) = DICTIONARY_1.get(from..) else { break };
            // Only one that goes on like this can be longer than the best.
            if candidate.get(best.octets) == ahead.get(best.octets) {
                let octets = common(candidate, ahead);
                if octets >= MATCH_OCTETS_MIN && octets > best.octets {
                    best = Match { octets, distance: at + DICTIONARY_1.len() - from };
                }
            }
            place = DICTIONARY_INDEX.before[from];
        }
        best
    }

    /// Makes all that stands before `at` known as a place to repeat from.
    fn index_before(&mut self, at: usize) {
        while self.indexed < at {
            let Some(four) = four(self.target, self.indexed) else { break };
            let place = u16::try_from(self.indexed).unwrap_or(NONE);
            self.recent[bucket(four) % RECENT_BUCKETS] = place;
            self.indexed += 1;
        }
    }
}

/// How many octets two texts have in common at their starts.
fn common(a: &[u8], b: &[u8]) -> usize {
    let len = a.len().min(b.len()).min(MATCH_OCTETS_MAX);
    let (a, b) = (&a[..len], &b[..len]);
    let (a_words, a_rest) = a.as_chunks::<8>();
    let (b_words, b_rest) = b.as_chunks::<8>();
    for (at, (a, b)) in a_words.iter().zip(b_words).enumerate() {
        let difference = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if difference != 0 {
            return at * 8 + difference.trailing_zeros() as usize / 8;
        }
    }
    let same = a_rest.iter().zip(b_rest).take_while(|(a, b)| a == b).count();
    a_words.len() * 8 + same
}

/// Uncompresses targets, and remembers what came of them.
pub(super) struct Uncompressor {
    inflater: Inflater,
    memory: Memory,
}

impl Uncompressor {
    pub(super) fn new() -> Self {
        Self { inflater: Inflater::new(), memory: Memory::default() }
    }

    /// The target whose compressed form is `deflated`; `None` where it is none, or would give
    /// more than a target may have.
    pub(super) fn inflate(&mut self, deflated: &[u8]) -> Option<Vec<u8>> {
        if let Some(target) = self.memory.recall(deflated) {
            return Some(target.to_vec());
        }
        let target = self.inflater.inflate(deflated, TARGET_OCTETS_MAX)?;
        self.memory.keep(deflated, &target);
        Some(target)
    }
}

struct Inflater {
    state: Decompress,
}

impl Inflater {
    fn new() -> Self {
        Self { state: Decompress::new(false) }
    }

    /// The octets whose compressed form is `deflated`; `None` where it is none, or
    /// would give more than `octets_max`.
    fn inflate(&mut self, deflated: &[u8], octets_max: usize) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests;
