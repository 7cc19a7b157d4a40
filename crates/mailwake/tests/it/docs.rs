//! What the documentation claims and a test can hold.

use crate::layering::{crates, read, rust_files};
use mailwake::config::Config;
use std::{collections::BTreeSet, fs};

#[test]
fn every_rfc_cited_in_the_source_has_a_line() {
    let table = read(&crates().join("../docs/rfc.md"));
    let known = rows(&table);
    let missing: Vec<_> = ["mail", "tracking", "mailwake"]
        .iter()
        .flat_map(|name| rust_files(&crates().join(name).join("src")))
        .flat_map(|file| {
            let unknown: Vec<_> = cited(&read(&file)).difference(&known).copied().collect();
            unknown.into_iter().map(move |rfc| format!("RFC {rfc}, cited in {}", file.display()))
        })
        .collect();
    assert!(missing.is_empty(), "docs/rfc.md has no line for:\n{}\n", missing.join("\n"));
}

#[test]
fn every_place_in_the_table_of_rfcs_exists() {
    let table = read(&crates().join("../docs/rfc.md"));
    for place in table.split('`').filter(|text| text.starts_with("crates/")) {
        assert!(crates().join("..").join(place).exists(), "docs/rfc.md names {place}: not there");
    }
}

/// Each row names functions, dialogs or configurations that hold what it says.
#[test]
fn every_sentence_of_the_documentation_has_its_tests() {
    let page = read(&crates().join("../docs/momentum.md"));
    let (_, table) = page.split_once("## Sentence by sentence").expect("a table");
    let sources: String = ["mail", "tracking", "mailwake"]
        .iter()
        .flat_map(|name| rust_files(&crates().join(name)))
        .map(|file| read(&file))
        .collect();
    let tests = |folder: &str| crates().join("mailwake/tests").join(folder);
    let is_there = |name: &str| match name.rsplit_once('.') {
        Some((_, "smtp")) => tests("dialogs").join(name).exists(),
        Some(_) => ["momentum", "momentum/conf.d"].iter().any(|at| tests(at).join(name).exists()),
        None => sources.contains(&format!("fn {name}(")),
    };
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| documentation |");
    let rows: Vec<&str> = table.lines().filter(is_row).collect();
    assert!(rows.len() > 70, "{} rows", rows.len());
    for row in rows {
        let (sentence, named) = row.trim_matches('|').rsplit_once('|').expect("two columns");
        let named: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test for:{sentence}");
        for name in named {
            assert!(is_there(name), "there is no test {name} for:{sentence}");
        }
    }
}

/// Those of Postfix are run by `e2e::recipes`; the others have to be right at least.
#[test]
fn every_example_of_a_configuration_is_right() {
    let etc = crates().join("../etc");
    let folders = fs::read_dir(&etc).expect("list examples");
    let examples: Vec<_> = folders
        .map(|folder| folder.expect("an example").path().join("mailwake.toml"))
        .filter(|file| file.exists())
        .collect();
    assert!(examples.len() >= 6, "{examples:?}");
    for example in examples {
        let config = Config::load(&example);
        let config = config.unwrap_or_else(|error| panic!("{}: {error}", example.display()));
        assert!(config.gateway.is_some() && config.tracker.is_some(), "{}", example.display());
    }
}

#[test]
fn every_file_that_a_page_links_to_exists() {
    let folder = crates().join("../docs");
    for page in fs::read_dir(&folder).expect("list pages") {
        let page = page.expect("a page").path();
        let text = read(&page);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        for (target, _) in targets.filter(|(target, _)| !target.contains("://")) {
            let file = target.split('#').next().unwrap_or_default();
            let is_there = file.is_empty() || folder.join(file).exists();
            assert!(is_there, "{} links to {target}: not there", page.display());
        }
    }
}

#[test]
fn citations_are_found_however_they_are_written() {
    assert_eq!(cited("// RFC 5321 §4.5.2 and (RFC 2045), RFC2047"), [2045, 2047, 5321].into());
    assert_eq!(cited("// RFC the number of which is missing"), [].into());
}

/// Numbers of the RFCs that a text cites.
fn cited(text: &str) -> BTreeSet<u32> {
    text.split("RFC").skip(1).filter_map(|after| number(after.trim_start())).collect()
}

/// Numbers in the first column of the table.
fn rows(table: &str) -> BTreeSet<u32> {
    table.lines().filter_map(|line| number(line.strip_prefix("| ")?)).collect()
}

fn number(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}
