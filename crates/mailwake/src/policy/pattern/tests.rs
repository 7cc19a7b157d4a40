use super::*;
use mlua::{Lua, MultiValue, StdLib, Value};
use proptest::prelude::*;
use std::time::Duration;

#[test]
fn a_pattern_that_would_never_end_is_stopped() {
    let subject = vec![b'a'; 2_000];
    let meter = full(1_000_000);
    let found = find(&subject, b".-.-.-.-.-.-.-.-b", 0, true, &meter);
    assert_eq!(found, Err(PatternError::Exhausted));
    assert!(meter.is_empty());
}

#[test]
fn captures_are_places_in_the_subject() {
    let found = find(b"key = value", b"(%w+)%s*=%s*()(%w+)", 0, true, &full(1_000));
    let captures = vec![Captured::Range(0, 3), Captured::Position(6), Captured::Range(6, 11)];
    assert_eq!(found, Ok(Some(Found { start: 0, end: 11, captures })));
}

#[test]
fn malformed_patterns_are_told() {
    let check = |pattern: &[u8], error| {
        assert_eq!(find(b"(x)", pattern, 0, true, &full(1_000)), Err(error));
    };
    check(b"%", PatternError::EndsWithEscape);
    check(b"[a", PatternError::MissingBracket);
    check(b"%f", PatternError::FrontierWithoutSet);
    check(b"%b(", PatternError::Unbalanced);
    check(b"x)", PatternError::NoOpenCapture);
    check(b"%1", PatternError::NoSuchCapture);
    check(b"(x", PatternError::UnfinishedCapture);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What Lua itself finds is found, and what it refuses is refused.
    #[test]
    fn lua_finds_the_same(
        subject in "[ab(). \u{0}]{0,12}",
        pattern in "(\\^?)([ab.]|%[abcdglpsuwxzA-Z1]|\\[\\^?[ab%-]{1,4}\\]|\\(|\\)|\\(\\)|%b\\(\\)|%f\\[a\\]|[*+?-]|\\$){0,7}",
        from in 0_usize..14,
    ) {
        let lua = Lua::new_with(StdLib::STRING, mlua::LuaOptions::new()).expect("a state");
        let script = "local s, p, from = ... return string.find(s, p, from)";
        // A pattern without specials is a text to Lua.
        prop_assume!(has_specials(pattern.as_bytes()));
        let from = from.min(subject.len());
        let theirs: mlua::Result<MultiValue> =
            lua.load(script).call((subject.as_str(), pattern.as_str(), from + 1));
        let ours = find(subject.as_bytes(), pattern.as_bytes(), from, true, &full(1 << 40));
        match (theirs, ours) {
            (Err(_), Err(error)) => prop_assert_ne!(error, PatternError::Exhausted),
            (Ok(theirs), Ok(ours)) => {
                prop_assert_eq!(numbers(theirs), ours.map(|found| written(subject.as_bytes(), &found)));
            }
            (theirs, ours) => prop_assert!(false, "{theirs:?} {ours:?}"),
        }
    }
}

fn full(steps: u64) -> Meter {
    let meter = Meter::new();
    meter.fill(steps, Duration::from_secs(600));
    meter
}

/// What `string.find` gives, as text.
fn numbers(values: MultiValue) -> Option<Vec<String>> {
    let text = |value: Value| match value {
        Value::String(text) => format!("{:?}", text.as_bytes().to_vec()),
        Value::Integer(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let values: Vec<_> = values.into_iter().collect();
    (!matches!(values[..], [Value::Nil])).then(|| values.into_iter().map(text).collect())
}

fn written(subject: &[u8], found: &Found) -> Vec<String> {
    let captures = found.captures.iter().map(|capture| match capture {
        Captured::Range(start, end) => format!("{:?}", subject[*start..*end].to_vec()),
        Captured::Position(at) => format!("{}", at + 1),
    });
    let places = [format!("{}", found.start + 1), format!("{}", found.end)];
    places.into_iter().chain(captures).collect()
}
