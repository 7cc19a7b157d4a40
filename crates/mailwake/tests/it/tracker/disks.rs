//! Disks that stand still, fail or fill up under load: clicks redirect, and what is lost is
//! what the metrics tell.

use super::{
    load::{check_kept, check_logged, logged_clicks, under_load},
    machine::Disk,
};
use crate::support::{PATIENCE, free_port, mailwake::Installation, say, wait_for};
use std::{collections::BTreeSet, fs, time::Duration};

const CLIENTS: usize = 8;

/// Far more than the deadline of 25 ms, on a machine that has others to serve.
const AT_ONCE: Duration = Duration::from_secs(5);

/// An installation with small files, the usual deadline, and further keys of the event log.
fn installation(event_log: &str) -> Installation {
    let installation = Installation::new(free_port());
    installation.set("durable_deadline_ms = 5000", "durable_deadline_ms = 25");
    let limits = format!("[event_log]\nsegment_mib = 1\n{event_log}\n[tracker]\n");
    installation.set("[tracker]\n", &limits);
    installation
}

/// A disk, or the reason why the test is not run.
fn disk(test: &str, directory: &std::path::Path, mebibytes: u64) -> Option<Disk> {
    let disk = Disk::mount(directory, mebibytes);
    disk.map_err(|error| say(&format!("NOT RUN: {test}: {error}"))).ok()
}

fn not_recorded(installation: &Installation) -> usize {
    installation.metric("mailwake_tracker_events_not_recorded_total") as usize
}

/// Checks that what was answered and is not in the log is as much as was told.
fn check_lost(installation: &Installation, answered: &BTreeSet<String>, lost: usize) {
    let logged: BTreeSet<_> = logged_clicks(installation).into_iter().collect();
    let missing = answered.difference(&logged).count();
    // A request may have been recorded whose client had no time to read its answer.
    assert!(missing <= lost, "{missing} are missing, {lost} were told");
}

#[test]
fn fault_disk_that_stands_still_delays_and_loses_nothing() {
    let installation = installation("");
    let Some(disk) = disk("stalled disk", &installation.data(), 64) else { return };
    let serving = installation.serve_roles("tracker");
    let (load, ()) = under_load(&installation, CLIENTS, |load| {
        load.wait_for_more(100);
        let stall = disk.stall();
        load.wait_for_more(200);
        let waiting = installation.metric("mailwake_event_log_queue_events");
        let octets = installation.metric("mailwake_event_log_queue_bytes");
        assert!(waiting >= 100.0 && octets > waiting, "{waiting} events, {octets} octets");
        drop(stall);
        wait_for("the disk to take up what waited", PATIENCE, || {
            let waiting = installation.metric("mailwake_event_log_queue_events");
            (waiting < 100.0).then_some(())
        });
        load.wait_for_more(100);
    });
    assert!(installation.metric("mailwake_tracker_events_past_deadline_total") >= 100.0);
    assert_eq!(not_recorded(&installation), 0);
    assert!(load.slowest() < AT_ONCE, "an answer took {:?}", load.slowest());
    check_kept(&installation, serving, load);
}

#[test]
fn fault_sigterm_while_the_disk_stands_still_waits_for_it() {
    let installation = installation("");
    let Some(disk) = disk("SIGTERM with a stalled disk", &installation.data(), 64) else { return };
    let serving = installation.serve_roles("tracker");
    let (load, stall) = under_load(&installation, CLIENTS, |load| {
        load.wait_for_more(100);
        let stall = disk.stall();
        load.wait_for_more(100);
        stall
    });
    let answered = load.redirected();
    serving.terminate();
    wait_for("the tracker to have stopped", PATIENCE, || {
        serving.log().contains("tracker has stopped").then_some(())
    });
    drop(stall);
    assert!(serving.wait().success(), "SIGTERM ends serve in order");
    check_logged(&installation, &answered);
}

#[test]
fn fault_disk_that_stands_still_for_long_costs_what_is_told() {
    let installation = installation("queue_events_max = 1000");
    let Some(disk) = disk("disk stalled for long", &installation.data(), 64) else { return };
    let serving = installation.serve_roles("tracker");
    let (load, lost) = under_load(&installation, CLIENTS, |load| {
        load.wait_for_more(100);
        let stall = disk.stall();
        wait_for("the memory to be full", PATIENCE, || {
            (not_recorded(&installation) >= 500).then_some(())
        });
        drop(stall);
        load.wait_for_more(500);
        not_recorded(&installation)
    });
    let refused = "mailwake_event_log_events_refused_total{reason=\"queue_full\"}";
    assert!(installation.metric(refused) >= 500.0);
    let answered = load.redirected();
    let lost = lost.max(not_recorded(&installation));
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    check_lost(&installation, &answered, lost);
    assert!(logged_clicks(&installation).len() >= 1_000, "what could wait is written");
}

