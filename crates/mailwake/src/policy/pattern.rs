//! Patterns of Lua 5.1 (reference manual §5.4.1), matched within a budget of steps. A
//! subject and a pattern come in, places in the subject go out. Lua's own matcher works in
//! C, where nobody can stop it, and there are patterns that keep it busy for years.

use super::meter::Meter;

#[cfg(test)]
mod tests;

/// Most captures of one pattern.
const CAPTURES_MAX: usize = 32;

/// Deepest nesting of a match.
const DEPTH_MAX: usize = 200;

/// What a match found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it begins.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// Its captures, in order; none where the pattern has none.
    pub(super) captures: Vec<Captured>,
}

/// What a capture holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Captured {
    /// The octets from here to there.
    Range(usize, usize),
    /// `()`: a place.
    Position(usize),
}

/// Why a pattern is not matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatternError {
    #[error("malformed pattern (ends with '%')")]
    EndsWithEscape,
    #[error("malformed pattern (missing ']')")]
    MissingBracket,
    #[error("missing '[' after '%f' in pattern")]
    FrontierWithoutSet,
    #[error("unbalanced pattern")]
    Unbalanced,
    #[error("invalid pattern capture")]
    NoOpenCapture,
    #[error("invalid capture index")]
    NoSuchCapture,
    #[error("unfinished capture")]
    UnfinishedCapture,
    #[error("too many captures")]
    TooManyCaptures,
    #[error("pattern too complex")]
    TooDeep,
    #[error("a pattern took more than instructions_max")]
    Exhausted,
}

type Place = Result<Option<usize>, PatternError>;

/// Finds the first match at `from` or behind it. An anchor at the start of the pattern is
/// one where `has_anchor`, and else a character.
pub(super) fn find(
    subject: &[u8],
    pattern: &[u8],
    from: usize,
    has_anchor: bool,
    meter: &Meter,
) -> Result<Option<Found>, PatternError> {
    let is_anchored = has_anchor && pattern.first() == Some(&b'^');
    let pattern = if is_anchored { &pattern[1..] } else { pattern };
    let mut matcher = Matcher { subject, pattern, captures: Vec::new(), depth: 0, meter };
    for start in from..=subject.len() {
        matcher.captures.clear();
        matcher.depth = 0;
        if let Some(end) = matcher.match_at(start, 0)? {
            let captures = matcher.captures.iter().map(Capture::captured);
            return Ok(Some(Found { start, end, captures: captures.collect::<Result<_, _>>()? }));
        }
        if is_anchored {
            break;
        }
    }
    Ok(None)
}

/// Has the text a character that means something in a pattern?
pub(super) fn has_specials(pattern: &[u8]) -> bool {
    pattern.iter().any(|octet| b"^$*+?.([%-".contains(octet))
}

#[derive(Debug, Clone, Copy)]
struct Capture {
    start: usize,
    len: Length,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Octets(usize),
    Unfinished,
    Position,
}

impl Capture {
    fn captured(&self) -> Result<Captured, PatternError> {
        match self.len {
            Length::Octets(len) => Ok(Captured::Range(self.start, self.start + len)),
            Length::Position => Ok(Captured::Position(self.start)),
            Length::Unfinished => Err(PatternError::UnfinishedCapture),
        }
    }
}

struct Matcher<'m> {
    subject: &'m [u8],
    pattern: &'m [u8],
    captures: Vec<Capture>,
    depth: usize,
    meter: &'m Meter,
}

