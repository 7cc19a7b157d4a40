use super::*;

fn check_time(text: &str, wanted: Option<i64>) {
    assert_eq!(time(text).map(|time| time.0), wanted, "{text:?}");
}

#[test]
fn times_are_read_in_both_forms() {
    let then = 1_790_000_000_000;
    check_time("1790000000", Some(then));
    check_time("1790000000.5", Some(then + 500));
    check_time("1790000000.1239", Some(then + 123));
    check_time("2026-09-21 13:33:20+0000", Some(then - 2_400_000));
    check_time("2026-09-21T13:33:20.25Z", Some(then - 2_399_750));
    check_time("2026-09-21 15:33:20 +02:00", Some(then - 2_400_000));
    check_time("2026-09-21 08:03:20-0530", Some(then - 2_400_000));
    check_time("2026-09-21 13:33:20+00", Some(then - 2_400_000));
    check_time("2016-12-31 23:59:60+0000", Some(1_483_228_799_000));
    check_time("2028-02-29 00:30:00+0100", Some(1_835_393_400_000));
}

#[test]
fn what_is_no_time_is_refused() {
    for text in [
        "",
        "-1",
        "1e9",
        "2026-09-21 13:33:20",
        "2026-02-30 13:33:20+0000",
        "2026-09-21",
        "2026-09-21 25:33:20+0000",
        "2026-09-21 13:33:20+9900",
        "2026-09-21 13:33:61+0000",
        "2026-02-29 13:33:20+0000",
        "2026-09-21 13:33:20+00:0",
        "99999999999999",
        "2026-09-21 13:33:2ü+0000",
        "2026-09-21 13:33:20.",
        "253402300800",
        "1969-12-31 23:59:59+0000",
        "1970-01-01 00:30:00+0100",
    ] {
        check_time(text, None);
    }
}

#[test]
fn addresses_are_read_with_and_without_ports() {
    let of = |text: &str| address(text).map(|address| address.to_string()).unwrap_or_default();
    assert_eq!(of("192.0.2.1"), "192.0.2.1");
    assert_eq!(of("192.0.2.1:25"), "192.0.2.1");
    assert_eq!(of("[2001:db8::1]:25"), "2001:db8::1");
    assert_eq!(of("[2001:db8::1]"), "2001:db8::1");
    assert_eq!(of("unknown"), "");
}

#[test]
fn message_ids_may_have_been_changed_a_little() {
    assert!(message_id(" 00F3a5c7e9b1d4f60718 ").is_some());
    assert!(message_id("<00f3a5c7e9b1d4f60718>").is_none());
}
