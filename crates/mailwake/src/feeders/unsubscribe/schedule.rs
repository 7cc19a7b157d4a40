//! When a sender is told again, after it could not be told.

use std::time::Duration;

/// The first time, and the longest.
const FIRST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(6 * 3_600);

/// How long to wait after so many attempts: twice as long each time, and up to a quarter more
/// or less, so that those of one outage do not come back together.
pub(super) fn pause(attempts: u32, random: u8) -> Duration {
    let doubled = FIRST.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(LONGEST);
    let share = 0.75 + 0.5 * f64::from(random) / 255.0;
    doubled.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_differ() {
        assert_eq!(pause(1, 0), Duration::from_secs(45));
        assert_eq!(pause(1, 255), Duration::from_secs(75));
        assert_eq!(pause(2, 0), Duration::from_secs(90));
        assert_eq!(pause(40, 255), LONGEST.mul_f64(1.25));
        assert_eq!(pause(u32::MAX, 0), LONGEST.mul_f64(0.75));
    }
}
