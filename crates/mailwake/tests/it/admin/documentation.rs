//! `docs/metrics.md` lists what is served, and what is served stands in it.

use crate::{
    layering::{crates, read},
    support::{mailwake::Installation, upstream::Upstream},
};
use std::collections::{BTreeMap, BTreeSet};

/// A metric: its name, type and labels, as `mailwake_x counter reason`.
type Metric = String;

#[test]
fn every_metric_of_the_documentation_is_served() {
    let missing: Vec<_> = documented().difference(&served()).cloned().collect();
    assert!(missing.is_empty(), "docs/metrics.md has what is not served: {missing:#?}");
}

#[test]
fn every_metric_that_is_served_is_documented() {
    let missing: Vec<_> = served().difference(&documented()).cloned().collect();
    assert!(missing.is_empty(), "docs/metrics.md has no line for: {missing:#?}");
}

/// Values of labels stand in the documentation as well, but for the reasons of what is
/// untouched, which stand in docs/events.md.
#[test]
fn every_value_of_a_label_is_documented() {
    let text =
        read(&crates().join("../docs/metrics.md")) + &read(&crates().join("../docs/events.md"));
    for line in scrape().lines().filter(|line| !line.starts_with('#')) {
        let Some((_, labels)) = line.split_once('{') else { continue };
        let value = labels.split('"').nth(1).expect("a value in quotes");
        // Bounds, a version, and what the configuration names.
        let is_open =
            ["le=", "version=", "listener=", "upstream=", "script=", "feeder=", "source="];
        let is_open = is_open.iter().any(|label| labels.starts_with(label));
        assert!(is_open || text.contains(&format!("`{value}`")), "{line}: `{value}`");
    }
}

fn documented() -> BTreeSet<Metric> {
    let text = read(&crates().join("../docs/metrics.md"));
    text.lines()
        .filter(|line| line.starts_with("| `mailwake_"))
        .map(|line| {
            let cells: Vec<_> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let [_, name, kind, label, meaning, _] = cells[..] else { panic!("{line}") };
            assert!(!meaning.is_empty(), "{line}");
            [name, kind, label].join(" ").trim_end().to_owned()
        })
        .collect()
}

fn served() -> BTreeSet<Metric> {
    let text = scrape();
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).expect("a value"));
        let labels = labels.entry(name).or_default();
        if let Some((label, _)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('=')) {
            labels.insert(label);
        }
    }
    let metrics = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(|line| {
        let (name, kind) = line.split_once(' ').expect("a type");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        assert!(text.contains(&format!("# HELP {name} ")), "no help for {name}");
        let labels = labels.remove(name).unwrap_or_default();
        [name, kind].into_iter().chain(labels).collect::<Vec<_>>().join(" ")
    });
    let metrics: BTreeSet<_> = metrics.collect();
    // What is left are the series of histograms; a name without a type is a mistake.
    for (name, _) in labels {
        let is_series = ["_bucket", "_sum", "_count"].iter().any(|end| {
            let histogram = name.strip_suffix(end).map(|name| format!("{name} histogram"));
            histogram.is_some_and(|histogram| metrics.contains(&histogram))
        });
        assert!(is_series, "{name} has no type");
    }
    metrics
}

/// What a mailwake with all parts serves.
fn scrape() -> String {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let script = crates().join("../etc/policy/content.lua");
    let tables = "[feeder.archive]\nkind = \"ndjson\"\n[redis_source.nodes]\n\
                  servers = [\"redis://127.0.0.1:1\"]\n[tracker]\n";
    installation.set("[tracker]\n", &format!("[policy]\nscripts = [{script:?}]\n{tables}"));
    let serving = installation.serve();
    let answer = installation.admin("metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.field("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = String::from_utf8(answer.body).expect("text");
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    text
}
