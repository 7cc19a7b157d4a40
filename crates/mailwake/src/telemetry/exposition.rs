//! The Prometheus text format, version 0.0.4: metrics come in one by one, the text that
//! a scrape gets goes out.

use super::{CounterBy, Histogram, Label};
use std::fmt::{Display, Write};

/// The text of all metrics. Each has a name, a line of help and a type; the caller gives
/// each name once.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// The media type of the text.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// A number that only grows. Its name ends in `_total`.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        self.sample(name, &[], value);
    }

    /// A number that only grows, for each value of a label. Its name ends in `_total`.
    pub fn counter_by<L: Label>(&mut self, name: &str, help: &str, counters: &CounterBy<L>) {
        self.counter_of(name, help, L::NAME, counters.all().map(|(label, n)| (label.name(), n)));
    }

    /// As `counter_by`, for values that are counted one by one.
    pub fn counter_of<V: AsRef<str>>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (V, u64)>,
    ) {
        self.head(name, help, "counter");
        self.samples(name, label, values);
    }

    /// A number that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.labelled_gauge(name, help, &[], value);
    }

    /// A number that goes up and down, for each value of a label.
    pub fn gauge_of<V: AsRef<str>>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (V, u64)>,
    ) {
        self.head(name, help, "gauge");
        self.samples(name, label, values);
    }

    /// A number that goes up and down, with labels.
    pub fn labelled_gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: u64) {
        self.head(name, help, "gauge");
        self.sample(name, labels, value);
    }

    /// A histogram. Its name ends in its unit.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        let buckets = histogram.cumulated();
        let bucket = format!("{name}_bucket");
        for (bound, count) in &buckets {
            let bound = match bound.is_infinite() {
                true => "+Inf".to_owned(),
                false => bound.to_string(),
            };
            self.sample(&bucket, &[("le", &bound)], count);
        }
        self.sample(&format!("{name}_sum"), &[], histogram.sum());
        let count = buckets.last().map_or(0, |(_, count)| *count);
        self.sample(&format!("{name}_count"), &[], count);
    }

    /// The whole text.
    pub fn into_text(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn samples<V: AsRef<str>>(
        &mut self,
        name: &str,
        label: &str,
        values: impl IntoIterator<Item = (V, u64)>,
    ) {
        for (value, number) in values {
            self.sample(name, &[(label, value.as_ref())], number);
        }
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.write(format_args!("{name}"));
        for (index, (label, of)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let of = of.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            self.write(format_args!("{before}{label}=\"{of}\""));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        self.write(format_args!("{end} {value}\n"));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("writing to a String does not fail");
    }
}

#[cfg(test)]
mod tests;
