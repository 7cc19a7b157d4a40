//! Lines on standard output, into a pipe that somebody reads, or nobody.

use super::traffic::Traffic;
use crate::support::{PATIENCE, mailwake::Installation, wait_for};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, PipeReader},
};

/// The ids of events in whole lines, until so many are there or the pipe ends.
fn ids(pipe: &mut BufReader<PipeReader>, events: usize) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut line = String::new();
    while ids.len() < events && pipe.read_line(&mut line).is_ok_and(|octets| octets > 0) {
        // The last one may be torn, by the end of the process.
        if let Ok(event) = serde_json::from_str::<Value>(&line) {
            ids.insert(event["event_id"].as_str().expect("an id").into());
        }
        line.clear();
    }
    ids
}

#[test]
fn a_pipe_that_nobody_reads_holds_up_no_shutdown() {
    let installation = Installation::new(9);
    let table = "[feeder.lines]\nkind = \"ndjson\"\ndirectory = \"-\"\nformat = \"mailwake\"\n\
                 types = [\"open\", \"click\"]\nbatch_age_ms_max = 50\n[admin]\n";
    installation.set("[admin]\n", table);
    let mut traffic = Traffic::new(10);
    traffic.append(&installation, 3_000);
    let (serving, pipe) = installation.serve_into_pipe();
    let status = || -> Value {
        let printed = installation.run(&["feeders", "status", "lines", "--json"]);
        serde_json::from_str(&printed).expect("a line of JSON")
    };
    wait_for("a full pipe", PATIENCE, || (status()["state"] == "sending").then_some(()));
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    drop(pipe);

    let (serving, pipe) = installation.serve_into_pipe();
    // Each message has a reception and an injection besides.
    let wanted = 3_000 - 10;
    assert_eq!(ids(&mut BufReader::new(pipe), wanted).len(), wanted);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
