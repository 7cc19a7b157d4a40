//! Messages by kind of trouble, each with the copy that is made of it.
//! `UPDATE_GOLDEN=1` writes the copies; the review reads the difference.

use super::{Fake, ID, decision};
use crate::{
    decision::{Decision, Exclusions},
    rewrite::rewrite,
    smtpapi,
};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Each file below a folder with this ending.
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
    match smtpapi::read(message).expect("the header of a test is right") {
        Some(request) => request.apply(&decision),
        None => decision,
    }
}

#[test]
fn copies_are_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/messages");
    let mut found = Vec::new();
    messages(&folder, &mut found);
    assert!(found.len() > 20, "only {} messages in {}", found.len(), folder.display());
    let mut wrong = Vec::new();
    for path in found {
        let message = fs::read(&path).expect("a message can be read");
        let has_options = path.parent().is_some_and(|folder| folder.ends_with("options"));
        let decision = decided(&message, has_options);
        let copy = rewrite(&message, &decision, Some(ID), &mut Fake::default());
        assert!(!copy.report.safety_net, "{}", path.display());
        let expected_path = path.with_extension("expected.eml");
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected_path, &copy.octets).expect("the copy can be written");
        }
        if fs::read(&expected_path).ok().as_deref() != Some(&*copy.octets) {
            wrong.push(path);
        }
    }
    assert!(wrong.is_empty(), "other copies than expected: {wrong:#?}");
}
