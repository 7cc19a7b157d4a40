use super::*;

fn ms(text: &str) -> Option<i64> {
    parse_time(text).ok().map(|time| time.0)
}

#[test]
fn times_and_days_are_utc() {
    assert_eq!(ms("2026-11-21T10:00:00Z"), Some(1_795_255_200_000));
    assert_eq!(ms("2026-11-21T12:00:00+02:00"), Some(1_795_255_200_000));
    assert_eq!(ms("2026-11-21"), Some(1_795_219_200_000));
}

#[test]
fn spans_count_back_from_now() {
    let now = jiff::Timestamp::now().as_millisecond();
    let back = |text| now - ms(text).expect("a span");
    assert!((-60_000..=0).contains(&(back("7d") - 7 * Timestamp::DAY_MS)));
    assert!((-60_000..=0).contains(&(back("30m") - 1_800_000)));
}

#[test]
fn what_is_no_time_is_refused() {
    for text in ["", "d", "-3d", "7w", "yesterday", "2026-13-01", "9999999999d", "7ü"] {
        assert_eq!(ms(text), None, "{text:?}");
    }
}
