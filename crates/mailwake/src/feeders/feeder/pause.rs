//! How long a feeder waits after a failure.

use super::Pauses;
use std::time::Duration;

/// The longest pause that a far side may ask for.
const ASKED_MAX: Duration = Duration::from_secs(3_600);

/// After so many failures in a row: a random part (of 2^32) of a bound that doubles, so that
/// those whom one outage has stopped do not come back together; or as long as the far side has
/// asked for.
pub(super) fn pause(
    pauses: Pauses,
    failures: u32,
    random: u32,
    asked: Option<Duration>,
) -> Duration {
    let doublings = failures.saturating_sub(1).min(20);
    let bound = pauses.first.saturating_mul(1 << doublings).min(pauses.longest);
    let share = f64::from(random) / f64::from(u32::MAX);
    bound.mul_f64(share).max(asked.unwrap_or_default().min(ASKED_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit_and_are_spread() {
        let seconds = Duration::from_secs;
        let pauses = Pauses { first: seconds(1), longest: seconds(300) };
        assert_eq!(pause(pauses, 1, u32::MAX, None), seconds(1));
        assert_eq!(pause(pauses, 4, u32::MAX, None), seconds(8));
        assert_eq!(pause(pauses, 4, 0, None), seconds(0));
        assert_eq!(pause(pauses, u32::MAX, u32::MAX, None), seconds(300));
        assert_eq!(pause(pauses, 1, 7, Some(seconds(30))), seconds(30));
        assert_eq!(pause(pauses, 1, 7, Some(seconds(1 << 40))), ASKED_MAX);
    }
}
