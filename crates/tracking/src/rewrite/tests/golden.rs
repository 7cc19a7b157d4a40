//! Messages by kind of trouble, each with the copy that is made of it and what is told of
//! that copy. `UPDATE_GOLDEN=1` writes both; the review reads the difference.
//! `testdata/messages/README.md` says how to add a message.

use super::{Fake, ID, decision};
use crate::{
    context::Context,
    copy::{Settings, Terms},
    decision::{Decision, Exclusions},
    rewrite::{LinkOutcome, PartOutcome, Reason, Report, Signature, rewrite},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// How many messages there are at least, so that none gets lost unnoticed.
const MESSAGES_MIN: usize = 300;
/// How much of a line a failure shows, in octets.
const SHOWN_MAX: usize = 200;

/// Each file below a folder with this ending, in order.
fn messages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder of messages is there") {
        let path = entry.expect("an entry of it").path();
        if path.is_dir() {
            messages(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "eml")
            && !path.to_string_lossy().ends_with(".expected.eml")
        {
            found.push(path);
        }
    }
    found.sort();
}

/// What is tracked in a message: by default, or with every option.
fn decided(message: &[u8], has_options: bool) -> Decision {
    let decision = Decision { initial_open: true, ..decision() };
    let decision = match has_options {
        false => decision,
        true => Decision {
            exclusions: Exclusions {
                domains: vec!["bank.example".parse().expect("a domain")],
                links: vec!["*/logout*".parse().expect("a pattern")],
            },
            skip_links_shown_as_urls: true,
            vml_links: true,
            amp: true,
            remove_link_attributes: true,
            substitution_escapes: true,
            ..decision
        },
    };
    let settings = Arc::new(Settings { decision, ..Settings::default() });
    let request = settings.request(message).expect("the header of a test is right");
    let terms = Terms::new(&settings, request.as_ref(), &Context::default());
    terms.expect("no variable is wrong").settings.decision.clone()
}

/// What is told of a copy, a line each for the message, its parts and its links.
fn told(report: &Report) -> String {
    let mut lines = vec![format!("id {:?}", report.id_field).to_ascii_lowercase()];
    if report.signature != Signature::Absent {
        lines.push(format!("signature {:?}", report.signature).to_ascii_lowercase());
    }
    lines.extend(report.untouched.map(|reason| format!("message {}", reason.name())));
    for part in &report.parts {
        let left_out = match part.pixels_left_out {
            0 => String::new(),
            count => format!(", {count} left out: {}", Reason::LongLine.name()),
        };
        let outcome = match part.outcome {
            PartOutcome::Rewritten { links, pixels } => {
                format!("{links} links, {pixels} pixels{left_out}")
            }
            PartOutcome::Untouched(reason) => reason.name().to_owned(),
        };
        lines.push(format!("part {} {}: {outcome}", part.path, part.content_type));
    }
    for link in &report.links {
        let outcome = match link.outcome {
            LinkOutcome::Tracked => "tracked",
            LinkOutcome::LeftAlone(reason) => reason.name(),
        };
        let name = link.name.as_ref().map(|name| format!(" named {}", quoted(name)));
        let name = name.unwrap_or_default();
        let action = if link.is_unsubscribe { " unsubscribes" } else { "" };
        let target = quoted(&link.target);
        lines.push(format!("link {} {outcome}: {target}{name}{action}", link.index));
    }
    lines.join("\n") + "\n"
}

/// Text in quotes, with characters of every script as they are.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '"' | '\\');
    let escaped = text.chars().map(|c| match is_plain(c) {
        true => c.to_string(),
        false => c.escape_default().to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// Holds octets against a golden file, or writes it, and tells the first line that
/// differs.
fn difference(path: &Path, octets: &[u8]) -> Option<String> {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, octets).expect("a golden file can be written");
    }
    let Ok(golden) = fs::read(path) else {
        return Some(format!("{}: there is none; UPDATE_GOLDEN=1 writes it", path.display()));
    };
    if golden == octets {
        return None;
    }
    let [mut expected, mut found] =
        [&golden, octets].map(|octets| octets.split_inclusive(|octet| *octet == b'\n'));
    let mut number = 1;
    let shown = |line: Option<&[u8]>| match line {
        Some(line) => format!("\"{}\"", line[..line.len().min(SHOWN_MAX)].escape_ascii()),
        None => "the end".to_owned(),
    };
    loop {
        let (golden, line) = (expected.next(), found.next());
        if golden != line {
            let (golden, line) = (shown(golden), shown(line));
            let path = path.display();
            return Some(format!("{path}, line {number}:\n  expected {golden}\n  found    {line}"));
        }
        number += 1;
    }
}

#[test]
fn copies_are_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/messages");
    let mut found = Vec::new();
    messages(&folder, &mut found);
    assert!(found.len() >= MESSAGES_MIN, "only {} in {}", found.len(), folder.display());
    let mut differences = Vec::new();
    for path in found {
        let message = fs::read(&path).expect("a message can be read");
        let has_options = path.parent().is_some_and(|folder| folder.ends_with("options"));
        let decision = decided(&message, has_options);
        let copy = rewrite(&message, &decision, Some(ID), &mut Fake::default());
        assert!(!copy.report.safety_net, "{}", path.display());
        let told = told(&copy.report);
        differences.extend(difference(&path.with_extension("expected.eml"), &copy.octets));
        differences.extend(difference(&path.with_extension("expected.txt"), told.as_bytes()));
    }
    let count = differences.len();
    assert!(count == 0, "{count} other than expected:\n{}", differences.join("\n"));
}
