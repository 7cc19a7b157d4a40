use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn valid(days: u32) -> Validity {
    let not_before = SystemTime::UNIX_EPOCH + 20_000 * DAY;
    Validity { not_before, not_after: not_before + days * DAY }
}

fn check(validity: Validity, days_before: u32) {
    assert_eq!(renewal(validity), validity.not_after - days_before * DAY);
}

#[test]
fn renewal_is_early() {
    check(valid(90), 30);
    check(valid(365), 30);
    // Of certificates for six days, a third.
    check(valid(6), 2);
}

#[test]
fn who_is_refused_waits_longer_each_time() {
    let pauses: Vec<_> = [1, 2, 3, 7, 8, 9, u32::MAX].map(pause).map(|one| one.as_secs()).into();
    assert_eq!(pauses, [600, 1_200, 2_400, 38_400, 76_800, 86_400, 86_400]);
}

#[test]
fn failures_count_for_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = AcmeConfig {
        directory: String::new(),
        email: None,
        terms_of_service_agreed: true,
        ca_file: None,
        folder: folder.path().join("acme"),
        domains: Vec::new(),
    };
    let schedule = || Schedule::of(&config, "a.example");
    assert!(schedule().due() <= SystemTime::now());
    schedule().note_failure().expect("written");
    let now = SystemTime::now();
    assert!(schedule().due() > now + Duration::from_secs(500));
    schedule().note_failure().expect("written");
    assert!(schedule().due() > now + Duration::from_secs(1_100));
    schedule().forget_failures();
    assert!(schedule().due() <= SystemTime::now());
}
