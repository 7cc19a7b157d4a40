//! What stands in a configuration, as mistakes show it. A secret has no business there, and is
//! written there all the same: what stands under a key that looks like one is not shown.

use super::is_near;
use std::path::Path;
use toml::{Table, Value, de};

/// What stands for a secret.
const HIDDEN: &str = "***";

/// Tables whose names are the operator's choice, and whose values may be keys.
const TABLES: [&str; 2] = ["headers", "oauth2_parameters"];

/// A value as the file writes it, but for secrets.
pub(super) fn shown(path: &str, value: &Value) -> String {
    let is_secret = path.split('.').any(|part| TABLES.contains(&part));
    let key = path.rsplit('.').next().unwrap_or_default().trim_matches('"');
    masked(key, is_secret || is_of_secret(key), value).to_string()
}

/// Where a file stops to be TOML, with the line, unless that looks like one of a secret.
pub(in crate::config) fn syntax(error: &de::Error, text: &str) -> String {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let mut words = line.split(|c: char| !(c.is_alphanumeric() || "-_".contains(c)));
    if !words.any(|word| TABLES.contains(&word) || is_of_secret(word)) {
        return error.to_string();
    }
    let number = before.bytes().filter(|octet| *octet == b'\n').count() + 1;
    format!(
        "TOML parse error at line {number}, which may have a secret in it\n{}\n",
        error.message()
    )
}

fn masked(key: &str, is_secret: bool, value: &Value) -> Value {
    match value {
        Value::Table(table) => {
            let masked = |(key, value): (&String, &Value)| {
                let is_secret = is_secret || TABLES.contains(&&**key) || is_of_secret(key);
                (key.clone(), masked(key, is_secret, value))
            };
            Value::Table(table.iter().map(masked).collect::<Table>())
        }
        Value::Array(values) => {
            Value::Array(values.iter().map(|value| masked(key, is_secret, value)).collect())
        }
        Value::String(text) if text.is_empty() || is_path(key, text) => value.clone(),
        Value::Boolean(_) => value.clone(),
        _ if is_secret => HIDDEN.into(),
        Value::String(text) => without_login(text).into(),
        _ => value.clone(),
    }
}

/// Does a key look like that of a secret, or of the file or variable with one? Also where it is
/// misspelt: then it is no key of mailwake, and what stands there is told.
fn is_of_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let mut words = key.rsplit(['_', '-']);
    let last = words.find(|word| !["file", "variable"].contains(word)).unwrap_or_default();
    let ends = ["key", "keys", "secret", "secrets", "token", "tokens", "password", "passwords"];
    let near = ["secret", "password", "authorization"];
    ends.iter().any(|end| last.ends_with(end)) || near.iter().any(|word| is_near(word, last))
}

/// The path of a file is no secret.
fn is_path(key: &str, text: &str) -> bool {
    key.ends_with("_file") && Path::new(text).is_absolute()
}

/// A URL without the name and password in it.
fn without_login(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.into() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://{HIDDEN}{}", &rest[at..]),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests;
