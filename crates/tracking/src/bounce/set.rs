//! One set of rules: the tiers in which they are asked, and what each asks for.

use super::{
    Class,
    subject::Subject,
    text::{Pattern, Patterns},
};
use crate::delivery::status::EnhancedStatus;
use aho_corasick::BuildError;

/// One set of rules, made of one file.
#[derive(Debug)]
pub(super) struct RuleSet {
    /// Rules by text; those for certain domains come first.
    text: Vec<Rule>,
    patterns: Patterns,
    status: Vec<Rule>,
    category: Vec<Rule>,
    fallback: Vec<Rule>,
}

/// A class, and what has to hold for it. What is empty holds always.
#[derive(Debug, Default)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) class: Option<Class>,
    pub(super) reply: Option<Permanence>,
    pub(super) domains: Vec<String>,
    pub(super) status: Vec<StatusPattern>,
    pub(super) codes: Vec<CodePattern>,
    pub(super) categories: Vec<String>,
    pub(super) any: Vec<Pattern>,
    pub(super) but: Vec<Pattern>,
}

/// May it go better later?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permanence {
    Temporary,
    Permanent,
}

/// An enhanced status code, or many: `5.1.1`, `x.2.2`, `4.7.x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StatusPattern {
    pub(super) class: Option<u8>,
    pub(super) subject: Option<u16>,
    pub(super) detail: Option<u16>,
}

impl StatusPattern {
    fn holds(self, status: EnhancedStatus) -> bool {
        self.class.is_none_or(|class| class == status.class)
            && self.subject.is_none_or(|subject| subject == status.subject)
            && self.detail.is_none_or(|detail| detail == status.detail)
    }
}

/// A reply code, or all that begin with its digit: `550`, `4xx`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodePattern {
    One(u16),
    Hundred(u16),
}

impl CodePattern {
    fn holds(self, code: u16) -> bool {
        match self {
            Self::One(one) => one == code,
            Self::Hundred(hundred) => hundred == code / 100,
        }
    }
}

/// The rules of a file by their tier, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Tiers {
    pub(super) text: Vec<Rule>,
    pub(super) status: Vec<Rule>,
    pub(super) category: Vec<Rule>,
    pub(super) fallback: Vec<Rule>,
}

impl RuleSet {
    pub(super) fn new(tiers: Tiers) -> Result<Self, BuildError> {
        let Tiers { mut text, status, category, fallback } = tiers;
        text.sort_by_key(|rule| rule.domains.is_empty());
        let patterns = text.iter_mut().enumerate();
        let patterns = patterns.flat_map(|(index, rule)| {
            std::mem::take(&mut rule.any).into_iter().map(move |pattern| (pattern, index))
        });
        let patterns = Patterns::new(patterns.collect())?;
        Ok(Self { text, patterns, status, category, fallback })
    }

    /// The class that the first rule gives, and its name. Text says the most, then the enhanced
    /// status code, then what the MTA itself has made of it; the reply code the least.
    pub(super) fn decide(&self, subject: &Subject<'_>) -> Option<(Class, &str)> {
        let by_text = self.patterns.first(&subject.text, |index| self.text[index].holds(subject));
        let rule = by_text.map(|index| &self.text[index]).or_else(|| {
            let mut others = self.status.iter().chain(&self.category).chain(&self.fallback);
            others.find(|rule| rule.holds(subject))
        })?;
        Some((rule.class?, &rule.name))
    }
}

impl Rule {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        let is_temporary = || match subject.is_temporary() {
            true => Permanence::Temporary,
            false => Permanence::Permanent,
        };
        self.reply.is_none_or(|reply| reply == is_temporary())
            && holds(&self.status, |pattern| {
                subject.status.is_some_and(|status| pattern.holds(status))
            })
            && holds(&self.codes, |pattern| pattern.holds(subject.code))
            && holds(&self.categories, |name| name.eq_ignore_ascii_case(subject.category))
            && (self.domains.is_empty() || subject.is_of(&self.domains))
            && !self.but.iter().any(|pattern| pattern.is_in(&subject.text))
    }
}

/// Does it hold for one of them, or are there none?
fn holds<T>(ones: &[T], holds: impl Fn(&T) -> bool) -> bool {
    ones.is_empty() || ones.iter().any(holds)
}
