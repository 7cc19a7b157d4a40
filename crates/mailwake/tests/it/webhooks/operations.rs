//! What operators ask of webhooks: whether the receiver is there, and what was wrong last.

use super::traffic::Traffic;
use crate::support::{
    PATIENCE,
    endpoint::{Endpoint, Plan},
    free_port,
    mailwake::Installation,
    wait_for,
};
use serde_json::Value;
use std::fs;

fn configure(installation: &Installation, port: u16, lines: &str) {
    let table = format!(
        "[feeder.hook]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/hook?key=hush\"\n\
         allow_http = true\nto_private_networks = [\"127.0.0.1\"]\nretry_pause_ms = 50\n\
         batch_age_ms_max = 50\n{lines}\n[admin]\n"
    );
    installation.set("[admin]\n", &table);
}

#[test]
fn a_ping_tells_whether_the_receiver_is_there() {
    let endpoint = Endpoint::start(Plan::default());
    let installation = Installation::new(9);
    configure(&installation, endpoint.port, "");
    let said = installation.run(&["feeders", "ping", "hook"]);
    assert!(said.starts_with("hook: status 200 OK after ") && said.ends_with(" ms\n"), "{said}");
    assert_eq!(endpoint.arrivals().pings, ["[{\"msys\":{}}]"]);
    let fails = |right: &str| {
        let said = installation.run_failing(&["feeders", "ping", "hook"]);
        assert!(said.contains(right) && !said.contains("hush"), "{said}");
    };
    endpoint.set(Plan { status: Some(503), ..Plan::default() });
    fails("mailwake: ping hook: status 503 Service Unavailable after ");
    let url = format!("127.0.0.1:{}/", endpoint.port);
    installation.set(&url, &format!("127.0.0.1:{}/", free_port()));
    fails("mailwake: ping hook: connect: Connection refused");
    installation.set("to_private_networks = [\"127.0.0.1\"]\n", "");
    fails("mailwake: ping hook: its host is not one of the internet");
    let said = installation.run_failing(&["feeders", "ping", "crm"]);
    assert!(said.contains("there is no feeder \"crm\"; there are hook"), "{said}");
}

#[test]
fn a_receiver_that_fails_is_told_and_tried_until_it_is_well() {
    let endpoint = Endpoint::start(Plan { status: Some(500), ..Plan::default() });
    let installation = Installation::new(9);
    configure(&installation, endpoint.port, "types = [\"click\"]\nretry_pause_seconds_max = 1");
    let mut traffic = Traffic::new(10);
    traffic.append(&installation, 60);
    let serving = installation.serve();
    wait_for("the warning at start", PATIENCE, || {
        serving.log().contains("a test of the receiver has failed").then_some(())
    });
    let status = || -> Value {
        let printed = installation.run(&["feeders", "status", "hook", "--json"]);
        serde_json::from_str(&printed).expect("a line of JSON")
    };
    let status = wait_for("an open circuit", PATIENCE, || {
        Some(status()).filter(|status| status["told"]["is_circuit_open"] == true)
    });
    let failed = &status["told"]["failed_batches"][0];
    assert_eq!(failed["response_code"], 500, "{status}");
    assert_eq!(failed["failure_code"], "status 500 Internal Server Error", "{status}");
    assert!(failed["attempts"].as_u64() >= Some(5) && failed["ts"].is_i64(), "{status}");
    assert!(failed["latency"].is_i64() && failed["batch_id"].is_string(), "{status}");
    let open = "mailwake_feeder_circuit_open{feeder=\"hook\"}";
    assert_eq!(installation.metric(open), 1.0);

    endpoint.set(Plan::default());
    let arrived = || endpoint.arrivals().count();
    wait_for("the clicks", PATIENCE, || (arrived() == 30).then_some(()));
    assert_eq!(endpoint.arrivals().wrong, Vec::<String>::new());
    let id = failed["batch_id"].as_str().expect("an id");
    assert!(endpoint.arrivals().batch_ids().contains(&id), "it is the same batch: {id}");
    wait_for("a closed circuit", PATIENCE, || (installation.metric(open) == 0.0).then_some(()));
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// Bounces have their classes by the rules, so these reach whoever writes events.
#[test]
fn rules_that_have_changed_reach_feeders_at_sighup() {
    let endpoint = Endpoint::start(Plan::default());
    let installation = Installation::new(9);
    let rules = installation.folder().join("rules.toml");
    let rule = |class: &str| {
        format!("[[text]]\nname = \"ours\"\nclass = {class}\nany = [\"no such shop\"]\n")
    };
    fs::write(&rules, rule("10")).expect("written");
    let table = format!("[bounces]\nrules_file = \"{}\"\n", rules.display());
    configure(&installation, endpoint.port, &table);
    let serving = installation.serve();
    let count = |words: &str| serving.log().matches(words).count();
    let wait_for_count = |words: &str, times: usize| {
        wait_for(words, PATIENCE, || (count(words) >= times).then_some(()));
    };
    wait_for_count("feeder is ready", 1);
    serving.reload();
    wait_for_count("were reloaded", 1);
    assert_eq!(count("feeder is ready"), 1, "nothing has changed");
    fs::write(&rules, rule("30")).expect("written");
    serving.reload();
    wait_for_count("feeder is ready", 2);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