#[test]
fn fault_disk_of_the_store_that_fails_costs_no_click() {
    let installation = installation("");
    let store = installation.data().join("store");
    let Some(disk) = disk("failed disk of the store", &store, 64) else { return };
    let serving = installation.serve_roles("tracker,store");
    let (load, ()) = under_load(&installation, CLIENTS, |load| {
        load.wait_for_more(100);
        disk.fail();
        wait_for("the store to have trouble", PATIENCE, || {
            (installation.metric("mailwake_store_failing") == 1.0).then_some(())
        });
        load.wait_for_more(100);
    });
    assert_eq!(not_recorded(&installation), 0);
    assert_eq!(installation.admin("ready").status, 503);
    let answered = load.redirected();
    serving.stop();
    check_logged(&installation, &answered);

    // A disk that is mended gets what it has missed.
    disk.repair();
    let serving = installation.serve_roles("tracker,store");
    wait_for("all clicks to be in the store", PATIENCE, || {
        let events = installation.events(&["--type", "click"]);
        let stored: BTreeSet<_> =
            events.iter().filter_map(|event| event["message_id"].as_str()).collect();
        answered.iter().all(|message| stored.contains(message.as_str())).then_some(())
    });
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn fault_store_that_is_none_costs_no_click() {
    let installation = installation("");
    // A file in the place of its directory.
    fs::write(installation.data().join("store"), "").expect("written");
    let serving = installation.serve_roles("tracker,store");
    let (load, ()) = under_load(&installation, CLIENTS, |load| load.wait_for_more(200));
    assert_eq!(not_recorded(&installation), 0);
    let ready = installation.admin("ready");
    assert!(String::from_utf8_lossy(&ready.body).contains("store is not running"), "{ready:?}");
    check_kept(&installation, serving, load);
}

#[test]
fn fault_event_log_at_its_quota_costs_what_is_told() {
    let installation = installation("disk_quota_mib = 2");
    let serving = installation.serve_roles("tracker");
    let (load, ()) = under_load(&installation, CLIENTS, |_load| {
        wait_for("the log to be full", 4 * PATIENCE, || {
            (not_recorded(&installation) >= 200).then_some(())
        });
    });
    assert!(installation.metric("mailwake_event_log_events_refused_total{reason=\"quota\"}") > 0.0);
    let (lost, answered) = (not_recorded(&installation), load.redirected());
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    check_lost(&installation, &answered, lost);

    // With a store that reads it, the log takes events again.
    let serving = installation.serve_roles("tracker,store");
    let (load, ()) = under_load(&installation, 1, |load| {
        wait_for("the log to take events", PATIENCE, || {
            let before = not_recorded(&installation);
            load.wait_for_more(100);
            (not_recorded(&installation) == before).then_some(())
        });
    });
    assert!(!load.redirected().is_empty());
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn fault_full_disk_costs_what_is_told() {
    let installation = installation("");
    let Some(_disk) = disk("full disk", &installation.data(), 8) else { return };
    let serving = installation.serve_roles("tracker");
    let filler = installation.data().join("filler");
    let (load, ()) = under_load(&installation, CLIENTS, |load| {
        load.wait_for_more(50);
        // Whatever is left. What the log has made ahead is its own.
        fs::write(&filler, vec![1; 64 << 20]).expect_err("the disk is full");
        wait_for("the log to be full", 4 * PATIENCE, || {
            (not_recorded(&installation) >= 100).then_some(())
        });
        fs::remove_file(&filler).expect("a file that is there");
        wait_for("the log to take events", PATIENCE, || {
            (installation.admin("ready").status == 200).then_some(())
        });
        load.wait_for_more(50);
    });
    let full = "mailwake_event_log_events_refused_total{reason=\"disk_full\"}";
    assert!(installation.metric(full) > 0.0);
    let (lost, answered) = (not_recorded(&installation), load.redirected());
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    check_lost(&installation, &answered, lost);
}
