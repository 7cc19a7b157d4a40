//! Many patterns looked for in one pass over a text.

use super::subject::normal;
use aho_corasick::{AhoCorasick, BuildError};

/// Patterns, each with the rule that it belongs to.
#[derive(Debug)]
pub(super) struct Patterns {
    /// Finds the longest word of each pattern.
    words: AhoCorasick,
    /// By the number of the word.
    patterns: Vec<(Pattern, usize)>,
}

/// What has to stand in a text. `|` in it stands for anything, also nothing, as in the rules of
/// Momentum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    segments: Vec<String>,
}

impl Pattern {
    /// The pattern of this text; `None` for one without a letter or digit, which would stand in
    /// too many.
    pub(super) fn new(text: &str) -> Option<Self> {
        let segments: Vec<_> =
            text.split('|').map(normal_segment).filter(|segment| !segment.is_empty()).collect();
        let says = |segment: &String| segment.contains(char::is_alphanumeric);
        segments.iter().any(says).then_some(Self { segments })
    }

    /// Does it stand in this text, which is in lower case?
    pub(super) fn is_in(&self, text: &str) -> bool {
        let mut rest = text;
        self.segments.iter().all(|segment| match rest.split_once(segment.as_str()) {
            Some((_, behind)) => {
                rest = behind;
                true
            }
            None => false,
        })
    }

    fn longest(&self) -> &str {
        self.segments.iter().max_by_key(|segment| segment.len()).map_or("", String::as_str)
    }
}

/// As the text is that it is looked for in, but for the spaces at its ends.
fn normal_segment(segment: &str) -> String {
    let inner = normal(segment);
    let before = if segment.starts_with(' ') { " " } else { "" };
    let after = if segment.ends_with(' ') && !inner.is_empty() { " " } else { "" };
    format!("{before}{inner}{after}")
}

impl Patterns {
    pub(super) fn new(patterns: Vec<(Pattern, usize)>) -> Result<Self, BuildError> {
        let words = AhoCorasick::new(patterns.iter().map(|(pattern, _)| pattern.longest()))?;
        Ok(Self { words, patterns })
    }

    /// The least number of a rule that has a pattern in the text and for which `holds`.
    pub(super) fn first(&self, text: &str, holds: impl Fn(usize) -> bool) -> Option<usize> {
        let mut first = None;
        for found in self.words.find_overlapping_iter(text) {
            let (pattern, rule) = &self.patterns[found.pattern().as_usize()];
            let is_better = first.is_none_or(|first| *rule < first);
            if is_better && pattern.is_in(text) && holds(*rule) {
                first = Some(*rule);
            }
        }
        first
    }
}
