use super::super::{
    EventLog,
    tests::{append, config, directory, wait},
};
use super::*;

fn exposed(monitor: &Monitor) -> String {
    let mut text = Exposition::default();
    monitor.expose(&mut text);
    text.into_text()
}

#[test]
fn the_log_of_this_process_tells_how_large_it_is_and_what_it_took() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("a log");
    let end = append(&log, 0..3);
    let monitor = log.monitor();
    assert_eq!(monitor.durable(), Some(end));
    let text = exposed(&monitor);
    for line in [
        "mailwake_event_log_events_total 3".to_owned(),
        format!("mailwake_event_log_written_bytes_total {}", end.0),
        format!("mailwake_event_log_position_bytes {}", end.0),
        "mailwake_event_log_queue_events 0".into(),
        "mailwake_event_log_queue_bytes 0".into(),
        "mailwake_event_log_segments 1".into(),
        "mailwake_event_log_bytes 4096".into(),
        "mailwake_event_log_events_refused_total{reason=\"disk_full\"} 0".into(),
        "mailwake_event_log_commit_seconds_count 3".into(),
    ] {
        assert!(text.lines().any(|written| written == line), "no line {line} in\n{text}");
    }
}

#[test]
fn a_log_that_takes_events_says_so_and_a_closed_one_does_not() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("a log");
    let monitor = log.monitor();
    wait(monitor.probe()).expect("it takes events");
    log.close();
    assert!(matches!(wait(monitor.probe()), Err(AppendError::Closed)));
}

#[test]
fn the_log_of_another_process_tells_how_large_it_is() {
    let directory = directory();
    let (log, _) = EventLog::open(&config(&directory)).expect("a log");
    let end = append(&log, 0..3);
    log.close();
    let monitor = Monitor::of_directory(directory.path());
    assert_eq!(monitor.durable(), Some(end));
    wait(monitor.probe()).expect("it is not asked");
    let text = exposed(&monitor);
    assert!(text.contains("mailwake_event_log_segments 1\n"), "{text}");
    assert!(!text.contains("mailwake_event_log_events_total"), "{text}");
}
