//! A configuration of Momentum: any text. What is read is within its limits, each statement
//! has a place in the text where its name stands, and a mistake is told within the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use syntax::{Content, DEPTH_MAX, Statement, Value};

// The parser stands by itself, so that this target needs nothing else of mailwake.
#[path = "../../crates/mailwake/src/config/import/syntax.rs"]
mod syntax;

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let lines: Vec<&str> = text.strip_prefix('\u{feff}').unwrap_or(&text).split('\n').collect();
    match syntax::parse(&text, 7) {
        Ok(statements) => statements.iter().for_each(|statement| check(statement, &lines, 0)),
        Err(error) => {
            assert!(error.place.line <= lines.len() && error.place.line > 0);
            let columns = lines[error.place.line - 1].chars().count();
            assert!((1..=columns + 1).contains(&error.place.column), "{error}");
        }
    }
});

fn check(Statement { place, name, content }: &Statement, lines: &[&str], depth: usize) {
    assert!(depth <= DEPTH_MAX && place.file == 7);
    let at: String = lines[place.line - 1].chars().skip(place.column - 1).collect();
    let is_quoted = at.starts_with(['"', '\'']);
    assert!(is_quoted || at.starts_with(name.as_str()), "{name} at {at}");
    match content {
        Content::Option(value) => check_value(value, depth),
        Content::Stanza { body, .. } => {
            body.iter().for_each(|statement| check(statement, lines, depth + 1));
        }
        Content::Include(_) => assert!(name.to_ascii_lowercase().ends_with("include")),
    }
}

fn check_value(value: &Value, depth: usize) {
    assert!(depth <= DEPTH_MAX);
    match value {
        Value::Text(_) => {}
        Value::List(values) => values.iter().for_each(|value| check_value(value, depth + 1)),
        Value::Dictionary(entries) => {
            entries.iter().for_each(|(_, value)| check_value(value, depth + 1));
        }
    }
}
