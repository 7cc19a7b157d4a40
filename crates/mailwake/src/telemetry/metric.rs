//! What is counted and measured: values come in from any thread, numbers go out when
//! somebody looks. There is no lock, and a label has a closed set of values.

use std::{
    ops::Deref,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A number that only grows, shared by threads.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// How many there were until now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts so many more.
    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// Counts one more.
    pub(crate) fn increment(&self) {
        self.add(1);
    }
}

/// A number that goes up and down, shared by threads.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// What it is now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets it.
    pub(crate) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    /// One more, until what this gives is dropped.
    pub(crate) fn enter(&self) -> Entered<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(self)
    }
}

/// One of those that a gauge counts.
#[derive(Debug)]
#[must_use = "it counts as long as it is held"]
pub struct Entered<'a>(&'a Gauge);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What tells the counters of a `CounterBy` apart: a closed set, so that nobody from
/// outside can make more of them.
pub trait Label: Copy + PartialEq + 'static {
    /// The name of the label, in snake_case.
    const NAME: &'static str;

    /// Every value there is.
    const ALL: &'static [Self];

    /// The stable name of the value, in snake_case.
    fn name(self) -> &'static str;
}

/// A counter for each value of a label.
#[derive(Debug)]
pub struct CounterBy<L> {
    counters: Box<[(L, Counter)]>,
}

impl<L: Label> Default for CounterBy<L> {
    fn default() -> Self {
        Self { counters: L::ALL.iter().map(|value| (*value, Counter::default())).collect() }
    }
}

impl<L: Label> CounterBy<L> {
    /// The counter of one value.
    pub fn of(&self, value: L) -> &Counter {
        let counter = self.counters.iter().find(|(of, _)| *of == value);
        counter.map(|(_, counter)| counter).expect("`Label::ALL` has every value")
    }

    /// Each value and what it has counted, in the order of `Label::ALL`.
    pub fn all(&self) -> impl Iterator<Item = (L, u64)> {
        self.counters.iter().map(|(value, counter)| (*value, counter.get()))
    }
}

/// How often values were measured, up to each of some bounds, and their sum.
#[derive(Debug)]
pub struct Histogram {
    /// The largest value of each bucket, but for the last, which has no end.
    bounds: &'static [u64],
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
    /// How many of what is counted make the unit in which it is told.
    steps_per_unit: u32,
}

impl Histogram {
    fn new(bounds: &'static [u64], steps_per_unit: u32) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::default()).collect();
        Self { bounds, buckets, sum: AtomicU64::default(), steps_per_unit }
    }

    fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Each bound, in units, and how many values were not above it, from the least on;
    /// the last bound is infinite.
    pub fn cumulated(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().map(|bound| self.in_units(*bound)).chain([f64::INFINITY]);
        let mut below = 0;
        bounds
            .zip(&self.buckets)
            .map(|(bound, bucket)| {
                below += bucket.load(Ordering::Relaxed);
                (bound, below)
            })
            .collect()
    }

    /// The sum of all values, in units.
    pub fn sum(&self) -> f64 {
        self.in_units(self.sum.load(Ordering::Relaxed))
    }

    fn in_units(&self, value: u64) -> f64 {
        value as f64 / f64::from(self.steps_per_unit)
    }
}

/// A histogram of how long something took, in seconds, from 100 µs to 5 min.
#[derive(Debug)]
pub struct Durations(Histogram);

impl Durations {
    /// In microseconds.
    const BOUNDS: &'static [u64] = &[
        100,
        250,
        500,
        1_000,
        2_500,
        5_000,
        10_000,
        25_000,
        50_000,
        100_000,
        250_000,
        500_000,
        1_000_000,
        2_500_000,
        5_000_000,
        10_000_000,
        30_000_000,
        60_000_000,
        300_000_000,
    ];

    /// Counts one more.
    pub(crate) fn observe(&self, duration: Duration) {
        self.0.observe(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self(Histogram::new(Self::BOUNDS, 1_000_000))
    }
}

impl Deref for Durations {
    type Target = Histogram;

    fn deref(&self) -> &Histogram {
        &self.0
    }
}

/// A histogram of how large something was, in octets, from 1 KiB to 1 GiB.
#[derive(Debug)]
pub struct Sizes(Histogram);

impl Sizes {
    const BOUNDS: &'static [u64] = &[
        1 << 10,
        4 << 10,
        16 << 10,
        64 << 10,
        256 << 10,
        1 << 20,
        4 << 20,
        16 << 20,
        64 << 20,
        256 << 20,
        1 << 30,
    ];

    /// Counts one more.
    pub(crate) fn observe(&self, octets: usize) {
        self.0.observe(octets as u64);
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self(Histogram::new(Self::BOUNDS, 1))
    }
}

impl Deref for Sizes {
    type Target = Histogram;

    fn deref(&self) -> &Histogram {
        &self.0
    }
}

#[cfg(test)]
mod tests;
