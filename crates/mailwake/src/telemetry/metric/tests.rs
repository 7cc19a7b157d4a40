use super::*;
use std::thread;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

impl Label for Side {
    const NAME: &'static str = "side";
    const ALL: &'static [Self] = &[Self::Left, Self::Right];

    fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

#[test]
fn each_value_of_a_label_counts_for_itself() {
    let counters = CounterBy::default();
    counters.of(Side::Right).add(3);
    counters.of(Side::Left).increment();
    assert_eq!(counters.all().collect::<Vec<_>>(), [(Side::Left, 1), (Side::Right, 3)]);
}

#[test]
fn a_gauge_goes_down_when_what_it_counts_is_dropped() {
    let gauge = Gauge::default();
    let one = gauge.enter();
    let other = gauge.enter();
    assert_eq!(gauge.get(), 2);
    drop(one);
    assert_eq!(gauge.get(), 1);
    drop(other);
    assert_eq!(gauge.get(), 0);
}

#[test]
fn a_value_at_a_bound_is_below_it() {
    let sizes = Sizes::default();
    for octets in [0, 1_024, 1_025, 2 << 30] {
        sizes.observe(octets);
    }
    let cumulated = sizes.cumulated();
    assert_eq!(cumulated[..3], [(1_024.0, 2), (4_096.0, 3), (16_384.0, 3)]);
    assert_eq!(cumulated.last(), Some(&(f64::INFINITY, 4)));
    assert_eq!(sizes.sum(), (1_024 + 1_025 + (2_u64 << 30)) as f64);
}

#[test]
fn durations_are_told_in_seconds() {
    let durations = Durations::default();
    durations.observe(Duration::from_micros(100));
    durations.observe(Duration::from_millis(1_500));
    durations.observe(Duration::from_secs(3_600));
    let below = |seconds: f64| {
        let found = durations.cumulated().into_iter().find(|(bound, _)| *bound == seconds);
        found.map(|(_, count)| count)
    };
    assert_eq!([below(0.0001), below(1.0), below(2.5), below(300.0)], [1, 1, 2, 2].map(Some));
    assert_eq!(durations.sum(), 3_601.500_1);
}

#[test]
fn nothing_is_lost_between_threads() {
    let durations = Durations::default();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1_000).for_each(|_| durations.observe(Duration::from_millis(1))));
        }
    });
    assert_eq!(durations.cumulated().last().map(|(_, count)| *count), Some(4_000));
    assert_eq!(durations.sum(), 4.0);
}
