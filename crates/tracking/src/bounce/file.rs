//! Rules as a file in TOML has them. All mistakes are told together.

use super::{
    Class,
    set::{CodePattern, Permanence, Rule, RuleSet, StatusPattern, Tiers},
    text::Pattern,
};
use std::collections::HashSet;
use toml::{Table, Value};

/// Rules that one file may have.
pub(super) const RULES_MAX: usize = 10_000;

/// Patterns and other texts that one rule may have, and octets of each.
const TEXTS_MAX: usize = 1_000;
const TEXT_OCTETS_MAX: usize = 500;

/// What is wrong with rules of a site: every mistake, with the rule that it is in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", mistakes.join("; "))]
pub struct RulesError {
    /// The mistakes, in the order of the file.
    pub mistakes: Vec<String>,
}

impl From<String> for RulesError {
    fn from(mistake: String) -> Self {
        Self { mistakes: vec![mistake] }
    }
}

/// The keys that each tier has besides `name`, `class`, `domains`, `reply` and `but`; a rule has
/// at least one of them.
const TIERS: [(&str, &[&str]); 4] = [
    ("text", &["any"]),
    ("status", &["status"]),
    ("category", &["categories"]),
    ("fallback", &["status", "codes", "categories"]),
];

/// Reads rules; `origin` is what their names begin with.
pub(super) fn read(toml: &str, origin: &str) -> Result<RuleSet, RulesError> {
    let table: Table = toml.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let mut reader = Reader { mistakes: Vec::new(), names: HashSet::new(), rules: 0, origin };
    let known = TIERS.map(|(tier, _)| tier);
    for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
        reader.mistake(
            key,
            "is no list of rules; there are [[text]], [[status]], [[category]] and [[fallback]]",
        );
    }
    let [text, status, category, fallback] =
        TIERS.map(|(tier, keys)| reader.tier(&table, tier, keys));
    match reader.mistakes.is_empty() {
        true => RuleSet::new(Tiers { text, status, category, fallback })
            .map_err(|error| error.to_string().into()),
        false => Err(RulesError { mistakes: reader.mistakes }),
    }
}

struct Reader<'a> {
    mistakes: Vec<String>,
    names: HashSet<String>,
    rules: usize,
    origin: &'a str,
}

impl Reader<'_> {
    fn mistake(&mut self, place: &str, right: &str) {
        self.mistakes.push(format!("{place} {right}"));
    }

    fn tier(&mut self, table: &Table, tier: &str, keys: &[&str]) -> Vec<Rule> {
        let rules = match table.get(tier) {
            None => return Vec::new(),
            Some(Value::Array(rules)) => rules,
            Some(_) => {
                self.mistake(tier, &format!("must be a list of tables: [[{tier}]]"));
                return Vec::new();
            }
        };
        self.rules += rules.len();
        if self.rules > RULES_MAX {
            self.mistake(tier, &format!("has too many rules; a file may have {RULES_MAX}"));
            return Vec::new();
        }
        let read = rules.iter().enumerate().map(|(index, rule)| {
            let place = format!("rule {} of [[{tier}]]", index + 1);
            match rule.as_table() {
                Some(rule) => self.rule(rule, &place, tier, keys),
                None => {
                    self.mistake(&place, "must be a table");
                    Rule::default()
                }
            }
        });
        read.collect()
    }

    fn rule(&mut self, table: &Table, place: &str, tier: &str, keys: &[&str]) -> Rule {
        let name = table.get("name").and_then(Value::as_str).unwrap_or_default();
        let place = match name {
            "" => place.to_owned(),
            name => format!("{place} ({name})"),
        };
        let is_name =
            |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_name) {
            self.mistake(
                &place,
                "needs a name of at most 64 lower-case letters, digits and hyphens",
            );
        } else if !self.names.insert(format!("{tier}/{name}")) {
            self.mistake(&place, "has the name of another rule");
        }
        let class = table.get("class").and_then(Value::as_integer);
        let class = class.and_then(|code| u8::try_from(code).ok()).and_then(Class::of_code);
        if class.is_none() {
            self.mistake(&place, "needs a class: one of the numbers in docs/bounces.md");
        }
        let common = ["name", "class", "reply", "domains", "but"];
        for key in table.keys().map(String::as_str) {
            if !common.contains(&key) && !keys.contains(&key) {
                self.mistake(&place, &format!("has a key that is none of [[{tier}]]: {key}"));
            }
        }
        if !keys.iter().any(|key| table.contains_key(*key)) {
            self.mistake(&place, &format!("needs {}", keys.join(" or ")));
        }
        Rule {
            name: format!("{}{tier}/{name}", self.origin),
            class,
            reply: self.permanence(table, &place),
            domains: self.list(table, &place, "domains", "a domain, or *. and a domain", |text| {
                let domain = text.strip_prefix("*.").unwrap_or(text);
                (!domain.is_empty() && !domain.contains(['*', '@', ' '])).then(|| text.into())
            }),
            status: self.list(table, &place, "status", "like 5.1.1 or x.2.x", status_pattern),
            codes: self.list(table, &place, "codes", "like 550 or 4xx", code_pattern),
            categories: self.list(table, &place, "categories", "a word", |text| {
                (!text.is_empty()).then(|| text.into())
            }),
            any: self.list(table, &place, "any", PATTERN, Pattern::new),
            but: self.list(table, &place, "but", PATTERN, Pattern::new),
        }
    }

    fn permanence(&mut self, table: &Table, place: &str) -> Option<Permanence> {
        match table.get("reply")?.as_str() {
            Some("temporary") => Some(Permanence::Temporary),
            Some("permanent") => Some(Permanence::Permanent),
            _ => {
                self.mistake(place, "has a reply that is neither \"temporary\" nor \"permanent\"");
                None
            }
        }
    }

    fn list<T>(
        &mut self,
        table: &Table,
        place: &str,
        key: &str,
        right: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let values = match table.get(key) {
            None => return Vec::new(),
            Some(Value::Array(values)) if (1..=TEXTS_MAX).contains(&values.len()) => values,
            Some(_) => {
                self.mistake(place, &format!("needs in {key} a list of 1 to {TEXTS_MAX} texts"));
                return Vec::new();
            }
        };
        let mut list = Vec::with_capacity(values.len());
        for value in values {
            let text = value.as_str().filter(|text| text.len() <= TEXT_OCTETS_MAX);
            match text.and_then(&read) {
                Some(one) => list.push(one),
                None => self.mistake(place, &format!("has in {key} {value}; each must be {right}")),
            }
        }
        list
    }
}

/// What a pattern must be.
const PATTERN: &str = "a text of at most 500 octets with a letter or digit";

fn status_pattern(text: &str) -> Option<StatusPattern> {
    let mut numbers = text.split('.').map(|number| match number {
        "x" => Some(None),
        digits if digits.len() <= 3 && digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            digits.parse::<u16>().ok().map(Some)
        }
        _ => None,
    });
    let (class, subject, detail) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let class = match class {
        None => None,
        Some(class @ (2 | 4 | 5)) => u8::try_from(class).ok(),
        Some(_) => return None,
    };
    numbers.next().is_none().then_some(StatusPattern { class, subject, detail })
}

fn code_pattern(text: &str) -> Option<CodePattern> {
    let octets = text.as_bytes();
    if let [digit @ b'2'..=b'5', b'x', b'x'] = octets {
        return Some(CodePattern::Hundred(u16::from(digit - b'0')));
    }
    let code = text.parse().ok().filter(|code| (200..600).contains(code))?;
    Some(CodePattern::One(code))
}