impl Matcher<'_> {
    /// The octet of the pattern, 0 at its end, which is where a NUL is, too.
    fn pattern_at(&self, at: usize) -> u8 {
        self.pattern.get(at).copied().unwrap_or(0)
    }

    fn spend(&self, steps: usize) -> Result<(), PatternError> {
        match self.meter.spend(steps as u64) {
            true => Ok(()),
            false => Err(PatternError::Exhausted),
        }
    }

    /// Where a match of the pattern from `p` on ends that begins at `s`.
    fn match_at(&mut self, s: usize, p: usize) -> Place {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(PatternError::TooDeep);
        }
        let end = self.match_items(s, p)?;
        self.depth -= 1;
        Ok(end)
    }

    /// Items that are matched once each go on in the loop, without a deeper call.
    fn match_items(&mut self, mut s: usize, mut p: usize) -> Place {
        loop {
            self.spend(1)?;
            match (self.pattern_at(p), self.pattern_at(p + 1)) {
                (0, _) => return Ok(Some(s)),
                (b'(', b')') => return self.start_capture(s, p + 2, Length::Position),
                (b'(', _) => return self.start_capture(s, p + 1, Length::Unfinished),
                (b')', _) => return self.end_capture(s, p + 1),
                (b'$', 0) => return Ok((s == self.subject.len()).then_some(s)),
                (b'%', b'b') => {
                    let Some(end) = self.match_balance(s, p + 2)? else { return Ok(None) };
                    (s, p) = (end, p + 4);
                }
                (b'%', b'f') => {
                    let Some(behind) = self.match_frontier(s, p + 2)? else { return Ok(None) };
                    p = behind;
                }
                (b'%', digit @ b'0'..=b'9') => {
                    let Some(end) = self.match_capture(s, digit)? else { return Ok(None) };
                    (s, p) = (end, p + 2);
                }
                _ => {
                    let behind = self.class_end(p)?;
                    match self.pattern_at(behind) {
                        b'?' => {
                            if self.is_single(s, p, behind)?
                                && let Some(end) = self.match_at(s + 1, behind + 1)?
                            {
                                return Ok(Some(end));
                            }
                            p = behind + 1;
                        }
                        b'*' => return self.max_expand(s, p, behind),
                        b'+' if self.is_single(s, p, behind)? => {
                            return self.max_expand(s + 1, p, behind);
                        }
                        b'+' => return Ok(None),
                        b'-' => return self.min_expand(s, p, behind),
                        _ if self.is_single(s, p, behind)? => (s, p) = (s + 1, behind),
                        _ => return Ok(None),
                    }
                }
            }
        }
    }

    fn start_capture(&mut self, start: usize, p: usize, len: Length) -> Place {
        if self.captures.len() >= CAPTURES_MAX {
            return Err(PatternError::TooManyCaptures);
        }
        self.captures.push(Capture { start, len });
        let end = self.match_at(start, p)?;
        if end.is_none() {
            self.captures.pop();
        }
        Ok(end)
    }

    fn end_capture(&mut self, s: usize, p: usize) -> Place {
        let is_open = |capture: &Capture| capture.len == Length::Unfinished;
        let open = self.captures.iter().rposition(is_open).ok_or(PatternError::NoOpenCapture)?;
        self.captures[open].len = Length::Octets(s - self.captures[open].start);
        let end = self.match_at(s, p)?;
        if end.is_none() {
            self.captures[open].len = Length::Unfinished;
        }
        Ok(end)
    }

    /// `%1`: what a capture holds, once more.
    fn match_capture(&self, s: usize, digit: u8) -> Place {
        let index = usize::from(digit).checked_sub(usize::from(b'1'));
        let capture = index.and_then(|index| self.captures.get(index));
        match capture.ok_or(PatternError::NoSuchCapture)? {
            Capture { len: Length::Unfinished, .. } => Err(PatternError::NoSuchCapture),
            Capture { len: Length::Position, .. } => Ok(None),
            Capture { start, len: Length::Octets(len) } => {
                self.spend(len / 16)?;
                let again = self.subject.get(s..s + len);
                Ok((again == Some(&self.subject[*start..start + len])).then_some(s + len))
            }
        }
    }

    /// `%bxy`: from x to the y that closes it.
    fn match_balance(&self, s: usize, p: usize) -> Place {
        let (open, close) = (self.pattern_at(p), self.pattern_at(p + 1));
        if open == 0 || close == 0 {
            return Err(PatternError::Unbalanced);
        }
        if self.subject.get(s) != Some(&open) {
            return Ok(None);
        }
        let mut level = 1;
        for at in s + 1..self.subject.len() {
            self.spend(1)?;
            let octet = self.subject[at];
            if octet == close {
                level -= 1;
                if level == 0 {
                    return Ok(Some(at + 1));
                }
            } else if octet == open {
                level += 1;
            }
        }
        Ok(None)
    }

    /// `%f[set]`: gives where the pattern goes on, if here is a place where the set begins.
    fn match_frontier(&self, s: usize, p: usize) -> Place {
        if self.pattern_at(p) != b'[' {
            return Err(PatternError::FrontierWithoutSet);
        }
        let behind = self.class_end(p)?;
        let before = s.checked_sub(1).map_or(0, |before| self.subject[before]);
        let here = self.subject.get(s).copied().unwrap_or(0);
        let is_frontier =
            !self.is_in_set(before, p, behind - 1)? && self.is_in_set(here, p, behind - 1)?;
        Ok(is_frontier.then_some(behind))
    }

    fn max_expand(&mut self, s: usize, p: usize, behind: usize) -> Place {
        let mut times = 0;
        while self.is_single(s + times, p, behind)? {
            times += 1;
        }
        loop {
            if let Some(end) = self.match_at(s + times, behind + 1)? {
                return Ok(Some(end));
            }
            match times.checked_sub(1) {
                Some(fewer) => times = fewer,
                None => return Ok(None),
            }
        }
    }

    fn min_expand(&mut self, mut s: usize, p: usize, behind: usize) -> Place {
        loop {
            if let Some(end) = self.match_at(s, behind + 1)? {
                return Ok(Some(end));
            }
            if !self.is_single(s, p, behind)? {
                return Ok(None);
            }
            s += 1;
        }
    }

    /// Where the class that begins at `p` ends.
    fn class_end(&self, p: usize) -> Result<usize, PatternError> {
        match self.pattern_at(p) {
            b'%' if self.pattern_at(p + 1) == 0 => Err(PatternError::EndsWithEscape),
            b'%' => Ok(p + 2),
            b'[' => {
                let mut at = p + 1;
                if self.pattern_at(at) == b'^' {
                    at += 1;
                }
                loop {
                    let octet = self.pattern_at(at);
                    if octet == 0 {
                        return Err(PatternError::MissingBracket);
                    }
                    at += 1;
                    if octet == b'%' && self.pattern_at(at) != 0 {
                        at += 1;
                    }
                    if self.pattern_at(at) == b']' {
                        self.spend((at - p) / 8)?;
                        return Ok(at + 1);
                    }
                }
            }
            _ => Ok(p + 1),
        }
    }

    /// Does the class between `p` and `behind` take the octet at `s`?
    fn is_single(&self, s: usize, p: usize, behind: usize) -> Result<bool, PatternError> {
        self.spend(1)?;
        let Some(octet) = self.subject.get(s).copied() else { return Ok(false) };
        Ok(match self.pattern_at(p) {
            b'.' => true,
            b'%' => is_of_class(octet, self.pattern_at(p + 1)),
            b'[' => return self.is_in_set(octet, p, behind - 1),
            literal => literal == octet,
        })
    }

    /// Is the octet in the set from `[` at `p` to `]` at `last`?
    fn is_in_set(&self, octet: u8, mut p: usize, last: usize) -> Result<bool, PatternError> {
        self.spend((last - p) / 8)?;
        let is_negated = self.pattern_at(p + 1) == b'^';
        p += usize::from(is_negated) + 1;
        while p < last {
            let first = self.pattern_at(p);
            if first == b'%' {
                p += 1;
                if is_of_class(octet, self.pattern_at(p)) {
                    return Ok(!is_negated);
                }
            } else if self.pattern_at(p + 1) == b'-' && p + 2 < last {
                p += 2;
                if (first..=self.pattern_at(p)).contains(&octet) {
                    return Ok(!is_negated);
                }
            } else if first == octet {
                return Ok(!is_negated);
            }
            p += 1;
        }
        Ok(is_negated)
    }
}

/// `%a` and the like; of capital letters the opposite.
fn is_of_class(octet: u8, class: u8) -> bool {
    let is = match class.to_ascii_lowercase() {
        b'a' => octet.is_ascii_alphabetic(),
        b'c' => octet.is_ascii_control(),
        b'd' => octet.is_ascii_digit(),
        b'g' => octet.is_ascii_graphic(),
        b'l' => octet.is_ascii_lowercase(),
        b'p' => octet.is_ascii_punctuation(),
        b's' => octet.is_ascii_whitespace() || octet == 0x0b,
        b'u' => octet.is_ascii_uppercase(),
        b'w' => octet.is_ascii_alphanumeric(),
        b'x' => octet.is_ascii_hexdigit(),
        b'z' => octet == 0,
        _ => return class == octet,
    };
    is != class.is_ascii_uppercase()
}
