//! The rules by which classes are found: those of a site, then those that mailwake comes with.

use super::{
    Class,
    file::{self, RulesError},
    overrides,
    set::RuleSet,
    subject::Subject,
};
use crate::event::UpstreamReply;
use std::sync::Arc;

/// The rules by which classes are found. A clone has them in common with the original.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The site's own, in the order in which they are asked.
    site: Vec<Arc<RuleSet>>,
    /// What these were made of.
    texts: Vec<Arc<str>>,
    built_in: Arc<RuleSet>,
}

/// Rules are the same that were made of the same: the built-in ones always are.
impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Eq for Rules {}

/// A class, and why it is this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classified {
    /// The class.
    pub class: Class,
    /// The rule that decided, by its name: `text/over-quota`, `status/mailbox-full`; `record`
    /// where the MTA's own record tells the class, `none` where nothing does.
    pub rule: String,
}

impl Default for Rules {
    fn default() -> Self {
        Self::built_in()
    }
}

impl Rules {
    /// The rules that mailwake comes with (`bounce_rules.toml`).
    pub fn built_in() -> Self {
        let built_in = file::read(include_str!("../bounce_rules.toml"), "")
            .expect("a test reads the rules that mailwake comes with");
        Self { site: Vec::new(), texts: Vec::new(), built_in: Arc::new(built_in) }
    }

    /// Adds rules of a site, in TOML of the same form as the built-in ones. They are asked
    /// behind those that were added before, and before everything else.
    pub fn with_site(mut self, toml: &str) -> Result<Self, RulesError> {
        self.site.push(Arc::new(file::read(toml, "site/")?));
        self.texts.push(toml.into());
        Ok(self)
    }

    /// Adds the rules of one of Momentum's override files: lines of `domain,bounce_code,rule`,
    /// or `bounce_code,rule` for reports by mail.
    pub fn with_momentum_overrides(mut self, lines: &str) -> Result<Self, RulesError> {
        self.site.push(Arc::new(overrides::read(lines)?));
        self.texts.push(lines.into());
        Ok(self)
    }

    /// The class of a refusal: by the site's rules, by the class that its record tells, or by
    /// the built-in rules.
    pub fn classify(&self, reply: &UpstreamReply) -> Classified {
        self.classify_for(reply, "")
    }

    /// The same, where the domain of the recipient is known besides; empty where it is not.
    pub fn classify_for(&self, reply: &UpstreamReply, recipient_domain: &str) -> Classified {
        let told = reply.attempt.as_ref().and_then(|attempt| attempt.bounce_class);
        let told = told.and_then(Class::of_code).filter(|class| *class != Class::UNDETERMINED);
        let classified = |(class, rule): (Class, &str)| Classified { class, rule: rule.into() };
        if let (Some(class), true) = (told, self.site.is_empty()) {
            return classified((class, "record"));
        }
        let subject = Subject::new(reply, recipient_domain);
        self.site
            .iter()
            .find_map(|set| set.decide(&subject))
            .or(told.map(|class| (class, "record")))
            .or_else(|| self.built_in.decide(&subject))
            .map_or_else(|| classified((Class::UNDETERMINED, "none")), classified)
    }
}
