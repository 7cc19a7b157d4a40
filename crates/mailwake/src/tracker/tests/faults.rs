//! A slow disk, a full disk, a shutdown: what was asked is answered.

use super::support::{PATIENCE, Recording, TARGET, Tracker, click, eventually, get};
use crate::{
    event_log::{
        LogConfig, Position,
        writer::{AppendError, Batch},
    },
    tracker::{TrackerConfig, recorder::Log},
};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tracking::token::Engagement;

/// A log whose disk stands still until it is released.
#[derive(Clone, Default)]
struct Stalled {
    released: CancellationToken,
    is_broken: bool,
}

impl Log for Stalled {
    fn append(
        &self,
        _events: Batch,
    ) -> impl Future<Output = Result<Position, AppendError>> + 'static {
        let log = self.clone();
        async move {
            log.released.cancelled().await;
            if log.is_broken { Err(AppendError::Closed) } else { Ok(Position::START) }
        }
    }
}

fn stalled(log: &Stalled, durable_deadline: Duration) -> Tracker {
    let log = log.clone();
    let config = TrackerConfig { durable_deadline, ..TrackerConfig::default() };
    Tracker::start(config, move || log.clone())
}

#[test]
fn a_slow_disk_delays_an_answer_up_to_its_deadline() {
    let log = Stalled::default();
    let deadline = TrackerConfig::default().durable_deadline;
    let tracker = stalled(&log, deadline);
    let mut client = tracker.connect();
    let request = get(&tracker.path(click()));
    let before = Instant::now();
    assert_eq!(client.ask(&request).field("location"), Some(TARGET));
    let waited = before.elapsed();
    assert!(waited >= deadline && waited < PATIENCE, "{waited:?}");
    assert_eq!(client.ask(&get(&tracker.path(Engagement::Open))).status, 200);
    assert_eq!(tracker.counters.past_deadline.get(), 2);
    assert_eq!((tracker.counters.clicks.get(), tracker.counters.opens.get()), (1, 1));
    tracker.stop();
}

#[test]
fn what_is_refused_after_its_deadline_is_counted() {
    let log = Stalled { is_broken: true, ..Stalled::default() };
    let tracker = stalled(&log, Duration::from_millis(1));
    assert_eq!(tracker.get(&tracker.path(click())).status, 302);
    assert_eq!(tracker.counters.not_recorded.get(), 0);
    log.released.cancel();
    eventually(|| tracker.counters.not_recorded.get() == 1);
    tracker.stop();
}

#[test]
fn an_answer_waits_for_the_disk() {
    let log = Stalled::default();
    let tracker = stalled(&log, PATIENCE);
    let mut client = tracker.connect();
    client.send(get(&tracker.path(click())));
    eventually(|| tracker.counters.clicks.get() == 1);
    // Who waits holds nobody else up.
    assert_eq!(tracker.get("/").status, 404);
    log.released.cancel();
    assert_eq!(client.receive(true).field("location"), Some(TARGET));
    assert_eq!(tracker.counters.past_deadline.get(), 0);
    tracker.stop();
}

fn form(tracker: &Tracker) -> String {
    let path = tracker.path(Engagement::ListUnsubscribe { target_url: String::new() });
    let body = "List-Unsubscribe=One-Click";
    format!(
        "POST {path} HTTP/1.1\r\nHost: t.example\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn who_unsubscribes_is_told_so_only_when_it_is_on_disk() {
    let log = Stalled::default();
    let tracker = stalled(&log, Duration::from_millis(1));
    let mut client = tracker.connect();
    client.send(form(&tracker));
    eventually(|| tracker.counters.past_deadline.get() == 1);
    log.released.cancel();
    assert_eq!(client.receive(true).status, 200);
    tracker.stop();
    for deadline in [Duration::ZERO, Duration::from_millis(1)] {
        let log = Stalled { is_broken: true, ..Stalled::default() };
        log.released.cancel();
        let tracker = stalled(&log, deadline);
        let answer = tracker.ask(&form(&tracker));
        assert_eq!((answer.status, answer.field("retry-after")), (503, Some("60")));
        assert_eq!(tracker.counters.not_recorded.get(), 1);
        tracker.stop();
    }
}

#[test]
fn a_full_log_still_redirects() {
    let config = TrackerConfig { durable_deadline: PATIENCE, ..TrackerConfig::default() };
    let recording = Recording::with_log(config, |log| LogConfig {
        segment_bytes: 4096,
        disk_quota_bytes: 8192,
        ..log
    });
    let tracker = &recording.tracker;
    let request = get(&tracker.path(click()));
    let mut client = tracker.connect();
    const REQUESTS: u64 = 100;
    for _ in 0..REQUESTS {
        assert_eq!(client.ask(&request).field("location"), Some(TARGET));
    }
    let not_recorded = tracker.counters.not_recorded.get();
    assert!((1..REQUESTS).contains(&not_recorded), "{not_recorded}");
    assert_eq!(recording.events().len() as u64, REQUESTS - not_recorded);
    recording.stop();
}

#[test]
fn a_shutdown_waits_for_answers_and_not_for_idle_connections() {
    let log = Stalled::default();
    let tracker = stalled(&log, PATIENCE);
    let mut idle = tracker.connect();
    assert_eq!(idle.ask(&get("/")).status, 404);
    let mut waiting = tracker.connect();
    waiting.send(get(&tracker.path(click())));
    eventually(|| tracker.counters.clicks.get() == 1);
    tracker.shutdown.cancel();
    assert!(idle.is_closed());
    log.released.cancel();
    let answer = waiting.receive(true);
    assert_eq!(answer.field("location"), Some(TARGET));
    assert_eq!(answer.field("connection"), Some("close"));
    assert!(waiting.is_closed());
    tracker.join();
}

#[test]
fn a_shutdown_has_an_end() {
    let log = Stalled::default();
    let endless = log.clone();
    let config = TrackerConfig {
        durable_deadline: PATIENCE,
        drain_timeout: Duration::from_millis(1),
        ..TrackerConfig::default()
    };
    let tracker = Tracker::start(config, move || endless.clone());
    let mut client = tracker.connect();
    client.send(get(&tracker.path(click())));
    eventually(|| tracker.counters.clicks.get() == 1);
    tracker.stop();
    assert!(client.is_closed());
}
