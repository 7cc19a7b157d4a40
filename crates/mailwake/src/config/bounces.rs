//! `[bounces]`: the site's own rules for the classes of bounces.

use super::{reader::Section, tracker::read_up_to};
use std::path::{Path, PathBuf};
use tracking::bounce::{Rules, RulesError};

/// Octets of a file of rules.
const RULES_OCTETS_MAX: u64 = 4 << 20;

/// Reads the table and the files that it names. A file with mistakes adds no rules.
pub(super) fn read(section: &Section<'_>) -> Rules {
    let rules = with_file(Rules::built_in(), section, "rules_file", Rules::with_site);
    with_file(rules, section, "momentum_rules_file", Rules::with_momentum_overrides)
}

fn with_file(
    rules: Rules,
    section: &Section<'_>,
    key: &'static str,
    add: impl Fn(Rules, &str) -> Result<Rules, RulesError>,
) -> Rules {
    let path: Option<PathBuf> = section.parsed(key, "", "must be the path of a file of rules");
    let Some(path) = path else { return rules };
    match text_of(&path).map(|text| add(rules.clone(), &text)) {
        Ok(Ok(rules)) => return rules,
        Ok(Err(RulesError { mistakes })) => {
            for mistake in mistakes {
                tell(section, key, &path, format!("has a mistake: {mistake}"));
            }
        }
        Err(error) => {
            tell(section, key, &path, format!("must be a file that can be read: {error}"));
        }
    }
    rules
}

fn text_of(path: &Path) -> Result<String, String> {
    let octets = read_up_to(path, RULES_OCTETS_MAX).map_err(|error| error.to_string())?;
    String::from_utf8(octets).map_err(|error| error.to_string())
}

fn tell(section: &Section<'_>, key: &str, path: &Path, right: String) {
    let value = toml::Value::from(path.display().to_string());
    section.mistake(key, Some(&value), right);
}
