use super::*;
use crate::event_log::{EventLog, LogConfig};
use tokio::runtime::Builder;

fn troubles(vitals: &Arc<Vitals>) -> Vec<String> {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(vitals.troubles())
}

#[test]
fn a_process_is_ready_from_the_end_of_its_start_to_the_beginning_of_its_stop() {
    let vitals = Vitals::new(Roles::ALL);
    assert_eq!(troubles(&vitals), ["mailwake starts"]);
    vitals.started.cancel();
    assert_eq!(troubles(&vitals), [""; 0]);
    vitals.producers.cancel();
    assert_eq!(troubles(&vitals), ["mailwake stops"]);
}

#[test]
fn a_log_that_takes_nothing_and_a_store_that_gets_nothing_are_told_together() {
    let directory = tempfile::tempdir().expect("a directory");
    let (log, _) = EventLog::open(&LogConfig::new(directory.path())).expect("a log");
    let vitals = Vitals::new(Roles::ALL);
    vitals.log.set(log.monitor()).expect("set once");
    vitals.started.cancel();
    assert_eq!(troubles(&vitals), [""; 0]);
    log.close();
    vitals.store.trouble.set(Some("feed store: no room".into()));
    assert_eq!(troubles(&vitals), ["append to the event log: it is closed", "feed store: no room"]);
}

#[test]
fn a_process_tells_the_metrics_of_its_own_parts_alone() {
    let vitals =
        Vitals::new(Roles { gateway: false, tracker: true, delivery: false, store: false });
    let text = vitals.metrics().into_text();
    assert!(text.contains("mailwake_tracker_requests_total{answer=\"click\"} 0\n"), "{text}");
    assert!(text.contains("mailwake_build_info{version=\""), "{text}");
    assert!(!text.contains("mailwake_gateway_") && !text.contains("mailwake_store_"), "{text}");
}
