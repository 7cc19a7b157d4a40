use super::*;
use crate::telemetry::{Counter, Durations};
use std::time::Duration;

#[test]
fn a_counter_has_help_type_and_value() {
    let counter = Counter::default();
    counter.add(7);
    let mut text = Exposition::default();
    text.counter("mailwake_things_total", "Things that were seen.", counter.get());
    check(
        text,
        "# HELP mailwake_things_total Things that were seen.\n\
         # TYPE mailwake_things_total counter\n\
         mailwake_things_total 7\n",
    );
}

#[test]
fn values_of_labels_are_escaped() {
    let mut text = Exposition::default();
    text.labelled_gauge("mailwake_x", "A \\ and\na line.", &[("a", "\"\\\n"), ("b", "")], 1);
    check(
        text,
        "# HELP mailwake_x A \\\\ and\\na line.\n\
         # TYPE mailwake_x gauge\n\
         mailwake_x{a=\"\\\"\\\\\\n\",b=\"\"} 1\n",
    );
}

#[test]
fn values_that_are_counted_one_by_one_have_a_line_each() {
    let mut text = Exposition::default();
    text.gauge_of("mailwake_open", "Open.", "listener", [("a", 1), ("b", 2)]);
    check(
        text,
        "# HELP mailwake_open Open.\n\
         # TYPE mailwake_open gauge\n\
         mailwake_open{listener=\"a\"} 1\n\
         mailwake_open{listener=\"b\"} 2\n",
    );
}

#[test]
fn a_histogram_has_cumulated_buckets_sum_and_count() {
    let durations = Durations::default();
    durations.observe(Duration::from_millis(2));
    durations.observe(Duration::from_secs(400));
    let mut text = Exposition::default();
    text.histogram("mailwake_x_seconds", "How long.", &durations);
    let text = text.into_text();
    for line in [
        "# TYPE mailwake_x_seconds histogram",
        "mailwake_x_seconds_bucket{le=\"0.0001\"} 0",
        "mailwake_x_seconds_bucket{le=\"0.001\"} 0",
        "mailwake_x_seconds_bucket{le=\"0.0025\"} 1",
        "mailwake_x_seconds_bucket{le=\"300\"} 1",
        "mailwake_x_seconds_bucket{le=\"+Inf\"} 2",
        "mailwake_x_seconds_sum 400.002",
        "mailwake_x_seconds_count 2",
    ] {
        assert!(text.lines().any(|written| written == line), "no line {line} in\n{text}");
    }
}

fn check(exposition: Exposition, expected: &str) {
    assert_eq!(exposition.into_text(), expected);
}
