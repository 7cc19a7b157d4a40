//! Targets in as few octets as possible: raw deflate (RFC 1951) that starts with a
//! dictionary of what URLs in mail are made of. The dictionary is frozen: a token of
//! today must open in ten years. Another one would get another number in the flags.
//!
//! Inflating is zlib's. Deflating is ours: a URL is one block with the fixed codes,
//! and a general compressor spends twenty times the work of that on its own state.

mod bits;

use bits::BitWriter;
use flate2::{Decompress, FlushDecompress, Status};

/// The dictionary with the number 1.
const DICTIONARY_1: &[u8; 2_318] = include_bytes!("dictionary_1.txt");

/// Shorter targets, pixels among them, stay as they are: nothing so short gets shorter.
const TARGET_OCTETS_MIN: usize = 8;

/// RFC 1951 §3.2.5: a match repeats 3 to 258 octets.
const MATCH_OCTETS_MIN: usize = 3;
const MATCH_OCTETS_MAX: usize = 258;

/// From this distance on, a match of three octets costs as much as three literals.
const SHORT_MATCH_DISTANCE_MAX: usize = 4_096;

/// Candidates that are compared before the best of them is taken.
const CANDIDATES_MAX: usize = 48;

const BUCKETS: usize = 2_048;

/// No position.
const NONE: u16 = u16::MAX;

/// Where the dictionary's octets begin with what, made by the compiler: the newest
/// place for each hash of three octets, and for each place the one before it.
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
            let bucket = bucket(DICTIONARY_1, at);
            index.before[at] = index.newest[bucket];
            #[expect(clippy::cast_possible_truncation, reason = "the dictionary has 2,318 octets")]
            let place = at as u16;
            index.newest[bucket] = place;
            at += 1;
        }
        index
    }
}

const fn bucket(octets: &[u8], at: usize) -> usize {
    let three = (octets[at] as u32) << 16 | (octets[at + 1] as u32) << 8 | octets[at + 2] as u32;
    (three.wrapping_mul(0x9E37_79B1) >> 21) as usize
}

/// A repetition of earlier octets; `distance` counts back from where it stands.
#[derive(Debug, Clone, Copy, Default)]
struct Match {
    octets: usize,
    distance: usize,
}

/// Appends `target` to `out` in compressed form. False, and `out` as it was, unless
/// that form is shorter. `target` has fewer octets than 2^15, the window of deflate.
pub(super) fn deflate(target: &[u8], out: &mut Vec<u8>) -> bool {
    if target.len() < TARGET_OCTETS_MIN {
        return false;
    }
    let start = out.len();
    let mut finder = MatchFinder::new(target);
    let mut block = BitWriter::begin_block(out);
    let mut at = 0;
    let mut found = finder.longest(0);
    while at < target.len() {
        let next = finder.longest(at + 1);
        // A longer match one octet on is worth the literal before it (lazy matching).
        if found.octets < MATCH_OCTETS_MIN || next.octets > found.octets + 1 {
            block.literal(target[at]);
            at += 1;
            found = next;
        } else {
            block.repeat(found.octets, found.distance);
            at += found.octets;
            finder.skip_to(at);
            found = finder.longest(at);
        }
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
    newest: [u16; BUCKETS / 4],
    before: Vec<u16>,
    indexed: usize,
}

impl<'t> MatchFinder<'t> {
    fn new(target: &'t [u8]) -> Self {
        let before = vec![NONE; target.len()];
        Self { target, newest: [NONE; BUCKETS / 4], before, indexed: 0 }
    }

    /// The longest match for what stands at `at`; of no octets where there is none.
    fn longest(&mut self, at: usize) -> Match {
        self.skip_to(at);
        let mut best = Match { octets: MATCH_OCTETS_MIN - 1, distance: 0 };
        if at + MATCH_OCTETS_MIN > self.target.len() {
            return Match::default();
        }
        let (target, bucket) = (self.target, bucket(self.target, at));
        let mut place = self.newest[bucket / 4];
        for _ in 0..CANDIDATES_MAX {
            let Some(from) = target.get(usize::from(place)..).filter(|_| place != NONE) else {
                break;
            };
            better(&mut best, common(from, &target[at..]), at - usize::from(place));
            place = self.before[usize::from(place)];
        }
        place = DICTIONARY_INDEX.newest[bucket];
        for _ in 0..CANDIDATES_MAX {
            let Some(from) = DICTIONARY_1.get(usize::from(place)..) else { break };
            let distance = at + DICTIONARY_1.len() - usize::from(place);
            better(&mut best, common(from, &target[at..]), distance);
            place = DICTIONARY_INDEX.before[usize::from(place)];
        }
        if best.distance == 0 { Match::default() } else { best }
    }

    /// Makes all that stands before `at` known as a place to repeat from.
    fn skip_to(&mut self, at: usize) {
        while self.indexed < at && self.indexed + MATCH_OCTETS_MIN <= self.target.len() {
            let bucket = bucket(self.target, self.indexed) / 4;
            self.before[self.indexed] = self.newest[bucket];
            self.newest[bucket] = u16::try_from(self.indexed).unwrap_or(NONE);
            self.indexed += 1;
        }
    }
}

fn better(best: &mut Match, octets: usize, distance: usize) {
    let pays = octets > MATCH_OCTETS_MIN || distance <= SHORT_MATCH_DISTANCE_MAX;
    if octets > best.octets && pays {
        *best = Match { octets, distance };
    }
}

/// How many octets two texts have in common at their starts.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take(MATCH_OCTETS_MAX).take_while(|(a, b)| a == b).count()
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

#[cfg(test)]
mod tests;
