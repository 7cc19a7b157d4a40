//! Momentum's override files of bounce classes: a line is `domain,bounce_code,rule`, with an
//! empty domain for all, or `bounce_code,rule` in the file for reports by mail. A rule is a text
//! that stands in the reply, with `|` for anything.

use super::{
    Class,
    file::{RULES_MAX, RulesError},
    set::{Rule, RuleSet, Tiers},
    text::Pattern,
};

pub(super) fn read(lines: &str) -> Result<RuleSet, RulesError> {
    let mut tiers = Tiers::default();
    let mut mistakes = Vec::new();
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if tiers.text.len() == RULES_MAX {
            mistakes.push(format!("line {number}: a file may have {RULES_MAX} rules"));
            break;
        }
        match rule(line, number) {
            Some(rule) => tiers.text.push(rule),
            None => mistakes.push(format!(
                "line {number} must be DOMAIN,CLASS,TEXT or CLASS,TEXT, with a class of \
                 docs/bounces.md"
            )),
        }
    }
    match mistakes.is_empty() {
        true => RuleSet::new(tiers).map_err(|error| error.to_string().into()),
        false => Err(RulesError { mistakes }),
    }
}

fn rule(line: &str, number: usize) -> Option<Rule> {
    let class_of = |text: &str| text.trim().parse().ok().and_then(Class::of_code);
    let (first, rest) = line.split_once(',')?;
    let (domain, class, text) = match class_of(first) {
        Some(class) => ("", class, rest),
        None => {
            let (class, text) = rest.split_once(',')?;
            (first.trim(), class_of(class)?, text)
        }
    };
    let domains = match domain {
        "" => Vec::new(),
        domain => vec![domain.to_owned(), format!("*.{domain}")],
    };
    let name = format!("site/momentum-{number}");
    let any = vec![Pattern::new(text)?];
    Some(Rule { name, class: Some(class), domains, any, ..Rule::default() })
}
